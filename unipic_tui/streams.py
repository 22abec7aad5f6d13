"""The standard output and the standard error, which may be full, closed or gone.

What cannot be written to the standard output is told once, as a sentence. What cannot be written
to the standard error is dropped: there is nobody left to tell, and a picture is worth more.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from unipic_tui.files import storage_error

if TYPE_CHECKING:
    from typing_extensions import Buffer  # of the standard library from Python 3.12 on

Failed = Callable[[OSError], None]
"""Is told why a write failed; the write counts as done unless it raises."""


class OutputError(Exception):
    """The standard output does not take what is written; the text is a sentence.

    It is no `UnipicError`, so that nobody takes it for trouble with one of many files.
    """


def guard_streams() -> None:
    """Have failed writes of this process end in a sentence, and closed streams take anything.

    Writing to ``sys.stdout`` then raises `OutputError` once, and nothing afterwards; a reader who
    has left is still a `BrokenPipeError`. Writing to ``sys.stderr`` raises nothing.
    """
    _fill_descriptors()
    sys.stdout = _guarded(sys.stdout, 1, _tell)
    sys.stderr = _guarded(sys.stderr, 2, _drop)


def open_lenient(descriptor: int) -> io.TextIOWrapper:
    """UTF-8 text written to a descriptor line by line; what it does not take is dropped."""
    raw = _Guard(io.FileIO(descriptor, "w"), _drop)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", None, True)


def _tell(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise error
    raise OutputError(storage_error(error, "the standard output", "write to").message) from error


def _drop(_: OSError) -> None:
    pass


class _Guard(io.RawIOBase):
    """Passes bytes on to a stream, and none any more once that has failed."""

    def __init__(self, raw: io.RawIOBase, failed: Failed) -> None:
        self._raw = raw
        self._failed = failed
        self._over = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Buffer) -> int | None:
        if not self._over:
            try:
                return self._raw.write(data)
            except OSError as error:
                self._over = not isinstance(error, BrokenPipeError)
                self._failed(error)
        return memoryview(data).nbytes


def _fill_descriptors() -> None:
    """Put the null device where a standard stream was closed.

    Else the next file to be opened would take its number, and what is meant for the stream.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _guarded(stream: object, descriptor: int, failed: Failed) -> io.TextIOWrapper:
    raw: io.RawIOBase
    if isinstance(stream, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
        # Unbuffered Python has no buffer between the text and the bytes.
        raw = cast("io.RawIOBase", getattr(stream.buffer, "raw", stream.buffer))
        encoding, by_line = stream.encoding, stream.line_buffering or stream.write_through
    else:
        raw = io.FileIO(descriptor, "w", closefd=False)
        encoding, by_line = "utf-8", True
    # A locale without Unicode must not end the run.
    buffer = io.BufferedWriter(_Guard(raw, failed))
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=by_line)
