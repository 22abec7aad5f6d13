"""One line of progress on the standard error: a bar on a terminal, elsewhere a line now and then.

The standard error of a job on a cluster is a file: what runs for hours must say something there.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from unipic_tui.text import printable

if TYPE_CHECKING:
    from rich import progress as rich_progress

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


def say(message: str) -> None:
    """One line on the standard error."""
    sys.stderr.write(f"unipic-tui: {printable(message)}\n")
    sys.stderr.flush()


class Bar:
    """Shows how far something is.

    Args:
        quiet: show nothing.
        every: seconds between two lines where there is no terminal.
    """

    def __init__(self, quiet: bool = False, every: float = EVERY) -> None:
        self._quiet = quiet
        self._every = every
        self._line = ""
        self._shown: rich_progress.Progress | None = None
        self._task: rich_progress.TaskID | None = None
        self._kind = ("", False)
        self._returns = False
        self._talker: threading.Thread | None = None
        self._closed = threading.Event()

    def show(self, label: str, fraction: float | None, detail: str = "") -> None:
        """Show a state, until the next one or `pause`.

        Args:
            label: what is being done.
            fraction: how much of it is done, 0 to 1; ``None`` where nobody can tell.
            detail: what stands behind the bar.
        """
        if self._quiet:
            return
        self._line = f"{label}: {detail}." if detail else f"{label}."
        if sys.stderr.isatty() and not _is_dumb():
            self._move(label, fraction, detail)
        elif self._talker is None:
            self._talker = threading.Thread(target=self._talk, daemon=True)
            self._talker.start()

    def _move(self, label: str, fraction: float | None, detail: str) -> None:
        if self._shown is None:
            self._shown = _make()
        kind = (label, fraction is None)
        if kind != self._kind:  # a task of its own, with its own clock
            if self._task is not None:
                self._shown.remove_task(self._task)
            total = None if fraction is None else 1.0
            self._task = self._shown.add_task(label, total=total, detail=detail)
            self._kind = kind
        assert self._task is not None
        self._shown.update(self._task, completed=fraction or 0.0, detail=detail)
        self._shown.start()

    def _talk(self) -> None:
        while not self._closed.wait(self._every):
            if self._line:
                say(self._line)

    def pause(self) -> None:
        """Take it off the screen until it is shown again."""
        self._line = ""
        self._returns = False
        if self._shown is not None:
            self._shown.stop()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Take it off the screen for a while; unless it is paused then, it comes back as it was."""
        line, moving = self._line, self._shown is not None and self._shown.live.is_started
        self.pause()
        self._returns = True
        try:
            yield
        finally:
            if self._returns:
                self._line = line
                if moving and self._shown is not None:
                    self._shown.start()

    def close(self) -> None:
        """Take it down for good."""
        self.pause()
        self._closed.set()
        if self._talker is not None:
            self._talker.join()


def _make() -> rich_progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def duration(seconds: float) -> str:
    """Time left, as short as it may be said: 8 s, 3:05 min, 1:02 h."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s left"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min left"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h left"


class Remaining:
    """Estimates the time left from how fast a fraction grows.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def __call__(self, fraction: float) -> str:
        """The time left in words; "" before it can be told."""
        now = self._clock()
        if self._first is None or fraction <= self._first[1]:
            self._first = (now, fraction)
        began, before = self._first
        if fraction - before < 0.01 or now - began < 1:
            return ""
        return duration((now - began) * (1 - fraction) / (fraction - before))


def _is_dumb() -> bool:
    from unipic_tui.terminal.capabilities import is_dumb

    return is_dumb()
