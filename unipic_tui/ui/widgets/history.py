"""The history: sessions, and under them their jobs as a tree, found as you type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from unipic_tui.library.records import Entry
from unipic_tui.text import one_line
from unipic_tui.ui.commands import HISTORY, key_bindings
from unipic_tui.ui.open_session import HistoryRow
from unipic_tui.ui.widgets.line import Line
from unipic_tui.ui.wording import STATE_WORDS, entry_title, mode_glyph, when

_FAR = 1_000_000_000
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

    class Highlighted(Message):
        """The cursor was moved to a row."""

        def __init__(self, row: HistoryRow) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        """Enter was pressed on a row, or it was clicked."""

        def __init__(self, row: HistoryRow) -> None:
            super().__init__()
            self.row = row

    class Folded(Message):
        """A session is to be shown with its entries, or without."""

        def __init__(self, row: HistoryRow, unfold: bool) -> None:
            super().__init__()
            self.row = row
            self.unfold = unfold

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 (Textual's own name)
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(id=id)
        self._rows: Sequence[HistoryRow] = ()
        self._unfolded: frozenset[int] = frozenset()
        self._current = 0
        self._now = now
        self._styles: dict[str, Style] = {}

    # What is shown

    def set_rows(self, rows: Sequence[HistoryRow], unfolded: frozenset[int], current: int) -> None:
        """Show rows; the cursor stays on the row it was on, wherever that is now.

        Args:
            rows: sessions, each followed by its entries where it is unfolded.
            unfolded: ids of the sessions whose entries are among the rows.
            current: id of the session on the screen.
        """
        key = self.row.key if self.row else None
        self._rows, self._unfolded, self._current = rows, unfolded, current
        self.virtual_size = Size(self.size.width, len(rows))
        place = next((at for at, row in enumerate(rows) if row.key == key), None)
        self.set_reactive(HistoryTree.cursor, self._within(self.cursor if place is None else place))
        self.refresh()

    def change_entry(self, entry: Entry) -> None:
        """Show an entry's new state; much cheaper than new rows."""
        rows = list(self._rows)
        for at, row in enumerate(rows):
            if row.entry is not None and row.entry.id == entry.id:
                rows[at] = HistoryRow(row.session, entry, row.depth)
                self._rows = rows
                self.refresh_line(at)
                return

    def point_at(self, entry: int) -> None:
        """Put the cursor on an entry, without telling anybody."""
        for at, row in enumerate(self._rows):
            if row.entry is not None and row.entry.id == entry:
                with self.prevent(self.Highlighted):
                    self.cursor = at
                return

    @property
    def row(self) -> HistoryRow | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def rows(self) -> Sequence[HistoryRow]:
        """All rows."""
        return self._rows

    # Moving

    def _within(self, place: int) -> int:
        return max(0, min(place, len(self._rows) - 1))

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return self._within(cursor)

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

    @HISTORY.command("history.open", "enter", "Open")
    def action_open(self) -> None:
        """Open the session, or choose the job."""
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    @HISTORY.command("history.fold", "left,h", "Close the session")
    def action_fold(self) -> None:
        """Hide the session's jobs; from a job, go up to what it was made from."""
        row = self.row
        if row is not None and row.entry is not None:
            above = (at for at in range(self.cursor, -1, -1) if self._rows[at].depth < row.depth)
            self.cursor = next(above, self.cursor)
        else:
            self._fold(unfold=False)

    @HISTORY.command("history.unfold", "right,l", "Look into the session")
    def action_unfold(self) -> None:
        """Show the session's jobs."""
        self._fold(unfold=True)

    def _fold(self, unfold: bool) -> None:
        if self.row is not None and self.row.entry is None:
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

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        super().notify_style_update()
        self._styles.clear()

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"history--{name}")
        return style

    @property
    def _ground(self) -> Style:
        """What is under everything; Textual computes it on every access."""
        ground = self._styles.get("")
        if ground is None:
            ground = self._styles[""] = self.rich_style
        return ground

    def on_resize(self) -> None:
        """Lines are as wide as the widget."""
        self.virtual_size = Size(self.size.width, len(self._rows))

    def render_line(self, y: int) -> Strip:
        """One line."""
        place = y + self.scroll_offset.y
        width = self.size.width
        if place >= len(self._rows):
            return Strip.blank(width, self._ground)
        row = self._rows[place]
        segments = (
            self._session_line(row) if row.entry is None else self._entry_line(row, row.entry)
        )
        strip = Strip(segments).adjust_cell_length(width, self._ground)
        if place == self.cursor:
            cursor = self._style("cursor" if self.has_focus else "cursor-blurred")
            strip = Strip([Segment(text, (style or Style()) + cursor) for text, style, _ in strip])
        return strip

    def _session_line(self, row: HistoryRow) -> list[Segment]:
        count = f"{row.session.pictures}" if row.session.pictures else ""
        sign = "▾ " if row.session.id in self._unfolded else "▸ "
        style = self._style("current" if row.session.id == self._current else "session")
        return self._line(sign, row.session.name, count, style, self._style("dim"))

    def _entry_line(self, row: HistoryRow, entry: Entry) -> list[Segment]:
        indent = "  " * min(row.depth, _DEEPEST)
        glyph = mode_glyph(entry.job, entry.origin)
        if entry.state == "done":
            return self._line(
                f"{indent}{glyph} ",
                entry_title(entry),
                when(entry.created, self._now()),
                self._style("entry"),
                self._style("dim"),
            )
        kind = {"running": "running", "failed": "failed"}.get(entry.state, "waiting")
        style = self._style("entry" if kind == "running" else "dim")
        word = STATE_WORDS[entry.state]
        title = entry_title(entry)
        return self._line(f"{indent}{glyph} ", title, word, style, self._style(kind))

    def _line(
        self, start: str, text: str, end: str, style: Style, end_style: Style
    ) -> list[Segment]:
        """Start, text and end, the text cut to the room between, the end at the right edge."""
        room = self.size.width - len(start) - len(end) - 2
        shown = one_line(text, max(1, room))
        base = self._ground
        padding = self.size.width - len(start) - len(end) - cell_len(shown)
        return [
            Segment(start, base + end_style),
            Segment(shown, base + style),
            Segment(" " * max(1, padding - 1), base),
            Segment(end, base + end_style),
            Segment(" ", base),
        ]


class SearchInput(Line):
    """Where the history is searched; Esc clears it, the arrow keys go down into what was found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Clear the search", show=False),
        Binding("down", "down", "To the list", show=False),
    ]

    class Left(Message):
        """The search is over."""

    def action_leave(self) -> None:
        """Empty the field, or leave it when it is empty."""
        if not self.value:
            self.post_message(self.Left())
        self.value = ""

    def action_down(self) -> None:
        """Go to the rows."""
        self.screen.query_one(HistoryTree).focus()


class Sidebar(Vertical):
    """The search field over the tree."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self.search = SearchInput(placeholder="Search  /", id="search")
        self.history = HistoryTree(id="history")

    def compose(self) -> ComposeResult:
        """A field and a tree."""
        yield self.search
        yield self.history
