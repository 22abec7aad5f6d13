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
from collections.abc import Callable, Generator, Iterator, Sequence
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
    Memory,
    Picture,
)
from unipic_tui.jobs import DrawingJob, Job

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
    """Runs jobs in their order on a backend that no other thread touches.

    Neighbours that differ in prompt, seed and count alone run at once where the backend wants to.

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
        self._running: dict[int, list[Picture]] = {}
        self._stop: set[int] = set()
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
        """Stop a job, at once or within one iteration; returns whether there was one to stop."""
        with self._changed:
            if ticket in self._running:
                self._stop.add(ticket)
                return True
            found = self.take_back(ticket)
        if found:
            self._deliver(ticket, Cancelled())
        return found

    def take_back(self, ticket: int) -> bool:
        """Remove a waiting job as if it had never been submitted; no event is delivered."""
        with self._changed:
            place = self._place(ticket)
            if place is not None:
                del self._queue[place]
            return place is not None

    def hold(self, ticket: int, held: bool = True) -> bool:
        """Keep a waiting job from starting, or release it; returns whether it was waiting."""
        with self._changed:
            place = self._place(ticket)
            if place is not None:
                self._queue[place] = replace(self._queue[place], held=held)
                self._changed.notify()
            return place is not None

    def arrange(self, order: Sequence[int]) -> None:
        """Put the waiting jobs into the order of these tickets; others come after them."""
        places = {ticket: place for place, ticket in enumerate(order)}
        with self._changed:
            self._queue.sort(key=lambda each: places.get(each.ticket, len(places)))

    def _place(self, ticket: int) -> int | None:
        places = (place for place, each in enumerate(self._queue) if each.ticket == ticket)
        return next(places, None)

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
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> int | None:
        """Ticket of the job that runs; of several at once, of the first."""
        with self._changed:
            return next(iter(self._running), None)

    @property
    def tickets(self) -> frozenset[int]:
        """Those of all jobs that wait or run."""
        with self._changed:
            return frozenset(self._running).union(each.ticket for each in self._queue)

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
                    task = self._first()
                    if task is not None:
                        return self._started(task)
                self._changed.wait()

    def _first(self) -> Waiting | None:
        return next((waiting for waiting in self._queue if not waiting.held), None)

    def _started(self, task: Waiting) -> Waiting:
        self._queue.remove(task)
        self._running[task.ticket] = []
        return task

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

    def _run(self, first: Waiting) -> None:
        """Run a job, and those that the backend wants to run with it."""
        assert self._backend is not None
        self._deliver(first.ticket, Started())
        title, message = "The job failed", "The model stopped without a result: try it again."
        try:
            with contextlib.closing(self._events(self._backend, first)) as events:
                for ticket, event in events:
                    self._take(ticket, event)
                    self._tell_memory(MEMORY_SECONDS)
                    # One that is to stop ends; those that run with it go on.
                    for each in tuple(self._running):
                        if self._closing or each in self._stop:
                            self._end(each, Cancelled(tuple(self._running[each])))
                    if not self._running:
                        break
        except Exception as error:
            title, message = _explain(error, title)
        for ticket in tuple(self._running):
            self._end(ticket, Failed(title, message))
        self._tell_memory()

    def _events(self, backend: Backend, first: Waiting) -> Generator[tuple[int, Event], None, None]:
        """What happens in a job, and in those like it in the queue, each with its ticket."""
        job, tickets = first.job, [first.ticket]
        if first.resume is not None or not isinstance(job, DrawingJob) or job.chooses:
            with contextlib.closing(backend.run(job, first.resume)) as alone:
                yield from ((first.ticket, event) for event in alone)
            return

        def jobs() -> Iterator[Job]:
            yield job
            while (task := self._next_like(job)) is not None:
                tickets.append(task.ticket)
                self._deliver(task.ticket, Started())
                yield task.job

        with contextlib.closing(backend.run_together(jobs())) as events:
            yield from ((tickets[place], event) for place, event in events)

    def _next_like(self, job: DrawingJob) -> Waiting | None:
        """Take the next job out of the queue, if it differs in prompt, seed and count alone."""
        with self._changed:
            task = None if self._closing or self._paused or self._to_load else self._first()
            if task is None or task.resume is not None or not isinstance(task.job, DrawingJob):
                return None
            own = {"prompt": task.job.prompt, "seed": task.job.seed, "count": task.job.count}
            return self._started(task) if job.replace(**own) == task.job else None

    def _take(self, ticket: int, event: Event) -> None:
        """Pass on an event of a job that has not ended."""
        if ticket not in self._running:
            return
        if isinstance(event, Final):
            self._end(ticket, event)
            return
        if isinstance(event, Picture):
            self._running[ticket].append(event)
        self._deliver(ticket, event)

    def _end(self, ticket: int, final: Final) -> None:
        with self._changed:
            del self._running[ticket]
            self._stop.discard(ticket)
        self._deliver(ticket, final)

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
