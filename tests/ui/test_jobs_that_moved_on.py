"""What a person asks of a job that is not any more what the screen says of it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeBackend
from tests.ui.harness import PATIENCE, Driver, running_app, states
from tests.ui.test_lifecycle import Gated
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, State
from unipic_tui.ui.screens.dialogs import QuestionDialog
from unipic_tui.ui.screens.queue_screen import QueueScreen


async def _run(driver: Driver, prompt: str) -> Entry:
    """Run a prompt; its entry as it was kept."""
    await driver.press("ctrl+l")
    await driver.write(prompt)
    await driver.press("ctrl+r")
    return driver.state.current.entries[max(driver.state.current.entries)]


def _kept(folder: Path, state: State) -> int:
    """A library with one job in this state."""
    library = Library.open(folder)
    session = library.sessions.create("rings")
    job = GenerateJob(prompt="a ring", width=64, height=64)
    entry = library.entries.add(session.id, job)
    library.entries.set_state(entry.id, state)
    library.close()
    return entry.id


async def test_a_job_that_has_just_begun_cannot_be_moved_and_the_app_goes_on(
    tmp_path: Path,
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "one")
        await _run(driver, "two")
        await driver.press("f8")
        queue = driver.app.screen
        assert isinstance(queue, QueueScreen)
        late = queue._entries[1:]
        backend.gate.release(8)
        await driver.until(lambda: states(driver) == {"one": "done", "two": "running"})
        await driver.settle_screen()
        queue._entries = late  # as on a slow disk, where the list is read a little later
        await driver.press("shift+up")
        assert driver.app.is_running
        assert any("does not wait in the queue any more" in said for said in driver.notices())
        backend.open()
        await driver.settle()
        assert states(driver) == {"one": "done", "two": "done"}


@pytest.mark.parametrize("ask", ["cancel", "hold", "release", "retry"])
async def test_a_job_that_is_done_stays_done(tmp_path: Path, ask: str) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        driver.app.thread.pause()
        before = await _run(driver, "a star")
        queue = driver.app.controller.queue
        if ask == "release":
            await queue.hold(before, True)
            before = driver.state.current.entries[before.id]
            await queue.hold(before, False)
        driver.app.thread.resume()
        await driver.settle()
        assert states(driver) == {"a star": "done"}
        match ask:
            case "cancel":
                await queue.cancel(before)
            case "hold" | "release":
                await queue.hold(before, ask == "hold")
            case "retry":
                await queue.retry(dataclasses.replace(before, state="interrupted"))
        await queue.take_up()
        await driver.settle()
        assert states(driver) == {"a star": "done"}
        assert len(backend.jobs) == 1


async def test_a_job_that_begins_as_it_is_released_is_said_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        thread, library = driver.app.thread, driver.app.library.opened
        thread.pause()
        entry = await _run(driver, "a star")
        await driver.app.controller.queue.hold(entry, True)
        thread.resume()
        held = driver.state.current.entries[entry.id]
        assert held.state == "paused"
        running = threading.Event()
        really = thread.hold
        told = driver.app.recorder._set

        def tell(*arguments: Any, **named: Any) -> None:
            told(*arguments, **named)
            running.set()

        def hold(ticket: int, is_held: bool = True) -> bool:
            found = really(ticket, is_held)
            assert running.wait(PATIENCE)  # the thread is the quicker one
            return found

        monkeypatch.setattr(thread, "hold", hold)
        monkeypatch.setattr(driver.app.recorder, "_set", tell)
        await driver.app.controller.queue.hold(held, False)
        await driver.settle_screen()
        assert states(driver) == {"a star": "running"}
        assert library.entries.get(entry.id).state == "running"
        backend.open()
        await driver.settle()
        assert states(driver) == {"a star": "done"}


@pytest.mark.parametrize("ask", ["cancel", "hold"])
async def test_a_job_that_is_stopped_while_it_is_handed_over_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    _kept(tmp_path, "cancelled")
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        driver.app.thread.pause()
        queue = driver.app.controller.queue
        (entry,) = driver.state.current.entries.values()
        really, asked = queue._submit, asyncio.Event()

        async def slowly(entry: Entry) -> None:
            asked.set()
            await asyncio.sleep(0)
            await driver.app.library.write(lambda library: None)
            await really(entry)

        monkeypatch.setattr(queue, "_submit", slowly)
        retrying = asyncio.create_task(queue.retry(entry))
        await asked.wait()
        (waiting,) = driver.state.current.entries.values()
        assert waiting.state == "queued"
        await (queue.cancel(waiting) if ask == "cancel" else queue.hold(waiting, True))
        await retrying
        driver.app.thread.resume()
        await driver.settle()
        assert states(driver) == {"a ring": "cancelled" if ask == "cancel" else "paused"}
        assert not backend.jobs


async def _changed_elsewhere(
    folder: Path, driver: Driver, change: Callable[[Library], None]
) -> None:
    def work() -> None:
        other = Library.open(folder)
        change(other)
        other.close()

    await asyncio.to_thread(work)
    await driver.app.controller.look_for_changes()


async def test_a_job_whose_session_is_changed_elsewhere_while_it_is_offered_again(
    tmp_path: Path,
) -> None:
    entry = _kept(tmp_path, "interrupted")
    async with running_app(tmp_path) as driver:
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog))
        session = driver.state.current.entries[entry].session
        await _changed_elsewhere(
            tmp_path, driver, lambda library: library.trash.put_session(session)
        )
        await driver.press("enter")
        await driver.settle()
        assert driver.app.is_running
        assert any("not there any more" in said for said in driver.notices())


@pytest.mark.parametrize("what", ["cancel", "hold", "trash"])
async def test_what_another_window_does_to_a_waiting_job_holds(tmp_path: Path, what: str) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "one")
        two = await _run(driver, "two")

        def change(library: Library) -> None:
            if what == "trash":
                library.trash.put_entry(two.id)
            else:
                library.entries.set_state(two.id, "cancelled" if what == "cancel" else "paused")

        await _changed_elsewhere(tmp_path, driver, change)
        backend.open()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["one"]
        expected = {"cancel": {"two": "cancelled"}, "hold": {"two": "paused"}, "trash": {}}
        assert states(driver) == {"one": "done", **expected[what]}


async def test_a_running_job_can_go_to_the_trash(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.until(lambda: states(driver) == {"a star": "running"})
        driver.screen.history.focus()
        await driver.key("delete")
        await driver.until(lambda: driver.app.thread._stop)
        backend.open()
        await driver.settle()
        assert states(driver) == {}
        assert not any("cannot go to the trash" in said for said in driver.notices())


async def test_a_session_with_a_running_job_can_go_to_the_trash(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await _run(driver, "a ring")
        await driver.until(lambda: states(driver)["a star"] == "running")
        driver.screen.perform("session.trash")
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog))
        await driver.key("enter")
        await driver.until(lambda: driver.app.thread._stop)
        backend.open()
        await driver.settle()
        assert driver.state.sessions == []
        assert driver.state.current.session is None
        assert not driver.notices()


async def test_a_waiting_edit_of_a_picture_in_the_trash_waits_until_it_is_brought_back(
    tmp_path: Path,
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        backend.open()
        await driver.settle()
        driver.app.thread.pause()
        await driver.press("f2")
        await _run(driver, "now red")
        driver.screen.workspace.gallery.focus()
        picture = driver.state.picture
        assert picture is not None
        driver.state.choose_picture(picture.id)
        await driver.press("delete")
        driver.app.thread.resume()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["a star"]
        assert not any("may have been deleted" in said for said in driver.notices())
        driver.screen.perform("undo")
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["a star", "now red"]
        assert states(driver) == {"a star": "done", "now red": "done"}


async def test_the_order_that_another_window_gives_the_queue_holds(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "one")
        await _run(driver, "two")
        three = await _run(driver, "three")
        await _changed_elsewhere(tmp_path, driver, lambda library: library.queue.move(three.id, -1))
        backend.open()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["one", "three", "two"]


async def test_jobs_run_in_the_order_that_is_seen_with_one_that_was_interrupted(
    tmp_path: Path,
) -> None:
    _kept(tmp_path, "interrupted")
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog))
        await driver.press("escape")
        driver.app.thread.pause()
        await _run(driver, "two")
        await _run(driver, "three")
        await driver.press("f8", "end", "shift+up", "shift+up")
        queue = driver.app.screen
        assert isinstance(queue, QueueScreen)
        assert [entry.job.prompt for entry in queue._entries] == ["three", "a ring", "two"]
        await driver.press("down", "r", "escape")
        driver.app.thread.resume()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["three", "a ring", "two"]
