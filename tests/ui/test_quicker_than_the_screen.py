"""A person who acts on what is seen in the moment in which it changes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.fakes import FakeBackend
from tests.ui.harness import PATIENCE, Driver, running_app, states
from tests.ui.test_beginning import Gate
from tests.ui.test_lifecycle import Gated
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import Session
from unipic_tui.ui.open_session import OpenSession
from unipic_tui.ui.screens import path_screen
from unipic_tui.ui.screens.contact_sheet import SheetScreen
from unipic_tui.ui.screens.dialogs import QuestionDialog, TextDialog


async def _run(driver: Driver, prompt: str) -> None:
    await driver.press("ctrl+l")
    await driver.write(prompt)
    await driver.press("ctrl+r")


async def test_the_queue_keeps_to_the_chosen_job_while_others_end(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        for prompt in ("one", "two", "three", "four"):
            await _run(driver, prompt)
        await driver.press("f8", "down", "down")
        backend.gate.release(8)
        await driver.until(lambda: states(driver)["one"] == "done")
        await driver.settle_screen()
        await driver.press("c")
        assert states(driver)["three"] == "cancelled"
        await driver.press("escape")
        backend.open()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["one", "two", "four"]


async def test_a_region_is_of_the_picture_that_is_seen(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        driver.screen.composer.settings.put({"count": "2"})
        await _run(driver, "a star")
        backend.gate.release(9)
        await driver.until(lambda: len(driver.state.current.pictures) == 1)
        (first,) = driver.state.current.pictures
        driver.state.choose_picture(first)
        await driver.settle_screen()
        driver.screen.perform("picture.region")
        await driver.settle_screen()
        backend.open()
        await driver.settle()
        await driver.press("enter")
        await driver.settle()
        source = driver.screen.composer.region_source
        assert source is None or source.id == first


async def test_asking_twice_whether_to_leave_asks_once(tmp_path: Path) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.until(lambda: driver.state.running is not None)
        await driver.press("ctrl+q", "ctrl+q")
        assert isinstance(driver.app.screen, QuestionDialog)
        await driver.press("escape")
        assert driver.on_main
        backend.open()
        await driver.settle()


async def test_a_sheet_with_a_picture_whose_file_is_gone(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _run(driver, "a star seed=1..2")
        await driver.settle()
        gone, there = driver.state.current.pictures.values()
        gone.path.unlink()
        for small in tmp_path.rglob("thumbnails/**/*.png"):
            small.unlink()
        driver.state.choose_picture(there.id)
        driver.screen.perform("picture.sheet")
        await driver.until(lambda: isinstance(driver.app.screen, SheetScreen))
        await driver.settle_screen()
        assert driver.app.is_running
        await driver.press("enter")
        assert driver.state.picture_id == there.id


def _make_session(folder: Path, name: str) -> int:
    library = Library.open(folder)
    session = library.sessions.create(name)
    job = GenerateJob(prompt=f"one of {name}", width=64, height=64)
    library.entries.set_state(library.entries.add(session.id, job).id, "done")
    library.close()
    return session.id


async def test_of_two_sessions_that_are_opened_the_later_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = _make_session(tmp_path, "rings")
    quick = _make_session(tmp_path, "stars")
    async with running_app(tmp_path) as driver:
        sessions, gate = driver.app.controller.sessions, Gate()
        really = OpenSession.load

        def load(library: Library, session: Session) -> OpenSession:
            gate.wait()
            return really(library, session)

        monkeypatch.setattr(OpenSession, "load", load)
        await driver.press("ctrl+n")
        opening = asyncio.create_task(sessions.open(slow))
        await asyncio.sleep(0)
        await sessions.open(quick)
        gate.open()
        await opening
        assert driver.state.current.id == quick


@pytest.mark.parametrize("command", ["session.rename", "session.trash"])
async def test_a_session_that_is_deleted_elsewhere_while_its_dialog_is_open(
    tmp_path: Path, command: str
) -> None:
    rings = _make_session(tmp_path, "rings")
    async with running_app(tmp_path) as driver:
        driver.screen.perform(command)
        await driver.until(lambda: isinstance(driver.app.screen, QuestionDialog | TextDialog))
        other = Library.open(tmp_path)
        other.trash.put_session(rings)
        other.close()
        await driver.app.controller.look_for_changes()
        await driver.press("enter")
        await driver.settle()
        (said,) = driver.notices()
        assert f"has no session {rings}: it may have been deleted in another window" in said


async def test_what_is_typed_before_the_folder_is_read_is_not_completed_to_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", "alps", "abacus"):
        (tmp_path / "models" / name).mkdir(parents=True)
    typed, let_go = f"{tmp_path}/models/ab", threading.Event()

    def slow(text: str, kind: path_screen.Kind) -> list[str]:
        if text == typed:
            let_go.wait(PATIENCE)
        return really(text, kind)

    really = path_screen.complete
    monkeypatch.setattr(path_screen, "complete", slow)
    async with running_app(tmp_path / "library") as driver:
        driver.screen.perform("model")
        await driver.until(lambda: isinstance(driver.app.screen, path_screen.PathScreen))
        line = driver.app.screen.query_one(Input)
        line.value = f"{tmp_path}/models/al"
        await driver.settle_screen()
        line.value = typed
        await driver.key("tab")
        let_go.set()
        await driver.settle_screen()
        assert line.value in {typed, f"{typed}acus/"}


async def test_a_mark_that_is_taken_back_at_once_is_gone(tmp_path: Path) -> None:
    async with running_app(tmp_path, backend=FakeBackend()) as driver:
        await _run(driver, "a star")
        await driver.settle()
        gate = Gate()
        driver.app.library.write_soon(lambda library: gate.wait())
        driver.screen.perform("picture.favourite")
        await driver.flush_keys()
        driver.screen.perform("picture.favourite")
        await driver.flush_keys()
        gate.open()
        await driver.settle()
        assert driver.state.picture is not None
        assert not driver.state.picture.favourite


async def test_a_region_goes_with_its_picture(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _run(driver, "a star seed=1..2")
        await driver.settle()
        first, second = driver.state.current.pictures
        driver.state.choose_picture(first)
        await driver.settle_screen()
        driver.screen.perform("picture.region")
        await driver.settle_screen()
        view = driver.screen.workspace.view
        assert driver.focuses(view)
        driver.state.choose_picture(second)
        await driver.settle_screen()
        assert not driver.focuses(view)
        assert driver.screen.composer.region_source is None
        driver.screen.perform("picture.region")
        await driver.settle_screen()
        await driver.key("enter")
        driver.state.choose_picture(first)
        await driver.settle_screen()
        source = driver.screen.composer.region_source
        assert source is not None
        assert source.id == second
