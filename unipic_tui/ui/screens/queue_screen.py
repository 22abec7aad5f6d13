"""The queue: what runs and what waits, to put in order, hold, cancel."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from unipic_tui.errors import UnipicError
from unipic_tui.library.records import Entry
from unipic_tui.text import amount, one_line
from unipic_tui.ui.commands import QUEUE_LIST, chosen_keys, declared, hints, key_bindings
from unipic_tui.ui.controller import Controller
from unipic_tui.ui.notices import complain
from unipic_tui.ui.state import Change
from unipic_tui.ui.widgets.bars import KeyHints
from unipic_tui.ui.wording import STATE_WORDS, entry_title, mode_glyph

_TITLE_CELLS = 200
"""Longer titles are cut; the list cuts at its own width as well."""
_EMPTY = "What you run while a job is being drawn waits here."


class QueueScreen(ModalScreen[None]):
    """The jobs that are not done yet."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._state = controller.state
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """A list."""
        with Vertical(classes="dialog -list"):
            yield Label("Queue", classes="dialog-title", id="queue-title", markup=False)
            yield OptionList(id="queue", compact=True, markup=False)
            yield KeyHints()

    async def on_mount(self) -> None:
        """Read the queue."""
        self.query_one(OptionList).focus()
        self._state.listeners.append(self.state_changed)
        await self._refresh()

    def on_unmount(self) -> None:
        """It listens no longer."""
        self._state.listeners.remove(self.state_changed)

    def state_changed(self, change: Change) -> None:
        """Read the queue again after it changed."""
        if Change.QUEUE in change:
            self._refresh_soon()

    @work(exclusive=True, group="queue-refresh")
    async def _refresh_soon(self) -> None:
        await self._refresh()

    async def _refresh(self) -> None:
        entries = await self._controller.library.read(lambda library: library.queue.entries())
        if not self.query(OptionList):
            return  # the dialog is being taken down
        options = self.query_one(OptionList)
        # The cursor stays on its job, however others move on; on its place where that one is gone.
        place, chosen = options.highlighted or 0, self._chosen
        ids = [entry.id for entry in entries]
        if chosen is not None and chosen.id in ids:
            place = ids.index(chosen.id)
        self._entries = entries
        options.clear_options()
        options.add_options(Option(self._line(entry)) for entry in self._entries)
        if not self._entries:
            options.add_option(Option(_EMPTY, disabled=True))
        if self._entries:
            options.highlighted = min(place, len(self._entries) - 1)
        self.query_one("#queue-title", Label).update(self._heading())
        usable = (each for each in declared(QueueScreen) if self._entries or not each.needs)
        self.query_one(KeyHints).hints = hints(usable, chosen_keys(self))

    def _heading(self) -> str:
        if not self._entries:
            return "Queue: nothing waits"
        paused = ", paused" if self._state.thread.paused else ""
        elsewhere = "" if self._state.owns_queue else ", run by another window"
        return f"Queue: {amount(len(self._entries), 'job')}{paused}{elsewhere}"

    def _line(self, entry: Entry) -> Text:
        word = STATE_WORDS[entry.state]
        session = self._state.loaded.get(entry.session)
        label = session.label_of(entry.id) if session else ""
        words = f"{label} · {entry_title(entry)}" if label else entry_title(entry)
        title = one_line(words, _TITLE_CELLS)
        line = Text(f"{word:<12} ", style="bold" if entry.state == "running" else "")
        return line.append(f"{mode_glyph(entry.job)} {title}")

    @property
    def _chosen(self) -> Entry | None:
        place = self.query_one(OptionList).highlighted
        return self._entries[place] if place is not None and self._entries else None

    def _do(
        self, change: Callable[[Entry], Coroutine[Any, Any, object]], states: Sequence[str]
    ) -> None:
        entry = self._chosen
        if entry is None or entry.state not in states:
            self.app.bell()
            return

        async def perform() -> None:
            try:
                await change(entry)
            except UnipicError as error:
                complain(self, error.title, error.message)
            await self._refresh()

        self.run_worker(perform(), group="queue")

    @QUEUE_LIST.command(
        "jobs.earlier", "shift+up,K", "Earlier", args=(-1,), hint="Order", needs="job"
    )
    @QUEUE_LIST.command("jobs.later", "shift+down,J", "Later", args=(1,), hint="Order")
    def action_shift(self, places: int) -> None:
        """Move the job up or down in the queue."""
        self._do(lambda entry: self._controller.queue.move(entry, places), ["queued", "paused"])

    @QUEUE_LIST.command("jobs.up", "k", "Up")
    def action_list_up(self) -> None:
        """Go to the job above, as the arrow key does."""
        self.query_one(OptionList).action_cursor_up()

    @QUEUE_LIST.command("jobs.down", "j", "Down")
    def action_list_down(self) -> None:
        """Go to the job below, as the arrow key does."""
        self.query_one(OptionList).action_cursor_down()

    @QUEUE_LIST.command("jobs.hold", "space", "Hold", hint="Hold")
    def action_hold(self) -> None:
        """Keep the job from starting, or release it."""
        self._do(
            lambda entry: self._controller.queue.hold(entry, entry.state == "queued"),
            ["queued", "paused"],
        )

    @QUEUE_LIST.command("jobs.cancel", "c,delete", "Cancel", hint="Cancel")
    def action_cancel(self) -> None:
        """Cancel the job."""
        self._do(self._controller.queue.cancel, ["queued", "paused", "running", "interrupted"])

    @QUEUE_LIST.command("jobs.retry", "r", "Run again", hint="Run again")
    def action_retry(self) -> None:
        """Run an interrupted job again."""
        self._do(self._controller.queue.retry, ["interrupted"])

    @QUEUE_LIST.command("jobs.pause", "p,f9", "Pause or resume", hint="Pause", needs="")
    def action_pause(self) -> None:
        """Start no further jobs, or resume."""
        self._controller.queue.pause()

    @QUEUE_LIST.command("jobs.close", "escape,ctrl+c,q,f8", "Close", hint="Close", rank=9, needs="")
    def action_close(self) -> None:
        """Close the list."""
        self.dismiss(None)

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())
