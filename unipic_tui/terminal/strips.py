"""Lines of a widget that are written as a picture, and as half blocks wherever that cannot be.

A `Strip` of Textual is cut up where something lies over it, joined and dimmed behind a dialog,
turned into SVG. Terminal graphics stand none of this. So the line's segments are half blocks, and
only a line that is written as it is, whole, is written as the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_SAVE = "\x1b7"
_RESTORE = "\x1b8"


class Band:
    """Lines of a widget that one sequence draws; it is written with the last of them.

    Args:
        top: the first line, counted from the picture's own.
        height: how many.
        sequence: what draws them, from the cell at the first line's left edge.
        erases: whether the sequence writes every cell; otherwise what is in them is erased first.
        repair: called when lines were written without the sequence; the band may be whole again
            by the time the update is complete, so look at `broken` after it.

    Attributes:
        shown: whether the terminal has been given the picture, so that the lines may be written
            as one; half blocks until then.
        broken: whether some of the lines show something else than the picture.
    """

    def __init__(
        self,
        top: int,
        height: int,
        sequence: str,
        *,
        erases: bool,
        repair: Callable[[Band], None],
    ) -> None:
        self.top = top
        self.height = height
        self.sequence = sequence
        self.erases = erases
        self.shown = False
        self.broken = False
        self._repair = repair
        self._covered: set[int] = set()

    @property
    def whole(self) -> bool:
        """Whether it may be written as a picture now: nothing lies over any of its lines."""
        return self.shown and not self._covered

    def cover(self, line: int, covered: bool) -> None:
        """Something lies over a line, or no longer does."""
        if covered:
            self._covered.add(line)
        else:
            self._covered.discard(line)

    def wrote(self, line: int) -> None:
        """A line was written as it should be; only with the last one is the picture there."""
        if line == self.height - 1:
            self.broken = False
        else:
            self.spoil()

    def spoil(self) -> None:
        """A part of a line was written over the picture."""
        if self.shown and not self.broken:
            self.broken = True
            self._repair(self)

    def drawing(self) -> str:
        """Draws the band from its last line's left edge, and leaves the cursor there."""
        up = f"\x1b[{self.height - 1}A" if self.height > 1 else ""
        return f"{_SAVE}{up}{self.sequence}{_RESTORE}"


class JoinedStrip(Strip):
    """Strips side by side, each written in its own way, such as `BlockStrip`'s."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Strip]) -> None:
        super().__init__(
            [segment for part in parts for segment in part],
            sum(part.cell_length for part in parts),
        )
        self._parts = parts

    def render(self, console: Console) -> str:
        """What is written to the terminal when nothing cuts into the line."""
        return "".join([part.render(console) for part in self._parts])

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Cut by the compositor; between two parts, as next to a scrollbar, nothing is lost."""
        cuts = [cut for cut in cuts if cut <= self.cell_length]
        pieces: list[list[Strip]] = [[] for _ in cuts]
        end = piece = 0
        for part in self._parts:
            if piece < len(cuts):
                pieces[piece].append(part)
            end += part.cell_length
            while piece < len(cuts) and end >= cuts[piece]:
                if end > cuts[piece]:
                    return super().divide(cuts)
                piece += 1
        return [JoinedStrip(parts) for parts in pieces]


class PictureStrip(Strip):
    """A line of a picture, with what stands left and right of it.

    Args:
        blocks: the picture's line as half blocks.
        band: the band that the line belongs to.
        line: which of the band's lines it is.
        before, after: the segments left and right of the picture.
        ground: style of the cells under the picture.
    """

    __slots__ = ("_after", "_band", "_before", "_blocks", "_cells", "_line")

    def __init__(
        self,
        blocks: Strip,
        band: Band,
        line: int,
        *,
        before: Sequence[Segment],
        after: Sequence[Segment],
        ground: Style,
    ) -> None:
        super().__init__([*before, *blocks, *after])
        width = blocks.cell_length
        self._blocks = blocks
        self._before = Strip(before)
        self._after = Strip(after)
        self._cells = Strip([Segment(" " * width, ground)], width)
        self._band = band
        self._line = line

    def render(self, console: Console) -> str:
        """What is written to the terminal when nothing cuts into the line."""
        band = self._band
        last = self._line == band.height - 1
        if band.whole:
            band.wrote(self._line)
        if not band.whole:
            cells = self._blocks.render(console)
        elif band.erases:
            cells = band.sequence if last else self._cells.render(console)
        else:
            # The cursor is put back, not moved back: at the screen's right edge it would be off
            # by one.
            drawing = band.drawing() if last else ""
            forward = f"\x1b[{self._cells.cell_length}C"
            cells = f"{_SAVE}{self._cells.render(console)}{_RESTORE}{drawing}{forward}"
        return self._before.render(console) + cells + self._after.render(console)

    def weight(self, console: Console) -> int:
        """About how many bytes `render` makes, without counting as having been written."""
        if not self._band.whole:
            return len(self._blocks.render(console)) + len(self.text) - self._cells.cell_length
        last = self._line == self._band.height - 1
        return self.cell_length + (len(self._band.sequence) if last else 0)

    def plain(self, console: Console) -> str | None:
        """What is written for the picture's part of the line, if that is half blocks."""
        return None if self._band.shown else self._blocks.render(console)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Cut by the compositor; anywhere but at the end, this means that something covers it."""
        cuts = [cut for cut in cuts if cut <= self.cell_length]
        self._band.cover(self._line, cuts != [self.cell_length])
        return super().divide(cuts)

    def crop(self, start: int, end: int | None = None) -> Strip:
        """A part of the line, as half blocks; writing it spoils the picture."""
        cropped = super().crop(start, end)
        if cropped is not self:
            self._band.spoil()
        return cropped
