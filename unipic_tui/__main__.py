"""The program: ``python -m unipic_tui`` and the ``unipic-tui`` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        import warnings

        from unipic_tui.streams import guard_streams

        guard_streams()
        if not sys.warnoptions:
            # Libraries warn their callers, not the person at the keys.
            warnings.simplefilter("ignore")
        from unipic_tui.cli import main as run

        return run()
    except KeyboardInterrupt:  # before the command line could take it, or after
        sys.stderr.write("unipic-tui: Stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
