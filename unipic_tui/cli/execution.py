"""Loading the model and running one job, with Ctrl+C stopping it between two iterations."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

from unipic_tui.cli.context import Context
from unipic_tui.cli.report import Reporter, reporting
from unipic_tui.cli.termination import INTERRUPTED
from unipic_tui.errors import CheckpointError, InputError, StorageError
from unipic_tui.events import (
    Backend,
    BackendOptions,
    Cancelled,
    Event,
    Failed,
    Final,
    Loading,
    Picture,
)
from unipic_tui.jobs import Job

_BAD_INPUT = {kind.title for kind in (InputError, CheckpointError, StorageError)}


@contextmanager
def loaded(
    args: argparse.Namespace, context: Context, options: BackendOptions, *, leads: bool = True
) -> Iterator[tuple[Backend, Reporter]]:
    """A backend with its checkpoint and the reporter that the arguments ask for; closed at the end.

    Args:
        args: the command's arguments.
        context: the way to a backend.
        options: what to load.
        leads: whether this process tells of the loading, and of a checkpoint nobody named.

    Raises:
        UnipicError: the checkpoint cannot be loaded.
    """
    with reporting(args) as reporter:
        reporter.event(Loading("PyTorch", 0.0))  # importing it takes seconds
        with closing(context.backend_factory(options)) as backend:
            for loading in backend.load():
                if leads:
                    reporter.event(loading)
            info = backend.info
            if leads and info.embedded and options.checkpoint is None:
                size = f"{info.defaults.width}×{info.defaults.height}"
                reporter.notice(
                    f"The small embedded model {info.model} is used ({size} pixels); "
                    "--checkpoint names another."
                )
            yield backend, reporter


class Interrupt:
    """Whether Ctrl+C was pressed, or the process told to end.

    A second time it stops at once, as it does elsewhere.
    """

    def __init__(self) -> None:
        self.requested = False

    def handle(self, number: int, _: FrameType | None) -> None:
        """Note the first press."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        again = b"; Ctrl+C again stops at once" if number == signal.SIGINT else b""
        # A stream may be half way through a line of its own just now; the descriptor never is.
        with suppress(OSError):
            os.write(2, b"\nStopping after this step%b.\n" % again)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take Ctrl+C for the time of a job."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may, and only it gets the signal
            return
        before = signal.signal(signal.SIGINT, self.handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def run_job(
    backend: Backend,
    job: Job,
    reporter: Reporter,
    watch: Callable[[Event], None] = lambda _: None,
) -> Final:
    """Run a job to its end, or to the first iteration after Ctrl+C.

    Args:
        backend: a backend that is loaded.
        job: what to do.
        reporter: is told every event.
        watch: is told every event, before the reporter is; what it raises stops the job.
    """
    interrupt = Interrupt()
    pictures: list[Picture] = []
    final: Final | None = None
    with interrupt.watching():
        events = backend.run(job)
        try:
            for event in events:
                watch(event)
                if isinstance(event, Picture):
                    pictures.append(event)
                if isinstance(event, Final):
                    final = event
                    break
                reporter.event(event)
                if interrupt.requested:
                    break
        finally:
            events.close()
    final = final or Cancelled(tuple(pictures))
    reporter.event(final)
    return final


def exit_code(final: Final) -> int:
    """The exit code that tells how a job ended."""
    match final:
        case Failed(title):
            return 2 if title in _BAD_INPUT else 1
        case Cancelled():
            return INTERRUPTED
        case _:
            return 0
