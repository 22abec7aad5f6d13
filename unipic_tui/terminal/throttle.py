"""The line to the terminal: pictures take the part of it that typing leaves.

Between this process and the terminal may lie an SSH connection whose buffers swallow a picture at
once and then hold back every key's echo until it is through. So a picture is written in parts, and
each part ends with a question that the terminal answers when it has dealt with the part; the next
one waits for that. The parts grow while the answers come promptly and shrink when they do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.message import Message

PROMPT = 0.025
"""Seconds that a part may delay what is written after it."""
_SMALLEST, _FIRST, _LARGEST = 2_048, 16_384, 262_144
_PATIENCE = 5.0
_REMEASURE = 20.0
_BLIND_RATE = 500_000
"""Bytes a second when the terminal does not answer."""
_WHERE_IS_THE_CURSOR = "\x1b[6n"


class TerminalWriter:
    """Writes to the terminal of one app; get it from `writer_of`.

    Attributes:
        slow: whether the line was found to carry well under a megabyte a second.
    """

    def __init__(self, app: App[Any]) -> None:
        self.slow = False
        self._app = app
        self._lock = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._later: list[str] = []
        self._part = _FIRST
        self._shortest = math.inf
        self._measured = -math.inf
        self._answers = True
        self._due = 0
        self._waiting: asyncio.Future[None] | None = None
        self._driver: Driver | None = None

    @property
    def part(self) -> int:
        """Bytes that may be written in one go, as things stand."""
        return self._part

    def write(self, sequence: str, now: bool = False) -> None:
        """Write something short, after the transmission that is under way unless told ``now``."""
        if self._lock.locked() and not now:
            self._later.append(sequence)
        else:
            self._put(sequence)

    @contextlib.asynccontextmanager
    async def transmission(self) -> AsyncIterator[None]:
        """Has the line for sequences that nothing but text may come between."""
        async with self._lock:
            try:
                yield
            finally:
                later, self._later = self._later, []
                for sequence in later:
                    self._put(sequence)

    async def send(self, sequences: Iterable[str]) -> None:
        """Write sequences, as many at a time as the line carries without delaying keys."""
        batch: list[str] = []
        size = 0
        for sequence in sequences:
            if batch and size + len(sequence) > self._part:
                await self._deliver("".join(batch))
                batch, size = [], 0
            batch.append(sequence)
            size += len(sequence)
        if batch:
            await self._deliver("".join(batch))

    async def settle(self, size: int) -> None:
        """Wait until the terminal has dealt with what the app wrote, about ``size`` bytes."""
        await self._deliver("", size)

    async def _deliver(self, data: str, written: int = 0) -> None:
        if self._app.is_headless:
            return
        async with self._turn:  # of two that wait for an answer, neither knows whose it is
            await self._deliver_alone(data, written)

    async def _deliver_alone(self, data: str, written: int) -> None:
        size = len(data) + written
        self._listen()
        if not self._answers:
            self._put(data)
            await asyncio.sleep(size / _BLIND_RATE)
            return
        if not written and time.monotonic() - self._measured > _REMEASURE:
            took = await self._ask("", 0)
            self._shortest = took or self._shortest
            self._measured = time.monotonic()
        if took := await self._ask(data, size):
            self._learn(size, took)

    async def _ask(self, data: str, size: int) -> float | None:
        """Write, ask, and wait for the answer; the seconds it took, or None where none came."""
        begun = time.monotonic()
        self._waiting = asyncio.get_running_loop().create_future()
        self._due += 1
        self._put(data + _WHERE_IS_THE_CURSOR)
        try:
            await asyncio.wait_for(self._waiting, _PATIENCE + size / _SMALLEST)
        except TimeoutError:
            self._answers = False
            self._due = 0
            return None
        finally:
            self._waiting = None
        return time.monotonic() - begun

    def _learn(self, size: int, took: float) -> None:
        """The shortest time there and back is the way; what is above it is the queue."""
        self._shortest = min(self._shortest, took)
        if took - self._shortest > PROMPT:
            self._part = max(_SMALLEST, self._part // 2)
            self.slow = self.slow or self._part < _FIRST
        elif size > self._part // 2:
            self._part = min(_LARGEST, self._part * 2)
            self.slow = self.slow and self._part <= 2 * _FIRST

    def _put(self, sequence: str) -> None:
        driver = self._app._driver
        if driver is not None and not self._app.is_headless:
            with contextlib.suppress(AssertionError):  # it has left application mode
                driver.write(sequence)

    def _listen(self) -> None:
        """Take the answers out of what the driver reads; nothing else asks for them."""
        driver = self._app._driver
        if driver is None or driver is self._driver:
            return
        self._driver = driver
        self._answers = not driver.is_web
        loop = asyncio.get_running_loop()
        process = driver.process_message

        def process_message(message: Message) -> None:
            if isinstance(message, events.CursorPosition):
                loop.call_soon_threadsafe(self._answered)
            else:
                process(message)

        driver.process_message = process_message  # type: ignore[method-assign]

    def _answered(self) -> None:
        self._due = max(0, self._due - 1)  # a wait that was given up has its answer come too
        if not self._due and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def writer_of(app: App[Any]) -> TerminalWriter:
    """The writer of an app; there is one, which lives and dies with it."""
    writer: TerminalWriter | None = vars(app).get("_picture_writer")
    if writer is None:
        writer = vars(app)["_picture_writer"] = TerminalWriter(app)
    return writer
