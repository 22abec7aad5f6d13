"""The one thread that owns the model, and the queue of jobs that wait for it.

Jobs are known by a *ticket*, a number the caller chooses (the app uses the library's entry id).
Everything that happens is handed to one callback, on this thread, in order; the last event of every
ticket submitted is exactly one of `Finished`, `Cancelled` and `Failed`.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from unipic_tui.errors import UnipicError
from unipic_tui.events import (
    Backend,
    BackendFactory,
    BackendInfo,
    BackendOptions,
    Cancelled,
    Event,
    Failed,
    Final,
    Finished,
    Memory,
    Picture,
)
from unipic_tui.jobs import Job

NICENESS = 10
"""How far the thread steps back before the one that draws the screen (POSIX nice value)."""
MANY_MODULES = 200
"""Loading that imports more than so many modules leaves many objects behind."""
MEMORY_SECONDS = 1.0
"""Shortest time between two reports of the device's memory while a job runs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """The job has left the queue and runs."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The checkpoint is loaded."""

    info: BackendInfo


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The checkpoint could not be loaded; jobs wait until `ModelThread.load` succeeds."""

    title: str
    message: str
    options: BackendOptions


WorkerEvent = Event | Started | Ready | LoadFailed | Memory
Deliver = Callable[[int | None, WorkerEvent], None]
"""Takes a ticket (``None`` for what concerns no job) and an event; called on the model's thread."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job in the queue; one that is held stays there until it is released.

    Attributes:
        resume: the snapshot to go on from, if any.
    """

    ticket: int
    job: Job
    held: bool = False
    resume: bytes | None = None


class ModelThread:
    """Runs jobs one after another on a backend that no other thread touches.

    Args:
        factory: makes the backend; called on this thread, so it may import heavy modules.
        options: the first checkpoint to load.
        deliver: receives every event; must be quick and must not raise.
        niceness: added to the thread's nice value where the system can do that.
    """

    def __init__(
        self,
        factory: BackendFactory,
        options: BackendOptions,
        deliver: Deliver,
        *,
        niceness: int = NICENESS,
    ) -> None:
        self._factory = factory
        self._deliver = deliver
        self._niceness = niceness
        self._changed = threading.Condition()
        self._queue: list[Waiting] = []
        self._running: int | None = None
        self._stop_running = False
        self._paused = False
        self._closing = False
        self._to_load: BackendOptions | None = options
        self._backend: Backend | None = None
        self._memory_told = 0.0
        self._modules = len(sys.modules)
        self._frozen = False
        self._thread = threading.Thread(target=self._main, name="model", daemon=True)

    # What other threads may call

    def start(self) -> None:
        """Begin: load the checkpoint, then run what is queued."""
        self._thread.start()

    def submit(
        self, ticket: int, job: Job, *, held: bool = False, resume: bytes | None = None
    ) -> None:
        """Put a job at the end of the queue; a ticket may be used again once its job has ended.

        Args:
            held: have it wait until it is released.
            resume: the snapshot to go on from; see `unipic_tui.events.SnapshotTaken`.
        """
        with self._changed:
            self._queue.append(Waiting(ticket, job, held, resume))
            self._changed.notify()

    def cancel(self, ticket: int) -> bool:
        """Stop a job: at once while it waits, within one iteration while it runs.

        Returns:
            Whether there was anything to stop.
        """
        with self._changed:
            if ticket == self._running:
                self._stop_running = True
                return True
            kept = [waiting for waiting in self._queue if waiting.ticket != ticket]
            found = len(kept) < len(self._queue)
            self._queue = kept
        if found:
            self._deliver(ticket, Cancelled())
        return found

    def take_back(self, ticket: int) -> bool:
        """Remove a waiting job as if it had never been submitted; no event is delivered."""
        with self._changed:
            kept = [waiting for waiting in self._queue if waiting.ticket != ticket]
            found = len(kept) < len(self._queue)
            self._queue = kept
            return found

    def hold(self, ticket: int, held: bool = True) -> bool:
        """Keep a waiting job from starting, or release it; returns whether it was waiting."""
        with self._changed:
            for index, waiting in enumerate(self._queue):
                if waiting.ticket == ticket:
                    self._queue[index] = replace(waiting, held=held)
                    self._changed.notify()
                    return True
            return False

    def move(self, ticket: int, places: int) -> bool:
        """Move a waiting job earlier (negative) or later (positive), as far as the queue goes."""
        with self._changed:
            for index, waiting in enumerate(self._queue):
                if waiting.ticket == ticket:
                    del self._queue[index]
                    self._queue.insert(max(0, index + places), waiting)
                    return True
            return False

    def pause(self) -> None:
        """Start no further job; the one that runs goes on."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Go on with the queue."""
        with self._changed:
            self._paused = False
            self._changed.notify()

    def load(self, options: BackendOptions) -> None:
        """Load a checkpoint in place of the present one, once the running job has ended."""
        with self._changed:
            self._to_load = options
            self._changed.notify()

    def close(self, timeout: float | None = None) -> bool:
        """Stop the running job, give the model back and end the thread.

        Returns:
            Whether the thread ended within ``timeout`` seconds.
        """
        with self._changed:
            self._closing = True
            self._stop_running = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> int | None:
        """Ticket of the job that runs."""
        return self._running

    @property
    def paused(self) -> bool:
        """Whether the whole queue is paused."""
        return self._paused

    @property
    def waiting(self) -> Sequence[Waiting]:
        """The queue, next job first."""
        with self._changed:
            return tuple(self._queue)

    # What happens on the thread

    def _main(self) -> None:
        _step_back(self._niceness)
        while (task := self._next_task()) is not None:
            if isinstance(task, Waiting):
                self._run(task)
            else:
                self._load(task)
        self._drop_backend()

    def _next_task(self) -> BackendOptions | Waiting | None:
        """Wait for something to do; ``None`` when the thread is to end."""
        with self._changed:
            while True:
                if self._closing:
                    return None
                if self._to_load is not None:
                    options, self._to_load = self._to_load, None
                    return options
                if self._backend is not None and not self._paused:
                    for index, waiting in enumerate(self._queue):
                        if not waiting.held:
                            del self._queue[index]
                            self._running, self._stop_running = waiting.ticket, False
                            return waiting
                self._changed.wait()

    def _load(self, options: BackendOptions) -> None:
        self._drop_backend()
        backend: Backend | None = None
        try:
            backend = self._factory(options)
            for loading in backend.load():
                self._deliver(None, loading)
                if self._closing:
                    break
            else:
                self._backend = backend
                self._spare_collections()
                self._deliver(None, Ready(backend.info))
                self._tell_memory()
                return
        except Exception as error:
            title, message = _explain(error, "Cannot load the checkpoint")
            self._deliver(None, LoadFailed(title, message, options))
        if backend is not None:
            with contextlib.suppress(Exception):
                backend.close()

    def _spare_collections(self) -> None:
        """Leave what was loaded out of further garbage collections.

        Each of those holds all threads up; over the objects of torch it made the
        screen stutter for a quarter of a second.
        """
        if len(sys.modules) - self._modules > MANY_MODULES:
            gc.collect()
            gc.freeze()
            self._frozen = True

    def _run(self, task: Waiting) -> None:
        assert self._backend is not None
        self._deliver(task.ticket, Started())
        pictures: list[Picture] = []
        final: Final | None = None
        try:
            with contextlib.closing(self._backend.run(task.job, task.resume)) as events:
                for event in events:
                    if isinstance(event, Finished | Cancelled | Failed):
                        final = event
                        break
                    if isinstance(event, Picture):
                        pictures.append(event)
                    self._deliver(task.ticket, event)
                    self._tell_memory(MEMORY_SECONDS)
                    if self._stop_running:
                        final = Cancelled(tuple(pictures))
                        break
        except Exception as error:
            final = Failed(*_explain(error, "The job failed"))
        if final is None:
            final = Failed("The job failed", "The model stopped without a result: try it again.")
        with self._changed:
            self._running = None
        self._deliver(task.ticket, final)
        self._tell_memory()

    def _tell_memory(self, interval: float = 0.0) -> None:
        now = time.monotonic()
        if self._backend is None or now - self._memory_told < interval:
            return
        self._memory_told = now
        with contextlib.suppress(Exception):
            self._deliver(None, self._backend.memory())

    def _drop_backend(self) -> None:
        backend, self._backend = self._backend, None
        if self._frozen:
            gc.unfreeze()
            self._frozen = False
        if backend is not None:
            try:
                backend.close()
            except Exception:
                _log.exception("The backend could not be closed")


def _explain(error: Exception, title: str) -> tuple[str, str]:
    """Title and sentence for an error; what is not meant for people goes to the log as well."""
    if isinstance(error, UnipicError):
        return error.title, error.message
    _log.error("Unexpected error on the model's thread", exc_info=error)
    what = str(error).strip().splitlines()
    detail = f"{type(error).__name__}: {what[0]}" if what else type(error).__name__
    return title, f"Something unexpected went wrong ({detail}). The log has the details."


def _step_back(niceness: int) -> None:
    """Lower this thread's priority, so that the screen is drawn first; Linux only."""
    with contextlib.suppress(AttributeError, OSError):
        native = threading.get_native_id()
        present = os.getpriority(os.PRIO_PROCESS, native)
        os.setpriority(os.PRIO_PROCESS, native, min(19, present + niceness))
