"""Thumbnails: made when first asked for, kept as small files that may be deleted at any time."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from PIL import Image

from unipic_tui.errors import StorageError
from unipic_tui.files import read_bytes, write_atomic
from unipic_tui.library.layout import THUMBNAILS
from unipic_tui.library.pngs import MAX_BYTES, load_image
from unipic_tui.library.search import Search


class Thumbnails(Search):
    """The part of the library that shows pictures small."""

    def thumbnail(self, picture: int, size: int) -> Image.Image:
        """The picture scaled to fit ``size`` × ``size`` pixels (RGB), kept for the next time.

        Raises:
            StorageError: the picture is not there, or its file is damaged.
        """
        row = self.database.row("SELECT uid, path FROM pictures WHERE id = ?", (picture,))
        if row is None:
            raise self._missing("picture", picture)
        cached = self.folder / THUMBNAILS / str(size) / row["uid"][:2] / f"{row['uid']}.png"
        with contextlib.suppress(StorageError):
            return load_image(read_bytes(cached, MAX_BYTES), cached)
        path = self.folder / row["path"]
        image = shrink(load_image(read_bytes(path, MAX_BYTES), path), size)
        self._keep(cached, image)
        return image

    def _keep(self, cached: Path, image: Image.Image) -> None:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        # A cache that cannot be written makes things slower, no more.
        with contextlib.suppress(OSError, StorageError):
            cached.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(cached, buffer.getvalue())


def shrink(image: Image.Image, size: int) -> Image.Image:
    """The image in RGB, scaled down to fit a square of ``size`` pixels; smaller ones stay."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (127, 127, 127, 255))
        image = Image.alpha_composite(ground, image)
    image = image.convert("RGB")
    image.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image
