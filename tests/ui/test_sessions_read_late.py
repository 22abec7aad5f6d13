"""Sessions that are read from a slow disk while something else happens to them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.harness import PATIENCE, Driver, running_app, states
from tests.ui.test_beginning import Gate, _type
from tests.ui.test_lifecycle import Gated
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import Session
from unipic_tui.ui import app as app_module
from unipic_tui.ui.open_session import OpenSession


class Disk:
    """Holds up what was read of a session, on its way to the screen.

    Attributes:
        reads: set once something is held up.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = threading.Event()
        self._gate: Gate | None = None
        really = OpenSession.load

        def load(library: Library, session: Session) -> OpenSession:
            opened = really(library, session)
            gate, self._gate = self._gate, None  # only once
            if gate is not None:
                self.reads.set()
                gate.wait()
            return opened

        monkeypatch.setattr(OpenSession, "load", load)

    def hold(self) -> Gate:
        self.reads.clear()
        self._gate = Gate()
        return self._gate


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    # Nothing looks for other windows' changes by itself.
    monkeypatch.setattr(app_module, "LOOK_SECONDS", 1e6)
    yield Disk(monkeypatch)


def _make_session(folder: Path, name: str) -> int:
    library = Library.open(folder)
    session = library.sessions.create(name)
    job = GenerateJob(prompt=f"one of {name}", width=64, height=64)
    entry = library.entries.add(session.id, job)
    library.entries.set_state(entry.id, "done")
    library.close()
    return session.id


async def _reached(disk: Disk) -> None:
    assert await asyncio.to_thread(disk.reads.wait, PATIENCE)


async def _run(driver: Driver, prompt: str) -> None:
    await driver.write(prompt)
    await driver.press("ctrl+r")


async def _given_time(condition: Callable[[], object]) -> None:
    """Let something come true that has to wait for what is held up, so that it does in vain."""
    end = time.monotonic() + 0.3
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.005)


async def _ends_meanwhile(
    driver: Driver, disk: Disk, backend: Gated, reading: Coroutine[Any, Any, None]
) -> None:
    """Let the job "a star" end while its session is being read; nothing of it is lost."""
    gate = disk.hold()
    task = asyncio.create_task(reading)
    await _reached(disk)
    backend.open()
    await _given_time(lambda: driver.state.current.pictures)
    gate.open()
    await task
    await driver.settle()
    assert states(driver) == {"a star": "done"}
    assert len(driver.state.current.pictures) == 1


async def test_a_picture_that_is_made_while_its_session_is_read_again_is_there(
    tmp_path: Path, disk: Disk
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.until(lambda: states(driver) == {"a star": "running"})
        await _ends_meanwhile(driver, disk, backend, driver.app.controller.sessions.reload())


async def test_a_picture_that_is_made_while_its_session_is_opened_is_there(
    tmp_path: Path, disk: Disk
) -> None:
    backend = Gated()
    async with running_app(tmp_path, backend=backend) as driver:
        await _run(driver, "a star")
        await driver.until(lambda: states(driver) == {"a star": "running"})
        number = driver.state.current.id
        await driver.press("ctrl+n")
        driver.state.loaded.clear()
        driver.state.unfolded.clear()
        await _ends_meanwhile(driver, disk, backend, driver.app.controller.sessions.open(number))


async def test_a_session_that_is_made_while_others_are_read_again_stays(
    tmp_path: Path, disk: Disk
) -> None:
    _make_session(tmp_path, "stars")
    async with running_app(tmp_path) as driver:
        await driver.press("ctrl+n")
        gate = disk.hold()
        reading = asyncio.create_task(driver.app.controller.sessions.reload())
        await _reached(disk)
        await _type(driver, "a ring")
        await driver.key("ctrl+r")
        await _given_time(lambda: driver.state.current.session)
        gate.open()
        await reading
        await driver.settle()
        assert states(driver) == {"a ring": "done"}
        names = [session.name for session in driver.state.sessions]
        assert sorted(names) == ["a ring", "stars"]


@pytest.mark.parametrize("where", ["new", "other"])
async def test_who_went_elsewhere_while_a_session_is_made_stays_there(
    tmp_path: Path, where: str
) -> None:
    other = _make_session(tmp_path, "stars")
    async with running_app(tmp_path) as driver:
        await driver.press("ctrl+n")
        sessions, gate = driver.app.controller.sessions, Gate()
        driver.app.library.write_soon(lambda library: gate.wait())
        making = asyncio.create_task(sessions.current_or_new("a ring"))
        await asyncio.sleep(0)
        if where == "new":
            sessions.start_new()
        else:
            await sessions.open(other)
        gate.open()
        made = await making
        await driver.settle()
        assert driver.state.current.id == (0 if where == "new" else other)
        assert made in driver.state.loaded
        assert made in [session.id for session in driver.state.sessions]


async def test_another_windows_changes_are_seen_however_long_a_look_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "LOOK_SECONDS", 0.01)

    async with running_app(tmp_path) as driver:
        really = driver.app.controller.queue.take_up

        async def slowly() -> object:

            await asyncio.sleep(0.1)  # several looks would begin meanwhile
            return await really()

        monkeypatch.setattr(driver.app.controller.queue, "take_up", slowly)
        await asyncio.to_thread(_make_session, tmp_path, "rings")
        await driver.until(lambda: [one.name for one in driver.state.sessions] == ["rings"])
