"""The single lines at the top and the bottom: title, status, keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.reactive import reactive
from textual.widget import Widget

from unipic_tui.events import Progress
from unipic_tui.text import one_line
from unipic_tui.ui.commands import Hint
from unipic_tui.ui.state import AppState
from unipic_tui.ui.wording import memory, progress

_BAR = 12
_GAP, _WIDE_GAP = 2, 3


class TitleBar(Widget):
    """The program, the session, and the model with where it runs."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"title--name", "title--session", "title--model"}

    session: reactive[str] = reactive("")
    model: reactive[str] = reactive("")

    def render(self) -> Text:
        """The session on the left, the model on the right."""
        model = one_line(self.model, self.size.width // 2)
        line = Text(no_wrap=True)
        line.append("◆ UniPic", self.get_component_rich_style("title--name"))
        end = Text(model, self.get_component_rich_style("title--model"))
        room = self.size.width - line.cell_len - end.cell_len - 5
        session = one_line(self.session, max(0, room))
        line.append(f"  {session}", self.get_component_rich_style("title--session"))
        line.append(" " * max(1, self.size.width - line.cell_len - end.cell_len))
        return line.append_text(end)


@dataclass(frozen=True, slots=True)
class Status:
    """What the status line says.

    Attributes:
        kind: ``idle``, ``busy``, ``wrong`` or ``paused``; it chooses the colour of the sign.
        words: what the worker does.
        progress: how far the drawing is, where one is drawn.
        fraction: how much is done of what has no progress of its own, 0 to 1.
        facts: device, memory, length of the queue, the more important last.
    """

    kind: str = "idle"
    words: str = ""
    progress: Progress | None = None
    fraction: float | None = None
    facts: tuple[str, ...] = ()


class StatusLine(Widget):
    """What the worker does now."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status--idle",
        "status--busy",
        "status--wrong",
        "status--paused",
        "status--words",
        "status--bar",
        "status--track",
        "status--facts",
    }

    status: reactive[Status] = reactive(Status())

    def render(self) -> Text:
        """The worker on the left, facts on the right; what has no room is left out."""
        status, width = self.status, self.size.width
        line = Text(no_wrap=True)
        line.append("● ", self.get_component_rich_style(f"status--{status.kind}"))
        line.append(one_line(status.words, width - 2), self._style("words"))
        fraction = status.fraction
        if status.progress is not None:
            fraction = status.progress.fraction
        if fraction is not None and width - line.cell_len > _BAR + 2:
            done = round(_BAR * min(1.0, max(0.0, fraction)))
            line.append("  ")
            line.append("━" * done, self._style("bar"))
            line.append("━" * (_BAR - done), self._style("track"))
        facts = list(status.facts)
        if status.progress is not None:
            room = width - line.cell_len - 2
            kept = len(facts[-1]) + 3 if facts else 0
            full, short = (progress(status.progress, narrow) for narrow in (False, True))
            words = full if len(full) + kept <= room else one_line(short, max(0, room))
            line.append(f"  {words}", self._style("words"))
        while facts and line.cell_len + 3 + len(" · ".join(facts)) > width:
            facts.pop(0)
        end = " · ".join(facts)
        line.append(" " * max(0, width - line.cell_len - len(end)))
        line.append(end, self._style("facts"))
        return line

    def _style(self, name: str) -> str:
        return str(self.get_component_rich_style(f"status--{name}"))


class KeyHints(Widget):
    """The keys that matter where the focus is, as many as there is room for; they can be clicked.

    The last one (help, or how to leave) always has room, at the right edge.
    """

    DEFAULT_CSS = """
    KeyHints { height: 1; padding: 0 1; background: $panel; }
    KeyHints .keys--key { color: $primary; text-style: bold; }
    KeyHints .keys--words { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--words"}

    hints: reactive[Sequence[Hint]] = reactive(())

    def __init__(self, hints: Sequence[Hint] = ()) -> None:
        super().__init__()
        self.set_reactive(KeyHints.hints, hints)

    def render(self) -> Text:
        """As many hints as fit."""
        line = Text(no_wrap=True)
        for hint, gap in self._shown():
            line.append(" " * gap)
            line.append(hint.keys, self.get_component_rich_style("keys--key"))
            line.append(f" {hint.words}", self.get_component_rich_style("keys--words"))
        return line

    def _shown(self) -> list[tuple[Hint, int]]:
        """What fits, each with the spaces before it: fewer where that lets all of them stand."""
        if not self.hints:
            return []
        *hints, last = self.hints
        room = self.size.width - _hint_width(last)
        fits = sum(_hint_width(hint) + _WIDE_GAP for hint in hints) <= room
        wide = _WIDE_GAP if fits else _GAP
        shown: list[tuple[Hint, int]] = []
        for hint in hints:
            gap = wide if shown else 0
            if room - gap - _hint_width(hint) < _GAP:
                break
            room -= gap + _hint_width(hint)
            shown.append((hint, gap))
        return [*shown, (last, max(0, room))]

    async def on_click(self, event: events.Click) -> None:
        """Run the command under the mouse."""
        place = event.x
        for hint, gap in self._shown():
            place -= gap + _hint_width(hint)
            if place < 0:
                for node in (self.screen.focused, self.screen):
                    if node is not None and await self.app.run_action(hint.action, node):
                        return


def _hint_width(hint: Hint) -> int:
    return len(hint.keys) + 1 + len(hint.words)


def status_of(state: AppState) -> Status:
    """The state of model and queue in a few words."""
    facts = _facts(state)
    running = state.running
    if running is not None:
        return _running(state, running, facts)
    kind, words = _at_rest(state)
    fraction = state.loading.fraction if state.loading else None
    return Status(kind, words, fraction=fraction, facts=facts)


def _at_rest(state: AppState) -> tuple[str, str]:
    """The kind of status, and the words, while nothing runs."""
    if state.load_failure is not None:
        return "wrong", "No model is loaded: see “Load a checkpoint” in Ctrl+P"
    if state.loading is not None:
        return "busy", state.loading.words
    if state.info is None:
        return "busy", "Starting"
    if state.thread.paused and state.waiting:
        return "paused", "The queue is paused"
    if state.owns_queue:
        return "idle", "Ready"
    why = "The library is read-only" if state.read_only else "Another window runs the queue"
    return "paused", why


def _running(state: AppState, running: int, facts: tuple[str, ...]) -> Status:
    live = state.live.get(running)
    entries = (session.entries.get(running) for session in state.loaded.values())
    entry = next(filter(None, entries), None)
    job = entry.job if entry else None
    if job is not None and not job.draws:
        said = f"Answering, {len(live.text.split())} words" if live and live.text else ""
        return Status("busy", said or (live.stage if live else "") or "Looking", facts=facts)
    doing = (live.stage if live else "") or (job.wording.doing if job else "Drawing")
    return Status("busy", doing, progress=live.progress if live else None, facts=facts)


def _facts(state: AppState) -> tuple[str, ...]:
    facts: list[str] = []
    if state.info is not None:
        facts.append(state.info.device)
    if state.memory is not None and state.memory.used:
        facts.append(memory(state.memory))
    if state.waiting:
        paused = ", paused" if state.thread.paused else ""
        facts.append(f"{state.waiting} waiting{paused}")
    return tuple(facts)
