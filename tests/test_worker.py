"""The thread that owns the model: order, cancelling, failure, another checkpoint."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import pytest

from tests.fakes import ITERATIONS, FakeBackend
from unipic_tui.events import (
    BackendOptions,
    Cancelled,
    Event,
    Failed,
    Final,
    Finished,
    Loading,
    Picture,
    Progress,
)
from unipic_tui.jobs import GenerateJob, Job
from unipic_tui.worker import LoadFailed, ModelThread, Ready, Started, WorkerEvent

PATIENCE = 20.0


class Log:
    """Collects what the thread delivers, and lets a test wait for it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.events: list[tuple[int | None, WorkerEvent]] = []
        self.on_event: Callable[[int | None, WorkerEvent], None] | None = None

    def __call__(self, ticket: int | None, event: WorkerEvent) -> None:
        with self.changed:
            self.events.append((ticket, event))
            self.changed.notify_all()
        if self.on_event:
            self.on_event(ticket, event)

    def of(self, ticket: int | None) -> list[WorkerEvent]:
        return [event for owner, event in self.events if owner == ticket]

    def wait(self, ticket: int | None, *kinds: type[WorkerEvent]) -> WorkerEvent:
        def found() -> WorkerEvent | None:
            return next((event for event in self.of(ticket) if isinstance(event, kinds)), None)

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, PATIENCE), self.events
        event = found()
        assert event is not None
        return event

    def final(self, ticket: int) -> WorkerEvent:
        return self.wait(ticket, Finished, Cancelled, Failed)

    def started(self) -> list[int | None]:
        return [ticket for ticket, event in self.events if isinstance(event, Started)]


class Gated(FakeBackend):
    """Draws an iteration each time the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        for event in super().run(job, resume):
            if isinstance(event, Progress):
                self.gate.acquire(timeout=PATIENCE)
            yield event


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def make(log: Log) -> Iterator[Callable[..., ModelThread]]:
    threads: list[ModelThread] = []

    def start(backend: FakeBackend | None = None, *, begin: bool = True) -> ModelThread:
        chosen = backend or FakeBackend()
        thread = ModelThread(lambda options: chosen, BackendOptions(), log)
        threads.append(thread)
        if begin:
            thread.start()
        return thread

    yield start
    for thread in threads:
        thread.close(PATIENCE)


def job(prompt: str = "a circle", count: int = 1) -> GenerateJob:
    return GenerateJob(prompt=prompt, count=count)


def test_loads_by_itself_and_runs_in_order(make: Callable[..., ModelThread], log: Log) -> None:
    thread = make(begin=False)
    for ticket in (3, 1, 2):
        thread.submit(ticket, job(f"prompt {ticket}"))
    thread.start()
    assert isinstance(log.final(2), Finished)
    assert log.started() == [3, 1, 2]
    assert isinstance(log.wait(None, Ready), Ready)
    assert any(isinstance(event, Loading) for event in log.of(None))
    events = log.of(3)
    assert isinstance(events[0], Started)
    assert sum(isinstance(event, Progress) for event in events) == ITERATIONS
    assert isinstance(events[-2], Picture)
    assert isinstance(events[-1], Finished)
    assert events[-1].pictures == (events[-2],)


def test_cancels_a_running_job_within_an_iteration(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = Gated()
    thread = make(backend)
    thread.submit(1, job())
    thread.submit(2, job())
    backend.gate.release()
    log.wait(1, Progress)
    assert thread.cancel(1)
    backend.gate.release(100)
    assert log.final(1) == Cancelled()
    assert sum(isinstance(event, Progress) for event in log.of(1)) <= 2
    assert backend.cancelled == 1
    assert isinstance(log.final(2), Finished)


def test_a_cancelled_job_reports_the_pictures_it_finished(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = Gated()
    thread = make(backend)
    thread.submit(1, job(count=2))
    backend.gate.release(ITERATIONS)
    picture = log.wait(1, Picture)
    thread.cancel(1)
    backend.gate.release(100)
    assert log.final(1) == Cancelled((picture,))  # type: ignore[arg-type]


def test_cancels_a_waiting_job_at_once(make: Callable[..., ModelThread], log: Log) -> None:
    thread = make(begin=False)
    thread.submit(1, job())
    thread.submit(2, job())
    assert thread.cancel(1)
    assert log.of(1) == [Cancelled()]
    assert [waiting.ticket for waiting in thread.waiting] == [2]
    assert not thread.cancel(7)


def test_a_job_taken_back_leaves_no_trace(make: Callable[..., ModelThread], log: Log) -> None:
    thread = make(begin=False)
    thread.submit(1, job())
    assert thread.take_back(1)
    assert not thread.take_back(1)
    assert log.events == []


def test_arranges_holds_and_releases(make: Callable[..., ModelThread], log: Log) -> None:
    thread = make(begin=False)
    for ticket in (1, 2, 3):
        thread.submit(ticket, job())
    thread.arrange([9, 3, 2])
    assert [waiting.ticket for waiting in thread.waiting] == [3, 2, 1]
    assert thread.hold(2)
    thread.start()
    log.final(1)
    assert log.started() == [3, 1]
    assert thread.hold(2, False)
    log.final(2)
    assert not thread.hold(2)


def test_pausing_lets_the_running_job_end_and_starts_no_other(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = Gated()
    thread = make(backend)
    thread.submit(1, job())
    thread.submit(2, job())
    log.wait(1, Started)
    thread.pause()
    backend.gate.release(100)
    log.final(1)
    assert [waiting.ticket for waiting in thread.waiting] == [2]
    assert thread.paused
    thread.resume()
    log.final(2)


def test_a_failure_ends_one_job_and_the_next_works(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = FakeBackend(fail="job")
    thread = make(backend)
    thread.submit(1, job())
    failed = log.final(1)
    assert isinstance(failed, Failed)
    assert "Out of memory" in failed.message
    backend.fail = None
    thread.submit(1, job())
    thread.submit(2, job())
    assert isinstance(log.final(2), Finished)
    finals = [event for event in log.of(1) if isinstance(event, Finished | Failed | Cancelled)]
    assert [type(event) for event in finals] == [Failed, Finished]


def test_a_bug_in_the_backend_is_a_sentence_and_not_the_end(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = FakeBackend(fail="crash")
    thread = make(backend)
    thread.submit(1, job())
    failed = log.final(1)
    assert isinstance(failed, Failed)
    assert "RuntimeError: the fake backend crashed, as told" in failed.message
    backend.fail = None
    thread.submit(2, job())
    assert isinstance(log.final(2), Finished)


def test_a_generator_without_a_final_event_is_a_failure(
    make: Callable[..., ModelThread], log: Log
) -> None:
    class Silent(FakeBackend):
        def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
            yield Loading("nothing", 1.0)

    thread = make(Silent())
    thread.submit(1, job())
    assert isinstance(log.final(1), Failed)


def test_jobs_wait_while_no_checkpoint_loads(make: Callable[..., ModelThread], log: Log) -> None:
    backend = FakeBackend(fail="load")
    thread = make(backend)
    thread.submit(1, job())
    failed = log.wait(None, LoadFailed)
    assert isinstance(failed, LoadFailed)
    assert "no CUDA device" in failed.message
    assert [waiting.ticket for waiting in thread.waiting] == [1]
    backend.fail = None
    thread.load(BackendOptions())
    assert isinstance(log.final(1), Finished)


def test_loads_another_checkpoint_between_jobs(log: Log, tmp_path: Path) -> None:
    made: list[FakeBackend] = []

    def factory(options: BackendOptions) -> FakeBackend:
        assert all(not backend.loaded for backend in made), "two models in memory"
        made.append(FakeBackend(options))
        return made[-1]

    thread = ModelThread(factory, BackendOptions(), log)
    thread.start()
    try:
        thread.submit(1, job())
        log.final(1)
        thread.load(BackendOptions(checkpoint=tmp_path / "other"))
        thread.submit(2, job())
        final = log.final(2)
    finally:
        assert thread.close(PATIENCE)
    assert isinstance(final, Finished)
    assert final.pictures[0].model == "other"
    assert [backend.loaded for backend in made] == [False, False]


def test_closing_stops_the_running_job(make: Callable[..., ModelThread], log: Log) -> None:
    backend = Gated()
    thread = make(backend)
    thread.submit(1, job())
    thread.submit(2, job())
    log.wait(1, Started)
    backend.gate.release(2)
    assert thread.close(PATIENCE)
    assert log.final(1) == Cancelled()
    assert log.of(2) == []
    assert not backend.loaded


def test_closing_a_thread_that_never_started_is_fine(make: Callable[..., ModelThread]) -> None:
    assert make(begin=False).close(1)


def test_one_thread_only_and_a_lower_priority(make: Callable[..., ModelThread], log: Log) -> None:
    seen: set[tuple[int, int]] = set()

    def note(ticket: int | None, event: WorkerEvent) -> None:
        native = threading.get_native_id()
        seen.add((native, os.getpriority(os.PRIO_PROCESS, native)))

    log.on_event = note
    thread = make()
    thread.submit(1, job())
    log.final(1)
    assert len(seen) == 1
    present = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert seen.pop()[1] == min(19, present + 10)


def test_what_was_loaded_is_left_out_of_collections_until_it_is_given_back(
    make: Callable[..., ModelThread], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unipic_tui.worker.MANY_MODULES", -1)
    thread = make()
    log.wait(None, Ready)
    assert gc.get_freeze_count() > 0
    assert thread.close(PATIENCE)
    assert gc.get_freeze_count() == 0


class AtOnce(Gated):
    """Runs what it gets at once, an iteration of each in turn."""

    def run_together(self, jobs: Iterable[Job]) -> Generator[tuple[int, Event], None, None]:
        running = dict(enumerate(self.run(job) for job in jobs))
        try:
            while running:
                for place, events in list(running.items()):
                    event = next(events, None)
                    if event is None:
                        del running[place]
                    else:
                        yield place, event
        finally:
            for events in running.values():
                events.close()


def test_jobs_that_differ_in_words_alone_run_at_once(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = AtOnce()
    backend.gate.release(100)
    thread = make(backend, begin=False)
    other = GenerateJob(prompt="a ring", iterations=3)
    thread.submit(1, job("a"))
    thread.submit(2, job("b"), held=True)
    thread.submit(3, job("c", count=2))
    thread.submit(4, other)
    thread.submit(5, job("d"))
    thread.start()
    for ticket in (1, 3, 4, 5):
        assert isinstance(log.final(ticket), Finished)
        finals = [event for event in log.of(ticket) if isinstance(event, Final)]
        assert len(finals) == 1 and log.of(ticket)[-1] is finals[0]
    assert log.started() == [1, 3, 4, 5]
    order = [ticket for ticket, event in log.events if isinstance(event, Started | Final)]
    assert order == [1, 3, 1, 3, 4, 4, 5, 5]
    assert thread.tickets == {2}


def test_cancelling_one_of_several_leaves_the_others(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = AtOnce()
    thread = make(backend, begin=False)
    for ticket in (1, 2, 3):
        thread.submit(ticket, job(f"prompt {ticket}"))
    thread.start()
    backend.gate.release(2)
    log.wait(2, Progress)
    assert thread.running == 1
    assert thread.cancel(2)
    backend.gate.release(100)
    assert log.final(2) == Cancelled()
    assert isinstance(log.final(1), Finished)
    assert isinstance(log.final(3), Finished)
    assert not thread.cancel(2)
    assert sum(isinstance(event, Progress) for event in log.of(2)) <= 2


def test_a_crash_fails_all_that_ran_at_once_and_no_other(
    make: Callable[..., ModelThread], log: Log
) -> None:
    backend = AtOnce()
    backend.fail = "crash"
    backend.gate.release(100)
    thread = make(backend, begin=False)
    for ticket in (1, 2):
        thread.submit(ticket, job(f"prompt {ticket}"))
    thread.submit(3, GenerateJob(prompt="a ring", iterations=3))
    thread.start()
    for ticket in (1, 2, 3):
        assert isinstance(log.final(ticket), Failed)
    assert thread.running is None


def test_a_pause_lets_no_further_job_join(make: Callable[..., ModelThread], log: Log) -> None:
    backend = Gated()
    thread = make(backend, begin=False)
    for ticket in (1, 2):
        thread.submit(ticket, job(f"prompt {ticket}"))
    thread.start()
    backend.gate.release()
    log.wait(1, Progress)
    thread.pause()
    backend.gate.release(100)
    assert isinstance(log.final(1), Finished)
    assert 2 in thread.tickets and log.started() == [1]
    thread.resume()
    assert isinstance(log.final(2), Finished)
