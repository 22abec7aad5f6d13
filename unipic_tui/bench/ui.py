"""How responsive the app stays while a model works: the real app, in a terminal of its own.

The app runs in a child process on a pseudo-terminal, exactly as it runs for a person. It notes how
late its event loop wakes up. The parent types into the prompt editor and times how long each
character takes to come back in what the app writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unipic_tui.errors import UnipicError
from unipic_tui.events import BackendFactory, BackendOptions
from unipic_tui.settings import Settings

TICK = 0.005
"""Seconds that the event loop is asked to sleep; what it sleeps longer is its lag."""
KEY_SECONDS = 0.08
"""Seconds from one typed character to the next."""
START_SECONDS = 120.0
"""How long loading the model may take."""
ANSWER_SECONDS = 20.0
"""How long a typed character may take before the app is given up."""
_PROMPT = "a red circle seed=1..200"
_CLEAR = b"\x15"  # Ctrl+U, which the editor itself deletes the line with


@dataclass(frozen=True, slots=True)
class Spread:
    """Middle and end of many measured times, in milliseconds."""

    name: str
    median: float
    p99: float
    worst: float
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured.

    Attributes:
        spreads: lag while nothing runs, lag while it draws, and a key's echo while it draws.
        bytes_per_second: what the app wrote to the terminal while it drew.
    """

    spreads: tuple[Spread, ...]
    bytes_per_second: float


def bench(
    factory: BackendFactory,
    options: BackendOptions,
    settings: Settings,
    *,
    seconds: float = 15.0,
    size: tuple[int, int] = (140, 45),
    line_speed: int | None = None,
    pause: float = 1.0,
) -> Result:
    """Run the app on a terminal of its own, draw, and type.

    Args:
        factory: makes the backend, in the child process.
        options: as the app gets them.
        settings: as the app gets them.
        seconds: how long to measure while it draws.
        size: columns and rows of the terminal.
        line_speed: bytes a second that the terminal takes; ``None`` for as many as it can.
        pause: seconds to let pass between the steps.

    Raises:
        UnipicError: the app did not start, or ended early.
    """
    with tempfile.TemporaryDirectory(prefix="unipic-bench-") as folder:
        report = Path(folder) / "lag.json"
        process, terminal = pty.fork()
        if process == 0:
            _run_child(factory, options, settings, Path(folder), report, size)
        try:
            driver = _Driver(terminal, line_speed, report, pause)
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            driver.wait_for_model()
            driver.pass_time(2 * pause)
            driver.draw()
            echoes, written = driver.type_for(seconds)
            driver.leave()
        finally:
            with contextlib.suppress(OSError):
                os.close(terminal)
            os.waitpid(process, 0)
        if not report.exists():
            raise UnipicError("The app ended before anything could be measured.")
        lags = json.loads(report.read_text())
    spreads = (
        _spread("event loop, nothing to do", lags["idle"]),
        _spread("event loop, drawing", lags["busy"]),
        _spread("a key's echo, drawing", echoes),
    )
    return Result(spreads, written / seconds)


def _spread(name: str, times: Sequence[float]) -> Spread:
    if not times:
        raise UnipicError(f"Nothing could be measured of: {name}.")
    ordered = sorted(1000 * value for value in times)
    at_99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return Spread(name, ordered[len(ordered) // 2], at_99, ordered[-1], len(ordered))


# The child: the app, and a clock on its event loop


def _run_child(
    factory: BackendFactory,
    options: BackendOptions,
    settings: Settings,
    folder: Path,
    report: Path,
    size: tuple[int, int],
) -> None:
    """Run the app with the clock; never returns."""
    code = 1
    try:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.environ |= {"UNIPIC_DATA": str(folder)}
        while os.get_terminal_size(0).columns != size[0]:
            time.sleep(0.01)
        from unipic_tui.terminal.capabilities import prepare_terminal

        prepare_terminal(folder / "terminal.log")
        from unipic_tui.ui.app import UnipicApp

        class Clocked(UnipicApp):
            """Notes how late its event loop is."""

            __module__ = UnipicApp.__module__  # its style sheets are looked for from there

            def on_mount(self) -> None:
                # Textual calls the app's own handler as well.
                self.run_worker(self._tick(), group="clock")

            async def _tick(self) -> None:
                lags: dict[str, list[float]] = {"idle": [], "busy": []}
                shown = 0.0
                while True:
                    before = time.perf_counter()
                    await asyncio.sleep(TICK)
                    now = time.perf_counter()
                    if self.studio.info is not None:
                        lags["busy" if self.thread.running else "idle"].append(now - before - TICK)
                    if now - shown > 0.5:
                        shown = now
                        text = json.dumps(lags | {"ready": self.studio.info is not None})
                        await asyncio.to_thread(_replace, report, text)

        app = Clocked(
            settings=settings,
            backend_factory=factory,
            options=options,
            library=folder / "library",
        )
        app.run()
        app.wind_up()
        code = 0
    finally:
        os._exit(code)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


# The parent: a terminal that types


class _Driver:
    """Reads what the app writes, at the speed of the line, and types."""

    def __init__(self, terminal: int, line_speed: int | None, report: Path, pause: float) -> None:
        self._terminal = terminal
        self._line_speed = line_speed
        self._report = report
        self._pause = pause
        self._seen = b""
        self.read = 0

    def wait_for_model(self) -> None:
        """Until the checkpoint is loaded."""
        end = time.monotonic() + START_SECONDS
        while not self._reported("ready"):
            self.pass_time(0.3)
            if time.monotonic() > end:
                raise UnipicError("The model did not load: try `unipic-tui doctor`.")

    def _reported(self, name: str) -> bool:
        return self._report.exists() and bool(json.loads(self._report.read_text())[name])

    def pass_time(self, seconds: float) -> None:
        """Read for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._take(0.01)

    def draw(self) -> None:
        """Begin to draw for long enough, and empty the prompt."""
        for at in range(1, len(_PROMPT) + 1):
            self._type(_PROMPT[:at])
        self._write(b"\n")
        end = time.monotonic() + START_SECONDS
        while not self._reported("busy"):
            self.pass_time(0.1)
            if time.monotonic() > end:
                raise UnipicError("The app did not begin to draw.")
        self._write(_CLEAR)
        self.pass_time(self._pause)

    def _type(self, text: str) -> float:
        """Type the last character of what will be there; how long until it is written back."""
        self._seen = b""
        began = time.perf_counter()
        self._write(text[-1].encode())
        while text.encode() not in self._seen:
            self._take(0.002)
            if time.perf_counter() - began > ANSWER_SECONDS:
                raise UnipicError("The app does not answer to keys any more.")
        return time.perf_counter() - began

    def type_for(self, seconds: float) -> tuple[list[float], int]:
        """Type characters; the time each took to be written back, and bytes read meanwhile."""
        echoes: list[float] = []
        before = self.read
        end = time.monotonic() + seconds
        typed = ""
        while time.monotonic() < end:
            typed = f"{typed}{chr(ord('a') + len(echoes) % 26)}"[-30:]
            if len(typed) == 30:
                typed = typed[-1]
                self._write(_CLEAR)
                self.pass_time(KEY_SECONDS)
            echoes.append(self._type(typed))
            self.pass_time(KEY_SECONDS)
        return echoes, self.read - before

    def leave(self) -> None:
        """Leave the app, and agree to it."""
        with contextlib.suppress(OSError, UnipicError):  # it may be gone at once
            self._write(b"\x11")
            self.pass_time(self._pause)
            self._write(b"\r")
            self.pass_time(20.0)

    def _write(self, data: bytes) -> None:
        os.write(self._terminal, data)

    def _take(self, wait: float) -> None:
        if not select.select([self._terminal], [], [], wait)[0]:
            return
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            raise UnipicError("The app ended early: see whether it opens without bench.")
        self.read += len(data)
        self._seen = (self._seen + data)[-200_000:]
        if self._line_speed:
            time.sleep(len(data) / self._line_speed)
