"""Thumbnails: made when first asked for, kept as small files that may be deleted at any time."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from PIL import Image

from unipic_tui.errors import UnipicError
from unipic_tui.files import write_atomic
from unipic_tui.library.layout import THUMBNAILS, inside, thumbnail_name
from unipic_tui.library.search import Search
from unipic_tui.pictures import load_image


class Thumbnails(Search):
    """The part of the library that shows pictures small."""

    def thumbnail(self, picture: int, size: int) -> Image.Image:
        """The picture scaled to fit ``size`` × ``size`` pixels (RGB), kept for the next time.

        Raises:
            StorageError: the picture is not there.
            InputError: its file is damaged.
        """
        row = self.database.row("SELECT uid, path FROM pictures WHERE id = ?", (picture,))
        if row is None:
            raise self._missing("picture", picture)
        cached = inside(self.folder, f"{THUMBNAILS}/{size}/{thumbnail_name(row['uid'])}")
        with contextlib.suppress(UnipicError):
            return load_image(cached)
        image = load_image(inside(self.folder, row["path"]), max_side=size)
        self._keep(cached, image)
        return image

    def _keep(self, cached: Path, image: Image.Image) -> None:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        # A cache that cannot be written makes things slower, no more.
        with contextlib.suppress(OSError, UnipicError):
            self.database.mark_dirty()
            cached.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(cached, buffer.getvalue())
