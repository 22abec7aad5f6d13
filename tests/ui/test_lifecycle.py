"""Cancelling, failing, leaving, coming back, another checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.fakes import FakeBackend
from tests.ui.harness import PATIENCE, Driver, running_app, states
from unipic_tui.events import BackendOptions, Event, Failed, Progress, Text
from unipic_tui.jobs import GenerateJob, Job
from unipic_tui.library import Library
from unipic_tui.library.records import State
from unipic_tui.ui.screens.dialogs import QuestionDialog
from unipic_tui.ui.screens.queue_screen import QueueScreen


class Gated(FakeBackend):
    """Goes on by one step each time the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        for event in super().run(job, resume):
            if isinstance(event, Progress | Text):
                self.gate.acquire(timeout=PATIENCE)
            yield event

    def open(self) -> None:
        self.gate.release(10_000)


async def _run(driver: Driver, prompt: str) -> None:
    await driver.write(prompt)
    await driver.press("ctrl+r")
    await driver.until(lambda: driver.state.running is not None)


async def _queue(driver: Driver, prompt: str) -> None:
    await driver.press("ctrl+l")
    await driver.write(prompt)
    await driver.press("ctrl+r")


async def _snapshot_kept(driver: Driver, state: bytes) -> None:
    """Wait for the chosen job's snapshot, which comes a little later than the progress."""
    snapshots, entry = driver.app.library.opened.snapshots, driver.state.entry_id or 0
    await driver.until(lambda: snapshots.load(entry) == state)


def kept_states(folder: Path) -> dict[str, State]:
    library = Library.open(folder)
    found = {
        entry.job.prompt: entry.state
        for session in library.sessions.all()
        for entry in library.entries.of_session(session.id)
    }
    library.close()
    return found


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_cancelling_stops_the_job_and_not_the_app(tmp_path: Path, key: str) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        backend.gate.release(2)
        await driver.until(lambda: "iteration 2 of 8" in driver.text())
        assert "Esc Cancel" in driver.text()
        await driver.press(key)
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "cancelled"}
        assert backend.cancelled == 1
        assert driver.app.is_running
        await driver.press(key)
        assert driver.app.is_running
        await driver.press("f6", "f6")
        await driver.settle()


async def test_the_next_job_goes_on_after_a_cancel(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await _queue(driver, "a ring")
        assert "1 waiting" in driver.text()
        await driver.press("escape")
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "cancelled", "a ring": "done"}


async def test_copying_selected_text_comes_before_cancelling(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.press("end", "shift+home", "ctrl+c")
        assert driver.app.clipboard == "a star"
        assert driver.state.running is not None
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "done"}


async def test_a_failure_is_said_kept_and_can_be_retried(tmp_path: Path) -> None:
    backend = FakeBackend(fail="job")
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        assert states(driver) == {"a star": "failed"}
        assert "Out of memory" in driver.details()
        assert any("Out of memory" in said for said in driver.notices())
        backend.fail = None
        await driver.press("f3", "f3", "f6", "f6")
        driver.screen.history.focus()
        await driver.press("R")
        await driver.settle()
        assert states(driver) == {"a star": "done"}
        assert len(driver.state.current.pictures) == 1


async def test_a_crash_of_the_backend_is_a_failure(tmp_path: Path) -> None:
    async with running_app(tmp_path, backend=FakeBackend(fail="crash")) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        assert states(driver) == {"a star": "failed"}
        assert "crashed, as told" in driver.details()
        assert driver.app.is_running


async def test_leaving_while_drawing_asks_and_can_be_thought_better_of(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.press("ctrl+q")
        assert isinstance(driver.app.screen, QuestionDialog)
        await driver.press("right", "enter")
        assert driver.app.is_running
        assert driver.on_main
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "done"}
        await driver.press("ctrl+q")
        assert driver.app.return_code == 0


@pytest.mark.parametrize(
    ("presses", "expected"),
    [
        (["enter"], "done"),
        (["right", "enter"], "paused"),
        (["right", "right", "enter"], "cancelled"),
        (["escape"], "interrupted"),
    ],
)
async def test_what_was_running_is_offered_again(
    tmp_path: Path, presses: list[str], expected: State
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await _queue(driver, "a ring")
        await driver.press("ctrl+q")
        await driver.key("enter")
        await driver.until(lambda: driver.app.return_code is not None)
        backend.open()
        assert driver.app.return_code == 0
    assert kept_states(tmp_path) == {"a star": "interrupted", "a ring": "queued"}

    async with running_app(tmp_path) as driver:
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog))
        assert "1 job did not finish last time" in driver.text()
        assert "a star" in driver.text()
        await driver.press(*presses)
        await driver.settle()
        assert states(driver) == {"a star": expected, "a ring": "done"}


async def test_a_job_that_goes_on_draws_only_what_is_missing(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        driver.screen.composer.settings.put({"count": "3", "seed": "20"})
        await _run(driver, "a star")
        backend.gate.release(9)
        await driver.until(lambda: len(driver.state.current.pictures) == 1)
        await driver.press("escape")
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "cancelled"}
        entry = driver.state.entry_id or 0
        await driver.app.library.write(lambda library: library.snapshots.drop(entry))
        driver.screen.history.focus()
        await driver.press("R")
        await driver.settle()
        job = backend.jobs[-1]
        assert isinstance(job, GenerateJob)
        assert (job.seed, job.count) == (21, 2)
        pictures = driver.state.current.pictures.values()
        assert [(picture.index, picture.job.seed) for picture in pictures] == [
            (0, 20),
            (1, 21),
            (2, 22),
        ]


async def test_a_cancelled_job_goes_on_from_its_kept_state(tmp_path: Path) -> None:
    backend = Gated()
    options = BackendOptions(snapshot_seconds=0)
    async with running_app(tmp_path, backend=backend, options=options) as driver:
        driver.screen.composer.settings.put({"count": "2", "seed": "20"})
        await _run(driver, "a star")
        backend.gate.release(11)
        await driver.until(lambda: "picture 2 of 2, iteration 3 of 8" in driver.text())
        await _snapshot_kept(driver, b"1,3")
        await driver.press("escape")
        backend.open()
        await driver.settle()
        assert len(driver.state.current.pictures) == 1
    assert kept_states(tmp_path) == {"a star": "cancelled"}

    async with running_app(tmp_path, options=options) as driver:
        driver.screen.history.focus()
        await driver.press("R")
        await driver.settle()
        ((picture, iteration),) = driver.backend.resumed
        assert picture == 1
        assert iteration >= 3
        pictures = driver.state.current.pictures.values()
        assert [(each.index, each.job.seed) for each in pictures] == [(0, 20), (1, 21)]
        await driver.press("R")
        assert len(driver.backend.jobs) == 1


async def test_a_kept_state_that_cannot_be_used_is_forgotten(tmp_path: Path) -> None:
    class Stale(Gated):
        def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
            if resume is not None:
                yield Failed("Cannot use that", "The snapshot is of another size.")
                return
            yield from super().run(job)

    backend = Stale()
    options = BackendOptions(snapshot_seconds=0)
    async with running_app(tmp_path, backend=backend, options=options) as driver:
        await _run(driver, "a star")
        backend.gate.release(3)
        await driver.until(lambda: "iteration 3 of 8" in driver.text())
        await driver.press("escape")
        backend.open()
        await driver.settle()
        driver.screen.history.focus()
        await driver.press("R")
        await driver.settle()
        assert states(driver) == {"a star": "failed"}
        await driver.press("R")
        await driver.settle()
        assert states(driver) == {"a star": "done"}


async def test_branching_off_from_an_unfinished_job(tmp_path: Path) -> None:
    backend = Gated()
    options = BackendOptions(snapshot_seconds=0)
    async with running_app(tmp_path, backend=backend, options=options) as driver:
        await _run(driver, "a star seed=5")
        backend.gate.release(4)
        await driver.until(lambda: "iteration 4 of 8" in driver.text())
        await _snapshot_kept(driver, b"0,4")
        await driver.press("escape")
        backend.open()
        await driver.settle()
        await driver.press("ctrl+l")
        await driver.write("a ring seed=77")
        driver.screen.history.focus()
        await driver.press("b")
        await driver.settle()
        assert states(driver) == {"a star": "cancelled", "a ring": "done"}
        ((picture, iteration),) = backend.resumed
        assert picture == 0
        assert iteration >= 4
        assert driver.state.picture is not None
        assert driver.state.picture.job.seed == 77
        await driver.press("b")
        await driver.settle_screen()
        assert any("no snapshot of that job" in said for said in driver.notices())


async def test_the_queue_can_be_put_in_order(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "one")
        for prompt in ("two", "three", "four"):
            await _queue(driver, prompt)
        await driver.press("f8")
        assert isinstance(driver.app.screen, QueueScreen)
        assert "Queue: 4 jobs" in driver.text()
        await driver.press("end", "shift+up", "shift+up")
        await driver.press("j", "space")
        assert "held" in driver.text()
        await driver.press("j", "c")
        await driver.press("escape")
        backend.open()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["one", "four"]
        assert states(driver) == {
            "one": "done",
            "two": "paused",
            "three": "cancelled",
            "four": "done",
        }
        await driver.press("f8", "space", "escape")
        await driver.settle()
        assert states(driver)["two"] == "done"


async def test_the_queue_can_be_paused(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.press("f9")
        await driver.write("a star")
        await driver.press("ctrl+r")
        assert "The queue is paused" in driver.text()
        assert backend_jobs(driver) == []
        await driver.press("f9")
        await driver.settle()
        assert backend_jobs(driver) == ["a star"]


def backend_jobs(driver: Driver) -> list[str]:
    return [job.prompt for job in driver.backend.jobs]


async def test_the_reveal_shows_previews_tokens_and_progress(tmp_path: Path) -> None:
    backend = Gated()
    options = BackendOptions(preview_seconds=0.0)
    async with running_app(tmp_path, backend=backend, options=options) as driver:
        await _run(driver, "a star")
        backend.gate.release(4)
        await driver.until(lambda: "iteration 4 of 8, 8 of 16 tokens" in driver.text())
        live = next(iter(driver.state.live.values()))
        assert live.preview is not None
        await driver.press("ctrl+t")
        assert driver.screen.workspace.view.overlay
        backend.open()
        await driver.settle()
        assert driver.state.live == {}
        assert "Ready" in driver.text()


async def test_an_answer_streams(tmp_path: Path) -> None:
    backend = Gated()
    backend.open()
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        while backend.gate.acquire(blocking=False):
            pass
        await driver.press("f6", "d")
        await driver.press("ctrl+r")
        backend.gate.release(5)
        await driver.until(lambda: "A picture of 64 by" in driver.details())
        assert "pixels" not in driver.details()
        backend.open()
        await driver.settle()
        assert "pixels, answer 1." in driver.details()


async def test_a_checkpoint_that_cannot_be_loaded(tmp_path: Path) -> None:
    backend = FakeBackend(fail="load")
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog))
        assert "no CUDA device" in driver.text()
        await driver.press("escape")
        assert "No model is loaded" in driver.text()
        await driver.write("a star")
        await driver.press("ctrl+r")
        assert any("waits until a checkpoint" in said for said in driver.notices())
        backend.fail = None
        driver.app.controller.load(BackendOptions())
        await driver.settle()
        assert states(driver) == {"a star": "done"}


async def test_another_checkpoint_is_loaded_without_leaving(tmp_path: Path) -> None:
    folder = tmp_path / "big-model"
    folder.mkdir()
    async with running_app(tmp_path / "library") as driver:
        driver.screen.perform("model")
        await driver.until(lambda: not driver.on_main)
        line = driver.app.screen.query_one(Input)
        line.value = str(tmp_path / "missing")
        await driver.press("enter")
        assert "There is no folder" in driver.text()
        line.value = str(folder)
        await driver.press("enter")
        await driver.until(lambda: "big-model" in driver.lines()[0])
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        assert driver.state.picture is not None
        assert driver.state.picture.model == "big-model"
