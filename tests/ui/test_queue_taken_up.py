"""The queue taken up, as when another window changed something, while one's own jobs move on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeBackend
from tests.ui.harness import PATIENCE, running_app
from unipic_tui.library.records import Entry


def wait(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait on the library's thread; returns whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


async def test_a_job_that_ends_after_the_queue_was_read_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        thread, queue = driver.app.thread, driver.app.library.opened.queue
        thread.pause()
        await driver.write("a star")
        await driver.press("ctrl+r")
        really = queue.entries

        def late() -> list[Entry]:
            read = really()
            assert [entry.state for entry in read] == ["queued"]
            thread.resume()
            assert wait(lambda: backend.jobs and not thread.waiting and thread.running is None)
            return read

        monkeypatch.setattr(queue, "entries", late)
        await driver.app.controller.queue.take_up()
        monkeypatch.undo()
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["a star"]


async def test_a_job_that_is_kept_while_the_queue_is_read_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        library = driver.app.library.opened
        added, read = threading.Event(), threading.Event()
        really_add, really_read = library.entries.add, library.queue.entries

        def add(*arguments: Any, **named: Any) -> Entry:
            entry = really_add(*arguments, **named)
            added.set()
            read.wait(1.0)
            return entry

        def entries() -> list[Entry]:
            added.wait(0.5)  # in vain where the one waits for the other, as it should
            kept = really_read()
            read.set()
            return kept

        monkeypatch.setattr(library.entries, "add", add)
        monkeypatch.setattr(library.queue, "entries", entries)
        await driver.write("a star")
        taking_up = asyncio.create_task(driver.app.controller.queue.take_up())
        await driver.press("ctrl+r")
        await taking_up
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["a star"]
