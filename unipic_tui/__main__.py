"""The program: ``python -m unipic_tui`` and the ``unipic-tui`` command."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings


def main() -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):  # a locale without Unicode must not end the run
                stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn their callers, not the person at the keys
    from unipic_tui.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
