"""What is pasted or typed into the app itself, in a terminal of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.terminal.pty_terminal import PtyTerminal
from unipic_tui.library.layout import DATABASE

APP = """
from pathlib import Path
from tests.fakes import FakeBackend
from unipic_tui.events import BackendOptions
from unipic_tui.settings import Settings
from unipic_tui.terminal.capabilities import prepare_terminal
prepare_terminal()
from unipic_tui.library import Library
from unipic_tui.ui.app import run_app

folder = Path({folder!r})
run_app(
    settings=Settings(images="blocks"),
    backend_factory=lambda options: FakeBackend(),
    options=BackendOptions(),
    library=folder,
)
library = Library.open(folder)
print("<prompts", ascii(list(library.search.prompts())), ">")
"""
PASTED = "\x1b[200~a red \x1b[31m circle\nsecond line\x12\n\x1b[201~"
PROMPT = "a red ␛[31m circle\nsecond line␒"


def done(library: Path) -> int:
    """How many jobs are done; 0 as long as the app has not made its library."""
    try:
        with closing(sqlite3.connect(f"file:{library / DATABASE}?mode=ro", uri=True)) as database:
            ((number,),) = database.execute("SELECT count(*) FROM entries WHERE state = 'done'")
            return int(number)
    except sqlite3.OperationalError:
        return 0


def test_only_what_is_typed_runs(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with PtyTerminal(APP.format(folder=str(library)), home=tmp_path) as pty:
        pty.wait_for("Enter draws one of these")
        pty.type(PASTED)
        pty.wait_for("second line")
        pty.type("\x12")
        pty.wait_until(lambda: done(library) == 1)
        pty.type("\x11")
        assert pty.finish() == 0
        assert f"<prompts {[PROMPT]!a} >" in pty.text


def test_what_is_typed_before_the_app_is_there_stands_in_its_prompt(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with PtyTerminal(
        APP.format(folder=str(library)), sixel=True, colours=16, delay=0.3, home=tmp_path
    ) as pty:
        pty.type("a rad\x7f\x7fed \x1b[Acïrc")
        pty.wait_for("\x1b[?1;3;256S")  # the last of the questions
        pty.type("le\x1b")
        pty.wait_for("Enter draws one of these")
        pty.type("!\x12")
        pty.wait_until(lambda: done(library) == 1)
        pty.type("\x11")
        assert pty.finish() == 0
        assert f"<prompts {['a red cïrcle!']!a} >" in pty.text
