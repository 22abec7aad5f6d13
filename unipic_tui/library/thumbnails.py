"""Thumbnails: made when first needed, kept as small files that may be deleted at any time."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from unipic_tui.errors import UnipicError
from unipic_tui.files import write_atomic
from unipic_tui.library.layout import THUMBNAILS, thumbnail_name
from unipic_tui.library.storage import Storage
from unipic_tui.pictures import load_image


class Thumbnails:
    """The thumbnails of a library's pictures."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, picture: int, size: int) -> Image.Image:
        """The picture scaled to fit ``size`` × ``size`` pixels (RGB), kept for the next time.

        Raises:
            StorageError: the picture is not there.
            InputError: its file is damaged.
        """
        row = self._storage.database.row("SELECT uid, path FROM pictures WHERE id = ?", (picture,))
        if row is None:
            raise self._storage.missing("picture", picture)
        cached = self._storage.path(f"{THUMBNAILS}/{size}/{thumbnail_name(row['uid'])}")
        with contextlib.suppress(UnipicError):
            return load_image(cached)
        image = load_image(self._storage.path(row["path"]), max_side=size)
        self._keep(cached, image)
        return image

    def _keep(self, cached: Path, image: Image.Image) -> None:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        # A cache that cannot be written makes things slower, no more.
        with contextlib.suppress(OSError, UnipicError):
            self._storage.database.mark_dirty()
            cached.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(cached, buffer.getvalue())

    def forget(self, uids: Iterable[str]) -> None:
        """Delete the thumbnails of pictures that are deleted, by their uids."""
        with contextlib.suppress(OSError):
            for size in (self._storage.folder / THUMBNAILS).iterdir():
                for uid in uids:
                    (size / thumbnail_name(uid)).unlink(missing_ok=True)
