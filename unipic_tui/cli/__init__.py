"""The command line. Torch and Textual are imported inside the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.parser import parse_arguments
from unipic_tui.cli.termination import INTERRUPTED, TERMINATED, Termination
from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.events import BackendFactory
from unipic_tui.streams import OutputError


def main(argv: Sequence[str] | None = None, backend_factory: BackendFactory | None = None) -> int:
    """Run one command, or open the app where none is named.

    Args:
        argv: the arguments after the program's name; ``None`` for those of this process.
        backend_factory: what makes the backend; ``None`` for the real one.

    Returns:
        The exit code: 0, 1 for a job that failed, 2 for input that cannot be used or output that
        cannot be written, 130 for an interrupt, 143 for a termination.
    """
    termination = Termination()
    with termination.watching():
        try:
            code = _run(argv, Context(backend_factory))
            sys.stdout.flush()
        except OutputError as error:
            say(str(error))
            code = StorageError.exit_code
        except KeyboardInterrupt:
            say("Stopped.")
            code = INTERRUPTED
        except BrokenPipeError:
            # The reader of our output has left; Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1
    return TERMINATED if termination.requested and code == INTERRUPTED else code


def _run(argv: Sequence[str] | None, context: Context) -> int:
    try:
        args = parse_arguments(argv)
    except SystemExit as stop:  # argparse has said why, or has printed what was asked for
        return int(stop.code or 0)
    try:
        return int(args.run(args, context))
    except UnipicError as error:
        say(error.message)
        if getattr(args, "json", False):
            from unipic_tui.cli.report import write_json

            write_json({"event": "failed", "title": error.title, "message": error.message})
        return error.exit_code
