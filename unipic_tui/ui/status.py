"""What the status line says of the worker."""

from __future__ import annotations

from unipic_tui.jobs import DescribeJob, EditJob
from unipic_tui.ui.studio import Studio
from unipic_tui.ui.widgets.bars import Status
from unipic_tui.ui.wording import memory


def status_of(studio: Studio) -> Status:
    """The state of model and queue in a few words."""
    facts = _facts(studio)
    running = studio.running
    if running is not None:
        return _running(studio, running, facts)
    kind, words = _at_rest(studio)
    fraction = studio.loading.fraction if studio.loading else None
    return Status(kind, words, fraction=fraction, facts=facts)


def _at_rest(studio: Studio) -> tuple[str, str]:
    """The kind of status, and the words, while nothing runs."""
    if studio.load_failure is not None:
        return "wrong", "No model is loaded: see “Load a checkpoint” in Ctrl+P"
    if studio.loading is not None:
        return "busy", f"Loading {studio.loading.stage}"
    if studio.info is None:
        return "busy", "Starting"
    if studio.thread.paused and studio.waiting:
        return "paused", "The queue is paused"
    if studio.owns_queue:
        return "idle", "Ready"
    read_only = studio.store.is_open and studio.store.opened.read_only
    return "paused", "The library is read-only" if read_only else "Another window runs the queue"


def _running(studio: Studio, running: int, facts: tuple[str, ...]) -> Status:
    live = studio.live.get(running)
    entry = next(
        (desk.entries[running] for desk in studio.desks.values() if running in desk.entries), None
    )
    job = entry.job if entry else None
    if isinstance(job, DescribeJob):
        words = f"Answering, {len(live.text.split())} words" if live and live.text else "Looking"
        return Status("busy", words, facts=facts)
    doing = "Editing" if isinstance(job, EditJob) else "Drawing"
    return Status("busy", doing, progress=live.progress if live else None, facts=facts)


def _facts(studio: Studio) -> tuple[str, ...]:
    facts: list[str] = []
    if studio.info is not None:
        facts.append(studio.info.device)
    if studio.memory is not None and studio.memory.used:
        facts.append(memory(studio.memory))
    if studio.waiting:
        paused = ", paused" if studio.thread.paused else ""
        facts.append(f"{studio.waiting} waiting{paused}")
    return tuple(facts)
