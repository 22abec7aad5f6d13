"""A person who is quicker than the start: what is typed before the library is open counts too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import FakeBackend
from tests.ui.harness import PATIENCE, Driver, running_app, states
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.ui.library_access import LibraryAccess
from unipic_tui.ui.screens.queue_screen import QueueScreen
from unipic_tui.ui.widgets.greeting import Starters


class Gate:
    """Holds a function up until it is opened, as a busy machine or a slow disk would."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def wait(self) -> None:
        assert self._open.wait(PATIENCE)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    really = LibraryAccess.open

    async def slowly(access: LibraryAccess) -> None:
        access._writer.submit(gate.wait)
        await really(access)

    monkeypatch.setattr(LibraryAccess, "open", slowly)
    yield gate
    gate.open()


async def _type(driver: Driver, text: str) -> None:
    """Type without waiting for the library, as `Driver.write` does."""
    for character in text:
        await driver.key(character)


def _make_session(folder: Path) -> int:
    library = Library.open(folder)
    session = library.sessions.create("rings")
    entry = library.entries.add(session.id, GenerateJob(prompt="a ring", width=64, height=64))
    library.entries.set_state(entry.id, "done")
    library.close()
    return session.id


async def test_a_prompt_that_is_run_while_the_library_opens_is_drawn_once(
    tmp_path: Path, opening: Gate
) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend, opened=False) as driver:
        await _type(driver, "a star")
        await driver.key("ctrl+r")
        await driver.until(lambda: backend.loaded)
        assert not backend.jobs
        opening.open()
        await driver.settle()
        assert driver.on_main, driver.text()
        assert states(driver) == {"a star": "done"}
        assert [job.prompt for job in backend.jobs] == ["a star"]


async def test_it_goes_into_the_latest_session(tmp_path: Path, opening: Gate) -> None:
    session = _make_session(tmp_path)
    async with running_app(tmp_path, opened=False) as driver:
        await _type(driver, "a star")
        await driver.key("ctrl+r")
        opening.open()
        await driver.settle()
        assert driver.state.current.id == session
        assert states(driver) == {"a ring": "done", "a star": "done"}


async def test_a_new_session_that_was_asked_for_while_the_library_opens(
    tmp_path: Path, opening: Gate
) -> None:
    _make_session(tmp_path)
    async with running_app(tmp_path, opened=False) as driver:
        await driver.key("ctrl+n")
        opening.open()
        await driver.settle()
        assert driver.state.current.session is None


async def test_what_is_typed_meanwhile_keeps_the_keys(tmp_path: Path, opening: Gate) -> None:
    async with running_app(tmp_path, opened=False) as driver:
        await _type(driver, "a star")
        opening.open()
        await driver.settle()
        assert driver.focuses(driver.screen.composer.prompt)
        await driver.press("enter")
        assert driver.prompt == "a star\n"


async def test_who_has_typed_nothing_begins_at_the_starters(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        assert driver.focuses(driver.screen.query_one(Starters))


async def test_the_queue_can_be_looked_at_while_the_library_opens(
    tmp_path: Path, opening: Gate
) -> None:
    async with running_app(tmp_path, opened=False) as driver:
        await driver.key("f8")
        await driver.until(lambda: isinstance(driver.app.screen, QueueScreen))
        opening.open()
        await driver.until(lambda: "nothing waits" in driver.text())


async def test_leaving_while_the_library_opens(tmp_path: Path, opening: Gate) -> None:
    async with running_app(tmp_path, opened=False) as driver:
        await driver.key("ctrl+q")
        await driver.until(lambda: not driver.app.is_running)
        opening.open()


async def test_the_library_opens_while_the_screen_is_taken_down(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.screen.composer.remove()
        driver.screen.begin(["a star"])
