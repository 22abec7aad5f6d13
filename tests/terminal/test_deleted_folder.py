"""The app in a folder that was deleted."""

from __future__ import annotations

from pathlib import Path

from tests.terminal.pty_terminal import PtyTerminal

APP = """
import os
import sys
import tempfile
from tests.fakes import FakeBackend
folder = tempfile.mkdtemp(dir={folder!r})
os.chdir(folder)
os.rmdir(folder)
from unipic_tui.cli import main
sys.exit(main({argv!r}, backend_factory=FakeBackend))
"""


def test_the_app_opens_and_finds_files_elsewhere(tmp_path: Path) -> None:
    with PtyTerminal(APP.format(folder=str(tmp_path), argv=[]), home=tmp_path) as pty:
        pty.wait_for("Enter draws one of these")
        pty.type("\x0f")
        pty.wait_for("Open a picture")
        pty.type("\x1b")
        pty.type("\x11")
        assert pty.finish() == 0
        assert "Traceback" not in pty.text


def test_a_relative_library_is_refused_before_the_screen_is_taken(tmp_path: Path) -> None:
    argv = ["--library", "here"]
    with PtyTerminal(APP.format(folder=str(tmp_path), argv=argv), home=tmp_path) as pty:
        assert pty.finish() == 2
        assert "The current folder was deleted" in pty.text
        assert "\x1b[?1049h" not in pty.text
