"""A contact sheet: small pictures in rows and columns with labels of what made them differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from PIL.Image import Image
from rich.cells import cell_len
from rich.segment import Segment
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Label

from unipic_tui.errors import UnipicError
from unipic_tui.jobs import DrawingJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.halfblocks import half_block_pixels, half_block_strips
from unipic_tui.text import amount, one_line
from unipic_tui.ui.commands import SHEET, chosen_keys, declared, hints, key_bindings
from unipic_tui.ui.iterate import Sheet, contact_sheet
from unipic_tui.ui.widgets.bars import KeyHints

SMALLEST, USUAL, LARGEST = 12, 20, 40
"""Cells across a picture: at least, where not all are in sight, and at most."""
_ROW_LABEL = 18
"""Cells for the labels of rows, at most."""
_GAP = 2


class SheetView(ScrollView, can_focus=True):
    """Draws the sheet; the arrow keys or h, j, k, l move, Enter takes a picture.

    Args:
        pictures: what is on the sheet.
        chosen: id of the picture the cursor begins on.
        load: reads a small version of a picture; called off the event loop.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet--label", "sheet--cursor", "sheet--empty"}

    cursor: reactive[tuple[int, int]] = reactive((0, 0))

    @dataclass
    class Taken(Message):
        """A picture was chosen."""

        picture: StoredPicture

    def __init__(
        self,
        pictures: Sequence[StoredPicture],
        chosen: int,
        load: Callable[[StoredPicture], Image],
    ) -> None:
        super().__init__()
        drawn = [(each, each.job) for each in pictures if isinstance(each.job, DrawingJob)]
        self.pictures = [picture for picture, _ in drawn]
        self._jobs = [job for _, job in drawn]
        self._load = load
        self._strips: dict[int, list[Strip]] = {}
        known = enumerate(each.seed_known for each in self.pictures)
        self._unknown = frozenset(index for index, is_known in known if not is_known)
        self._sheet = contact_sheet(self._jobs, unknown_seeds=self._unknown)
        self._across = USUAL
        self._chosen = chosen

    # Layout

    @property
    def sheet(self) -> Sheet:
        """What is in which row and column."""
        return self._sheet

    @property
    def _left(self) -> int:
        """Cells before the first column, for the labels of rows."""
        widest = max(map(cell_len, self._sheet.rows))
        return min(_ROW_LABEL, widest + _GAP) if widest else 1

    @property
    def _top(self) -> int:
        """Lines above the first row, for the labels of columns."""
        return 2 if any(self._sheet.columns) else 0

    @property
    def _lines(self) -> int:
        """Lines of a picture with the label under it."""
        return self._across // 2 + 1

    def on_resize(self) -> None:
        """Make the pictures as large as all of them can be, if they can all be in sight."""
        sheets = [
            contact_sheet(self._jobs, wrap, self._unknown) for wrap in range(1, len(self._jobs) + 1)
        ]
        self._across, self._sheet = max(
            ((self._room(sheet), sheet) for sheet in sheets), key=lambda fitted: fitted[0]
        )
        if self._across < SMALLEST:
            self._across = USUAL
            self._sheet = contact_sheet(
                self._jobs, max(1, (self.size.width - 1) // (USUAL + _GAP)), self._unknown
            )
        columns, rows = len(self._sheet.columns), len(self._sheet.rows)
        self.virtual_size = Size(
            self._left + columns * (self._across + _GAP), self._top + rows * (self._lines + 1)
        )
        self._point_at(self._chosen)
        self._strips.clear()
        self.run_worker(self._load_all(), exclusive=True)

    def _room(self, sheet: Sheet) -> int:
        """How many cells wide pictures can be for all of a sheet to be in sight."""
        self._sheet = sheet
        wide = (self.size.width - self._left) // len(sheet.columns) - _GAP
        lines = (self.size.height - self._top) // len(sheet.rows) - 2
        return min(LARGEST, wide, 2 * lines)

    def _point_at(self, picture: int) -> None:
        for row, cells in enumerate(self._sheet.cells):
            for column, index in enumerate(cells):
                if index is not None and self.pictures[index].id == picture:
                    self.cursor = column, row
                    return
        self.cursor = 0, 0

    async def _load_all(self) -> None:
        for index, picture in enumerate(self.pictures):
            try:
                self._strips[index] = await asyncio.to_thread(self._draw, picture)
            except UnipicError:
                self._strips[index] = []  # it cannot be read
            self.refresh()

    def _draw(self, picture: StoredPicture) -> list[Strip]:
        image = self._load(picture)
        scale = self._across / max(image.size)
        columns = max(1, round(image.width * scale))
        lines = max(1, round(image.height * scale / 2))
        return half_block_strips(half_block_pixels(image, columns, lines), self.app.console)

    # Moving

    @SHEET.command("sheet.take", "enter", "Choose", hint="Choose")
    def action_take(self) -> None:
        """Close the sheet with this picture chosen."""
        column, row = self.cursor
        index = self._sheet.cells[row][column] if self._sheet.cells else None
        if index is not None:
            self.post_message(self.Taken(self.pictures[index]))

    @SHEET.command("sheet.left", "left,h", "Left", args=(-1, 0), hint="Move")
    @SHEET.command("sheet.right", "right,l", "Right", args=(1, 0), hint="Move")
    @SHEET.command("sheet.up", "up,k", "Up", args=(0, -1), hint="Move")
    @SHEET.command("sheet.down", "down,j", "Down", args=(0, 1), hint="Move")
    def action_move(self, right: int, down: int) -> None:
        """Go to the next picture in that direction."""
        column, row = self.cursor
        while True:
            column, row = column + right, row + down
            if not (0 <= row < len(self._sheet.rows) and 0 <= column < len(self._sheet.columns)):
                return
            if self._sheet.cells[row][column] is not None:
                self.cursor = column, row
                return

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    def watch_cursor(self) -> None:
        """Follow the cursor."""
        column, row = self.cursor
        self.refresh()
        place = Region(
            self._left + column * (self._across + _GAP) - 1,
            self._top + row * (self._lines + 1),
            self._across + _GAP,
            self._lines,
        )
        self.scroll_to_region(place, animate=False)

    def on_click(self, event: events.Click) -> None:
        """Go to the picture under the mouse; a second click takes it."""
        column = (event.x + self.scroll_offset.x - self._left) // (self._across + _GAP)
        row = (event.y + self.scroll_offset.y - self._top) // (self._lines + 1)
        if not (0 <= row < len(self._sheet.rows) and 0 <= column < len(self._sheet.columns)):
            return
        if self._sheet.cells[row][column] is None:
            return
        if (column, row) == self.cursor:
            self.action_take()
        self.cursor = column, row

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the sheet."""
        line = y + self.scroll_offset.y
        width = max(self.size.width, self.virtual_size.width)
        if line >= self._top:
            strip = self._row_line(line - self._top)
        else:
            strip = self._column_labels() if line == 0 else Strip([])
        start = self.scroll_offset.x
        return strip.adjust_cell_length(width, self.rich_style).crop(start, start + self.size.width)

    def _column_labels(self) -> Strip:
        label = self.get_component_rich_style("sheet--label")
        segments = [Segment(" " * self._left, self.rich_style)]
        for text in self._sheet.columns:
            shown = one_line(text, self._across)
            segments.append(Segment(shown, label))
            gap = self._across + _GAP - Segment.get_line_length([Segment(shown)])
            segments.append(Segment(" " * gap, self.rich_style))
        return Strip(segments)

    def _row_line(self, line: int) -> Strip:
        row, inside = divmod(line, self._lines + 1)
        if row >= len(self._sheet.rows):
            return Strip.blank(self.size.width, self.rich_style)
        label = self.get_component_rich_style("sheet--label")
        start = self._sheet.rows[row] if inside == self._across // 4 else ""
        shown = one_line(start, self._left - 1)
        gap = self._left - Segment.get_line_length([Segment(shown)])
        parts = [Strip([Segment(shown, label), Segment(" " * gap, self.rich_style)])]
        parts += [
            self._cell_line(index, inside, (column, row) == self.cursor)
            for column, index in enumerate(self._sheet.cells[row])
        ]
        return Strip.join(parts)

    def _cell_line(self, index: int | None, line: int, chosen: bool) -> Strip:
        if index is None or line >= self._lines:
            return Strip.blank(self._across + _GAP, self.rich_style)
        cursor = self.get_component_rich_style("sheet--cursor")
        if line == self._lines - 1:
            style = cursor if chosen else self.get_component_rich_style("sheet--label")
            text = one_line(self._under(index), self._across)
            return self._padded(Strip([Segment(text, style)]))
        strips = self._strips.get(index)
        if strips is None:
            empty = self.get_component_rich_style("sheet--empty")
            found = Strip([Segment("·" if line == self._across // 4 else " ", empty)])
        else:
            found = strips[line] if line < len(strips) else Strip([])
        if chosen:
            bar = Strip([Segment("▌", cursor)])
            return self._padded(Strip.join([self._padded(found, self._across), bar]))
        return self._padded(found)

    def _under(self, index: int) -> str:
        """The label under a picture; in a table the margins say it all."""
        return "" if any(self._sheet.columns) else self._sheet.labels[index]

    def _padded(self, strip: Strip, width: int | None = None) -> Strip:
        return strip.adjust_cell_length(width or self._across + _GAP, self.rich_style)


class SheetScreen(ModalScreen[int | None]):
    """Comes back with the id of the picture that was taken, or ``None``."""

    def __init__(self, view: SheetView) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """The sheet."""
        with Vertical(classes="dialog -full"):
            title = f"Contact sheet: {amount(len(self._view.pictures), 'picture')}"
            yield Label(title, classes="dialog-title", markup=False)
            yield self._view
            yield KeyHints(hints(declared(SheetView, SheetScreen), chosen_keys(self)))

    def on_mount(self) -> None:
        """The arrow keys move."""
        self._view.focus()

    @SHEET.command("sheet.close", "escape,ctrl+c,q,x", "Close", hint="Close", rank=9)
    def action_close(self) -> None:
        """Close the contact sheet."""
        self.dismiss(None)

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    @on(SheetView.Taken)
    def _taken(self, event: SheetView.Taken) -> None:
        self.dismiss(event.picture.id)
