"""Where the tiles of a gallery are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["strip", "grid", "list"]

_GRID_HEIGHT = 10
"""From this height on, in lines, there is room for more than one row."""
_HIGH = 24


@dataclass(frozen=True, slots=True)
class TileLayout:
    """A row of tiles that goes on to the right, or rows of them that go on downwards.

    Attributes:
        layout: one row (``strip``), rows (``grid``), or a line of text for each (``list``).
        width, height: a tile's size in cells, with the bar on each side and the caption below.
        across: tiles in a row; in a strip, as many as there are.
    """

    layout: Layout
    width: int
    height: int
    across: int

    @classmethod
    def fitted(cls, columns: int, lines: int, count: int, *, text: bool) -> TileLayout:
        """The tiles for a gallery of this size.

        Args:
            columns, lines: the gallery's size in cells.
            count: how many pictures there are.
            text: captions alone.
        """
        if text:
            return cls("list", max(1, columns), 1, 1)
        if lines < _GRID_HEIGHT:
            rows = max(1, lines - 1)
            return cls("strip", 2 * rows + 2, rows + 1, max(1, count))
        rows = 5 if lines < _HIGH else 7
        width = 2 * rows + 2
        return cls("grid", width, rows + 1, max(1, columns // width))

    @property
    def picture(self) -> tuple[int, int]:
        """Columns and rows of a thumbnail."""
        return max(1, self.width - 2), max(1, self.height - 1)

    def total(self, count: int) -> tuple[int, int]:
        """Columns and lines that so many tiles take."""
        return min(self.across, max(1, count)) * self.width, -(-count // self.across) * self.height

    def place(self, index: int) -> tuple[int, int]:
        """Column and line of a tile's upper left corner."""
        row, column = divmod(index, self.across)
        return column * self.width, row * self.height

    def at(self, x: int, y: int) -> int | None:
        """Index of the tile at a cell, whether or not there is a picture for it."""
        column = x // self.width
        if x < 0 or y < 0 or column >= self.across:
            return None
        return y // self.height * self.across + column

    def row(self, y: int, x: int, columns: int) -> range:
        """Indices of the tiles that line ``y`` crosses between two columns."""
        start = y // self.height * self.across
        first = x // self.width
        last = min(self.across, -(-(x + columns) // self.width))
        return range(start + first, start + max(first, last))
