"""What a command does when it is told to end: as at Ctrl+C, with another exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl+C, as shells have it."""
TERMINATED = 143
"""Exit code after SIGTERM, which `kill`, job schedulers and shutdowns send."""


class Termination:
    """Whether SIGTERM came; it is handed on to whatever takes Ctrl+C just then."""

    def __init__(self) -> None:
        self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note it and hand it on."""
        self.requested = True
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # shells have what runs in the background ignore Ctrl+C
            raise KeyboardInterrupt
        handler(number, frame)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take SIGTERM for the time of a command, unless somebody else wants it."""
        if (
            threading.current_thread() is not threading.main_thread()  # it may not
            or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        ):
            yield
            return
        signal.signal(signal.SIGTERM, self.handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
