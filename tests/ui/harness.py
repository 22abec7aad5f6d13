"""Driving the app in tests: start it on a fake backend, wait until nothing is left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual import events
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from tests.fakes import FakeBackend
from unipic_tui.events import Backend, BackendOptions
from unipic_tui.library.records import State
from unipic_tui.settings import Settings
from unipic_tui.ui.app import UnipicApp
from unipic_tui.ui.main_screen import MainScreen
from unipic_tui.ui.state import AppState

PATIENCE = 30.0
"""Seconds after which waiting is given up; nothing in a test takes that long."""


@dataclass
class Driver:
    """The app while a test uses it."""

    app: UnipicApp
    pilot: Pilot[Any]
    backend: FakeBackend = field(default_factory=FakeBackend)

    @property
    def screen(self) -> MainScreen:
        main = self.app.screen_stack[1] if len(self.app.screen_stack) > 1 else self.app.screen
        assert isinstance(main, MainScreen)
        return main

    @property
    def mode(self) -> str:
        """The editor's mode."""
        return self.screen.composer.mode

    def focuses(self, widget: Widget) -> bool:
        """Whether keys go to a widget."""
        return self.app.focused is widget

    @property
    def on_main(self) -> bool:
        """Whether no dialog is open."""
        return self.app.screen is self.screen

    @property
    def state(self) -> AppState:
        return self.app.state

    @property
    def prompt(self) -> str:
        return self.screen.composer.prompt.text

    def details(self) -> str:
        return str(self.screen.query_one("#details-text", Static).content)

    def notices(self) -> list[str]:
        return [notice.message for notice in self.app._notifications]

    def lines(self) -> list[str]:
        """The screen as text."""
        width, _ = self.app.size
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip)[:width] for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    async def flush(self) -> None:
        """Wait until all widgets have handled their messages."""
        await self.pilot.pause(0)

    async def flush_keys(self) -> None:
        """Wait until those that keys go to have handled their messages; much cheaper."""
        await self.until(lambda: self.app._keys.idle or not self.app.is_running)
        chain = [self.app, self.app.screen]
        if self.app.focused is not None:
            chain += [node for node in self.app.focused.ancestors_with_self if node not in chain]
        for pump in chain:
            handled = asyncio.Event()
            if pump.call_later(handled.set):
                async with asyncio.timeout(PATIENCE):
                    await handled.wait()

    async def key(self, key: str) -> None:
        """Press a key; Textual's own pilot waits for an idle process, which is slow."""
        self._send(key)
        await self.flush_keys()

    def _send(self, key: str) -> None:
        if key.startswith("paste:"):
            self.app.post_message(events.Paste(key.removeprefix("paste:")))
            return
        character = key if len(key) == 1 else key_to_character(key)
        name = _character_to_key(key) if len(key) == 1 else key
        self.app.post_message(events.Key(name, character))

    async def burst(self, *keys: str) -> None:
        """Press keys, and paste what follows ``paste:``, all at once, as over a slow line."""
        for key in keys:
            self._send(key)
        await self.settle_screen()

    async def press(self, *keys: str) -> None:
        """Press keys one after another, each once the one before is dealt with."""
        for key in keys:
            await self.key(key)
            await self.settle_screen()

    async def type(self, text: str) -> None:
        """Press the key of each character."""
        for char in text:
            await self.key(char)
        await self.settle_screen()

    async def write(self, text: str) -> None:
        """Put a text where the focus is at once, as a terminal pastes it."""
        assert self.app.focused is not None
        self.app.focused.post_message(events.Paste(text))
        await self.settle_screen()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{condition} never came true\n{self.text()}"
            await asyncio.sleep(0.002)

    async def settle_screen(self) -> None:
        """Wait until commands and library calls are through; jobs may still run."""
        for _ in range(2):
            await self.until(lambda: not self._busy_workers())
            await self.app.library.write(lambda library: None)
            await self.flush_keys()
        await self.flush()

    def _busy_workers(self) -> list[object]:
        groups = {"screen", "search", "queue", "queue-refresh", "accept", "default"}
        if len(self.app.screen_stack) <= 2:
            # With a dialog open these wait for its answer.
            groups |= {"commands", "begin", "quit", "load-failed"}
        return [
            worker
            for worker in self.app.workers
            if not worker.is_finished and worker.group in groups
        ]

    async def settle(self) -> None:
        """Wait until no job runs or waits (held ones aside), and all is written and shown."""
        thread = self.app.thread
        await self.settle_screen()
        await self.until(
            lambda: thread.running is None and all(waiting.held for waiting in thread.waiting)
        )
        await self.settle_screen()


@asynccontextmanager
async def running_app(
    library: Path,
    *,
    size: tuple[int, int] = (100, 30),
    backend: FakeBackend | None = None,
    settings: Settings | None = None,
    options: BackendOptions | None = None,
    opened: bool = True,
) -> AsyncIterator[Driver]:
    """The app on a fake backend, started and settled; wound up at the end.

    Args:
        opened: whether to wait for the library.
    """
    chosen = backend or FakeBackend()

    def factory(wanted: BackendOptions) -> Backend:
        chosen.options = wanted
        return chosen

    app = UnipicApp(
        settings=settings or Settings(images="blocks"),
        backend_factory=factory,
        options=options or BackendOptions(),
        library=library,
    )
    try:
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot, chosen)
            await driver.until(lambda: app._main is not None and app._main.is_attached)
            if opened:
                await driver.until(app.state.begun.is_set)
                await driver.settle_screen()
            yield driver
    finally:
        app.wind_up()


def states(driver: Driver) -> dict[str, State]:
    """Each job's state in the session on the screen, by its prompt."""
    return {entry.job.prompt: entry.state for entry in driver.state.current.entries.values()}
