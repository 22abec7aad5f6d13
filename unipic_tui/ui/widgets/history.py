"""The history: sessions, and under them their jobs as a tree, found as you type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from unipic_tui.library.records import Entry
from unipic_tui.text import one_line
from unipic_tui.ui.commands import HISTORY, SEARCH, key_bindings
from unipic_tui.ui.open_session import HistoryRow
from unipic_tui.ui.widgets.line import Line
from unipic_tui.ui.wording import STATE_WORDS, entry_title, mode_glyph, when

_FAR = 1_000_000_000
_FOLDS = ("▸ ", "▾ ")
_DEEPEST = 6
"""Levels that are indented; a longer chain of edits goes on at this depth."""


class HistoryTree(ScrollView, can_focus=True):
    """Lines of sessions and entries; draws only those in sight, so that thousands cost nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "history--session",
        "history--current",
        "history--entry",
        "history--dim",
        "history--running",
        "history--failed",
        "history--waiting",
        "history--cursor",
        "history--cursor-blurred",
    }

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Highlighted(Message):
        """The cursor was moved to a row."""

        row: HistoryRow

    @dataclass
    class Opened(Message):
        """Enter was pressed on a row, or it was clicked."""

        row: HistoryRow

    @dataclass
    class Folded(Message):
        """What is below a session or a run is to be shown, or hidden."""

        row: HistoryRow
        unfold: bool

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._rows: Sequence[HistoryRow] = ()
        self._empty = ""
        self._current = 0
        self._now = now

    # What is shown

    def set_rows(self, rows: Sequence[HistoryRow], current: int, empty: str = "") -> None:
        """Show rows; the cursor stays on the row it was on, wherever that is now.

        Args:
            rows: sessions, each followed by its entries where it is open.
            current: id of the session on the screen.
            empty: what to say where there are none.
        """
        key = self.row.key if self.row else None
        self._rows, self._current, self._empty = rows, current, empty
        self.virtual_size = Size(self.size.width, len(rows))
        place = next((at for at, row in enumerate(rows) if row.key == key), None)
        cursor = self.validate_cursor(self.cursor if place is None else place)
        self.set_reactive(HistoryTree.cursor, cursor)
        self.refresh()

    def change_entry(self, entry: Entry) -> None:
        """Show an entry's new state; much cheaper than new rows."""
        rows = list(self._rows)
        for at, row in enumerate(rows):
            same = row.entry is not None and row.entry.id == entry.id
            if same or (row.run is not None and entry.id in row.run):
                run = row.run and row.run.changed(entry)
                rows[at] = dataclasses.replace(row, entry=entry if same else row.entry, run=run)
                self._rows = rows
                self.refresh_line(at)

    def point_at(self, entry: int, picture: int | None = None) -> None:
        """Put the cursor on an entry, on one of its pictures where it has drawn several.

        Nobody is told. Of a closed run, the cursor goes to the run.
        """

        def nearness(row: HistoryRow) -> int:
            if row.run is not None:
                return entry in row.run
            same = row.entry is not None and row.entry.id == entry
            return same * (2 + (row.picture is not None and row.picture.id == picture))

        place = max(range(len(self._rows)), key=lambda at: nearness(self._rows[at]), default=0)
        if self._rows and nearness(self._rows[place]):
            with self.prevent(self.Highlighted):
                self.cursor = place

    @property
    def row(self) -> HistoryRow | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def rows(self) -> Sequence[HistoryRow]:
        """All rows."""
        return self._rows

    # Moving

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Follow the cursor and tell of it."""
        self.refresh_line(before)
        self.refresh_line(after)
        self.scroll_to_region(Region(0, after, 1, 1), animate=False)
        if self.row is not None:
            self.post_message(self.Highlighted(self.row))

    @HISTORY.command("history.up", "up,k", "Up", args=(-1,))
    @HISTORY.command("history.down", "down,j", "Down", args=(1,))
    @HISTORY.command("history.first", "home", "First", args=(-_FAR,))
    @HISTORY.command("history.last", "end", "Last", args=(_FAR,))
    def action_move(self, lines: int) -> None:
        """Go to another row."""
        self.cursor += lines

    @HISTORY.command("history.page-up", "pageup", "Page up", args=(-1,))
    @HISTORY.command("history.page-down", "pagedown", "Page down", args=(1,))
    def action_page(self, pages: int) -> None:
        """Go up or down by as many rows as are in sight."""
        self.cursor += pages * max(1, self.size.height - 1)

    @HISTORY.command("history.open", "enter", "Open", hint="Open", rank=1)
    def action_open(self) -> None:
        """Open the session, or choose the job."""
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    @HISTORY.command("history.fold", "left,h", "Close", hint="Fold")
    def action_fold(self) -> None:
        """Hide what is below a session or a run; from a job, go up to what it was made from."""
        row = self.row
        if row is not None and row.entry is not None and not (row.run and row.open):
            above = (at for at in range(self.cursor, -1, -1) if self._rows[at].depth < row.depth)
            self.cursor = next(above, self.cursor)
        else:
            self._fold(unfold=False)

    @HISTORY.command("history.unfold", "right,l", "Look into", hint="Fold")
    def action_unfold(self) -> None:
        """Show the jobs of a session or a run."""
        self._fold(unfold=True)

    def _fold(self, unfold: bool) -> None:
        if self.row is not None and (self.row.entry is None or self.row.run is not None):
            self.post_message(self.Folded(self.row, unfold))

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    def on_click(self, event: events.Click) -> None:
        """Go to the line under the mouse; a second click, or one on a session, opens it."""
        place = event.y + self.scroll_offset.y
        if place >= len(self._rows):
            return
        again = place == self.cursor
        self.cursor = place
        if again or self._rows[place].entry is None:
            self.action_open()

    # Drawing

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"history--{name}")

    def on_resize(self) -> None:
        """Lines are as wide as the widget."""
        self.virtual_size = Size(self.size.width, len(self._rows))

    def render_line(self, y: int) -> Strip:
        """One line."""
        place = y + self.scroll_offset.y
        width, ground = self.size.width, self.rich_style
        if place >= len(self._rows):
            words = "" if self._rows or place else self._empty
            strip = Strip([Segment(one_line(words, width), self._style("dim"))])
            return strip.apply_style(ground).adjust_cell_length(width, ground)
        row = self._rows[place]
        segments = (
            self._session_line(row) if row.entry is None else self._entry_line(row, row.entry)
        )
        strip = Strip(segments).apply_style(ground).adjust_cell_length(width, ground)
        if place == self.cursor:
            cursor = self._style("cursor" if self.has_focus else "cursor-blurred")
            strip = Strip([Segment(text, (style or Style()) + cursor) for text, style, _ in strip])
        return strip

    def _session_line(self, row: HistoryRow) -> list[Segment]:
        count = f"{row.session.pictures}" if row.session.pictures else ""
        style = self._style("current" if row.session.id == self._current else "session")
        return self._line(_FOLDS[row.open], row.session.name, count, style, self._style("dim"))

    def _entry_line(self, row: HistoryRow, entry: Entry) -> list[Segment]:
        run = row.run
        state, title, when_made = (
            entry.state,
            row.label or entry_title(entry),
            when(entry.created, self._now()),
        )
        end = STATE_WORDS[state] if state != "done" else "" if row.label else when_made
        if run is not None and len(run.entries) > 1:
            state, title = ("done" if run.done == len(run.entries) else "running"), run.title
            end = f"{run.done} of {len(run.entries)}" if state != "done" else when_made
        if run is not None and state == "done":
            end = f"×{len(run.members)} {end}"
        elif row.label and entry.job.chooses and row.picture and row.picture.index == 0:
            end = "best"
        glyph = mode_glyph(entry.job, entry.origin) + " " if run is None else _FOLDS[row.open]
        kind = {"done": "dim", "running": "running", "failed": "failed"}.get(state, "waiting")
        style = self._style("entry" if state in {"done", "running"} else "dim")
        return self._line(
            "  " * min(row.depth, _DEEPEST) + glyph, title, end, style, self._style(kind)
        )

    def _line(
        self, start: str, text: str, end: str, style: Style, end_style: Style
    ) -> list[Segment]:
        """Start, text and end, the text cut to the room between, the end at the right edge."""
        room = self.size.width - len(start) - len(end) - 1
        shown = one_line(text, max(1, room - 1))
        gap = " " * max(1, room - cell_len(shown))
        return [
            *(Segment(start, end_style), Segment(shown, style), Segment(gap)),
            *(Segment(end, end_style), Segment(" ")),
        ]


class SearchInput(Line):
    """Where the history is searched."""

    class Left(Message):
        """The search is over."""

    @SEARCH.command("search.leave", "escape", "Clear the search", hint="Clear", rank=1)
    def action_leave(self) -> None:
        """Empty the field, or leave it when it is empty."""
        if not self.value:
            self.post_message(self.Left())
        self.value = ""

    @SEARCH.command("search.down", "down", "Go to what was found", hint="Found", rank=1)
    def action_down(self) -> None:
        """Go to the rows."""
        self.screen.query_one(HistoryTree).focus()

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())


class Sidebar(Vertical):
    """The search field over the tree."""

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchInput(placeholder="Search  /", id="search")
        self.history = HistoryTree()

    def compose(self) -> ComposeResult:
        """A field and a tree."""
        yield self.search
        yield self.history
