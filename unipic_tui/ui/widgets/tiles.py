"""The tiles of a gallery: where they are, and how one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.strips import JoinedStrip
from unipic_tui.text import one_line, printable

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


FAVOURITE = "★"
_LEFT_BAR, _RIGHT_BAR = "▐", "▌"
_WIDE = 90
"""Cells from which a list has room for names of files."""
_WAITING, _UNREADABLE = "·", "✗"


@dataclass(frozen=True, slots=True)
class TileLook:
    """The styles of tiles: the ground, captions, the mark of favourites, and the chosen tile."""

    ground: Style
    caption: Style
    favourite: Style
    chosen: Style


def tile_lines(
    picture: StoredPicture,
    place: int,
    label: str,
    tiles: TileLayout,
    thumbnail: Sequence[Strip] | None,
    *,
    chosen: bool,
    look: TileLook,
) -> list[Strip]:
    """A tile's lines, all as wide as the tile.

    Args:
        place: what the caption calls it, counted from 1.
        label: what tells it from those it was made with; empty where the prompt does.
        thumbnail: lines of one width that fit into ``tiles.picture``; none where the picture cannot
            be read; ``None`` where it is still to be made.
        chosen: whether the cursor is on it.
    """
    caption = _caption(picture, place, label, tiles, chosen, look)
    if tiles.layout == "list":
        return [caption]
    bar = Style(color=look.chosen.bgcolor, bgcolor=look.ground.bgcolor) if chosen else look.ground
    left = _cells(_LEFT_BAR if chosen else " ", bar)
    right = _cells(_RIGHT_BAR if chosen else " ", bar)
    columns, rows = tiles.picture
    lines: list[Strip] = []
    for line in range(rows):
        at = line - (rows - len(thumbnail or ())) // 2
        if not thumbnail:
            sign = _WAITING if thumbnail is None else _UNREADABLE
            words = sign.center(columns) if line == rows // 2 else " " * columns
            middle = [_cells(words, look.caption)]
        elif 0 <= at < len(thumbnail):
            room = columns - thumbnail[at].cell_length
            before = _cells(" " * (room // 2), look.ground)
            middle = [before, thumbnail[at], _cells(" " * (room - room // 2), look.ground)]
        else:
            middle = [_cells(" " * columns, look.ground)]
        lines.append(JoinedStrip([left, *middle, right]))
    return [*lines, caption]


def _caption(
    picture: StoredPicture, place: int, label: str, tiles: TileLayout, chosen: bool, look: TileLook
) -> Strip:
    width, prompt = tiles.width, picture.job.prompt
    if tiles.layout == "list":
        name = printable(picture.path.name)
        facts = f"  {picture.width}×{picture.height}" + (f"  {name}" if width >= _WIDE else "")
        words = f"{place} {f'{label} · ' if label else ''}{prompt}"
        words = one_line(words, max(0, width - len(facts) - 2)) + facts
    elif len(f"{place} {label}") > width - 2 and label:
        # The values alone, and what changes fastest first: ``3·purple`` of ``purple, guidance 3``.
        # Not ``3 purple``, as other captions begin with their picture's place.
        words = "·".join(part.rpartition(" ")[2] for part in reversed(label.split(", ")))
    else:
        words = f"{place} {label or prompt}"
    words = set_cell_size(one_line(words, width - 2), max(0, width - 1))
    mark = FAVOURITE if picture.favourite else " "
    return Strip(
        [
            Segment(mark, look.chosen if chosen else look.favourite),
            Segment(words, look.chosen if chosen else look.caption),
        ],
        width,
    )


@lru_cache(maxsize=256)
def _cells(text: str, style: Style) -> Strip:
    """Cells of one style: the same few are everywhere."""
    return Strip([Segment(text, style)] if text else [], len(text))
