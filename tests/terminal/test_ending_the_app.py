"""The app is told to end by a signal: the terminal is given back, and the job is kept."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.terminal.pty_terminal import PtyTerminal
from unipic_tui.library.layout import DATABASE

APP = """
import fcntl
import sys
import termios
from pathlib import Path
from tests.fakes import FakeBackend
from unipic_tui.events import BackendOptions
from unipic_tui.settings import Settings
from unipic_tui.terminal.capabilities import prepare_terminal
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
prepare_terminal()
from unipic_tui.ui.app import run_app

sys.exit(run_app(
    settings=Settings(images="blocks"),
    backend_factory=lambda options: FakeBackend(delay=0.2),
    options=BackendOptions(),
    library=Path({folder!r}),
))
"""
SWITCHED = re.compile(r"\x1b\[(?:\?([\d;]+)([hl])|([<>])\d*u)")


def states(library: Path) -> list[str]:
    """The states of the jobs; none as long as the app has not made its library."""
    try:
        with closing(sqlite3.connect(f"file:{library / DATABASE}?mode=ro", uri=True)) as database:
            return [state for (state,) in database.execute("SELECT state FROM entries")]
    except sqlite3.OperationalError:
        return []


def modes(output: str) -> dict[str, str]:
    """Every mode of the terminal that was switched, and how it was left."""
    return {m[1] or "keys": m[2] or m[3] for m in SWITCHED.finditer(output)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_given_back_and_the_job_is_kept(
    tmp_path: Path, number: signal.Signals
) -> None:
    library = tmp_path / "library"
    with PtyTerminal(APP.format(folder=str(library)), home=tmp_path) as pty:
        pty.wait_for("Enter draws one of these")
        pty.type("a red circle i=1000\x12")
        pty.wait_until(lambda: states(library) == ["running"])
        os.kill(pty.process.pid, number)
        assert pty.finish() == 128 + number
        left = modes(pty.text)
        on = {mode for mode, state in left.items() if state == "h"}
        assert {"1049", "1003", "1006", "2004", "25", "keys"} <= set(left)
        assert on == {"25", "7"}  # the cursor, and long lines wrap
        assert left["keys"] == "<"
        assert "Traceback" not in pty.text
        assert states(library) == ["interrupted"]


def test_a_closed_terminal_ends_the_app(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with PtyTerminal(APP.format(folder=str(library)), home=tmp_path) as pty:
        pty.wait_for("Enter draws one of these")
        pty.type("a red circle i=1000\x12")
        pty.wait_until(lambda: states(library) == ["running"])
        pty.hang_up()
        assert pty.finish() == 128 + signal.SIGHUP
        assert states(library) == ["interrupted"]


def test_a_signal_before_the_first_paint(tmp_path: Path) -> None:
    with PtyTerminal(APP.format(folder=str(tmp_path / "library")), home=tmp_path) as pty:
        pty.wait_for("\x1b[?1049h")
        os.kill(pty.process.pid, signal.SIGTERM)
        assert pty.finish() == 143
        assert modes(pty.text)["1049"] == "l"
        assert "Traceback" not in pty.text
