"""Small pictures of half blocks, made in the background and kept while there is room."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL.Image import Image
from rich.console import Console
from textual.strip import Strip

from unipic_tui.errors import UnipicError
from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.geometry import Pair, fit_cells
from unipic_tui.terminal.halfblocks import half_block_pixels, half_block_strips

Loader = Callable[[StoredPicture, int], Image]
"""A picture, and the longest side in pixels that is needed, to a small version of it, RGB."""

KEPT = 1000
_BATCH_SECONDS = 0.03
_LEAST_SIDE = 64


class ThumbnailCache:
    """What was made, by picture and size; used on the event loop.

    Args:
        load: reads a small version of a picture; it runs in the thumbnails' thread.
    """

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._made: OrderedDict[tuple[Path, Pair], list[Strip]] = OrderedDict()

    def get(self, picture: StoredPicture, size: Pair) -> list[Strip] | None:
        """The lines of a thumbnail that fits into ``size`` cells.

        Returns:
            Lines of one width; none for a picture that cannot be read; None where it is still to
            be made.
        """
        key = (picture.path, size)
        strips = self._made.get(key)
        if strips is not None:
            self._made.move_to_end(key)
        return strips

    def keep(self, pictures: Sequence[StoredPicture], size: Pair, made: list[list[Strip]]) -> None:
        """Take in what `make_some` made of the first of these pictures."""
        for picture, strips in zip(pictures, made, strict=False):
            self._made[(picture.path, size)] = strips
        while len(self._made) > KEPT:
            self._made.popitem(last=False)

    def make_some(
        self, pictures: Sequence[StoredPicture], size: Pair, cell: Pair, console: Console
    ) -> list[list[Strip]]:
        """ThumbnailCache of the first pictures, as many as are quickly made, at least one.

        Args:
            size: columns and rows of each.
            cell: a cell's size in pixels.
        """
        made: list[list[Strip]] = []
        end = time.monotonic() + _BATCH_SECONDS
        for picture in pictures:
            made.append(self._make(picture, size, cell, console))
            if time.monotonic() > end:
                break
        return made

    def _make(
        self, picture: StoredPicture, size: Pair, cell: Pair, console: Console
    ) -> list[Strip]:
        columns, rows = size
        try:
            image = self._load(picture, max(_LEAST_SIDE, 2 * columns, 4 * rows))
        except UnipicError:
            return []
        width, height = fit_cells(image.size, size, cell)
        return half_block_strips(half_block_pixels(image, width, height), console)
