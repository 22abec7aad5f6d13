"""The queue: what runs and what waits, to put in order, hold, cancel."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from unipic_tui.library.records import Entry
from unipic_tui.text import one_line
from unipic_tui.ui.studio import Studio
from unipic_tui.ui.wording import STATE_WORDS, amount, entry_title, mode_glyph


class QueueScreen(ModalScreen[None]):
    """The jobs that are not done yet."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,q,f8", "dismiss(None)", "Close", show=False),
        Binding("shift+up,K", "shift(-1)", "Earlier", show=False),
        Binding("shift+down,J", "shift(1)", "Later", show=False),
        Binding("k", "list_up", "Up", show=False),
        Binding("j", "list_down", "Down", show=False),
        Binding("space", "hold", "Hold", show=False),
        Binding("c,delete", "cancel", "Cancel", show=False),
        Binding("r", "retry", "Run again", show=False),
        Binding("p,f9", "pause", "Pause", show=False),
    ]

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """A list."""
        with Vertical(classes="dialog -list"):
            yield Label("Queue", classes="dialog-title", id="queue-title", markup=False)
            yield OptionList(id="queue", compact=True, markup=False)
            yield Static(
                "Shift+↑↓ order · Space hold · c cancel · r run again · p pause · Esc close",
                classes="dialog-keys",
                markup=False,
            )

    async def on_mount(self) -> None:
        """Read the queue."""
        self.query_one(OptionList).focus()
        await self._refresh()

    def queue_changed(self) -> None:
        """Somebody changed the queue."""
        self.run_worker(self._refresh(), exclusive=True, group="queue-refresh")

    async def _refresh(self, follow: int | None = None) -> None:
        self._entries = await self._studio.store.read(lambda library: library.queue.entries())
        if not self.query(OptionList):
            return  # the dialog is being taken down
        options = self.query_one(OptionList)
        place = options.highlighted or 0
        options.clear_options()
        options.add_options(Option(self._line(entry)) for entry in self._entries)
        if follow is not None:
            ids = [entry.id for entry in self._entries]
            place = ids.index(follow) if follow in ids else place
        if self._entries:
            options.highlighted = min(place, len(self._entries) - 1)
        self.query_one("#queue-title", Label).update(self._heading())

    def _heading(self) -> str:
        if not self._entries:
            return "Queue: nothing waits"
        paused = ", paused" if self._studio.thread.paused else ""
        elsewhere = "" if self._studio.owns_queue else ", run by another window"
        return f"Queue: {amount(len(self._entries), 'job')}{paused}{elsewhere}"

    def _line(self, entry: Entry) -> Text:
        width = max(20, self.query_one(OptionList).size.width - 4)
        word = STATE_WORDS[entry.state]
        title = one_line(entry_title(entry), width - 17)
        line = Text(f"{word:<12} ", style="bold" if entry.state == "running" else "")
        return line.append(f"{mode_glyph(entry.job)} {title}")

    @property
    def _chosen(self) -> Entry | None:
        place = self.query_one(OptionList).highlighted
        return self._entries[place] if place is not None and self._entries else None

    def _do(
        self, work: Callable[[Entry], Coroutine[Any, Any, object]], states: Sequence[str]
    ) -> None:
        entry = self._chosen
        if entry is None or entry.state not in states:
            self.app.bell()
            return

        async def perform() -> None:
            await work(entry)
            await self._refresh(entry.id)

        self.run_worker(perform(), group="queue")

    def action_list_up(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_up()

    def action_list_down(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_down()

    def action_shift(self, places: int) -> None:
        """Move the chosen job."""
        self._do(lambda entry: self._studio.move(entry, places), ["queued", "paused"])

    def action_hold(self) -> None:
        """Hold the chosen job, or let it go."""
        self._do(
            lambda entry: self._studio.hold(entry, entry.state == "queued"), ["queued", "paused"]
        )

    def action_cancel(self) -> None:
        """Cancel the chosen job."""
        self._do(self._studio.cancel, ["queued", "paused", "running", "interrupted"])

    def action_retry(self) -> None:
        """Run an interrupted job again."""
        self._do(self._studio.retry, ["interrupted"])

    def action_pause(self) -> None:
        """Pause the whole queue, or go on."""
        self._studio.pause()
        self.queue_changed()
