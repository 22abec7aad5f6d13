"""What the status line says of the worker."""

from __future__ import annotations

from unipic_tui.ui.state import AppState
from unipic_tui.ui.widgets.bars import Status
from unipic_tui.ui.wording import memory


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
        return "busy", f"Loading {state.loading.stage}"
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
