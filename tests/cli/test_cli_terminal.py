"""What only shows on a real terminal or with real signals: the bar, pictures, Ctrl+C, SIGTERM."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a script starts with & ignores Ctrl+C, and so would all that is started from here.
PROGRAM = """
import os
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.fakes import FakeBackend
from unipic_tui.cli import main
delay = float(sys.argv[1])
sys.exit(main(sys.argv[2:], backend_factory=lambda options: FakeBackend(
    options, delay=delay, fail=os.environ.get('FAIL')
)))
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "UNIPIC_DATA": str(tmp_path / "data"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "80",
        "LINES": "24",
    }


def on_terminal(
    tmp_path: Path,
    *argv: str,
    delay: float = 0.0,
    piped: bool = False,
    code: int = 0,
    term: str = "xterm-256color",
) -> str:
    """All that a command writes to a terminal of 80×24 that answers no questions."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(delay), *argv],
        stdin=subprocess.DEVNULL if piped else theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env=environment(tmp_path) | {"TERM": term},
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        output += part
    os.close(ours)
    assert process.wait() == code, output
    return output.decode()


def test_a_bar_moves_and_goes(tmp_path: Path) -> None:
    output = on_terminal(tmp_path, "g", "x", "-n", "2", "-s", "1", "--images", "none", delay=0.03)
    assert "Loading weights" in output
    assert "Picture 1 of 2" in output
    assert "Picture 2 of 2" in output
    assert "s left" in output
    assert "x-s1.png\r\n" in output
    assert output.rstrip().splitlines()[-1].startswith("unipic-tui: Drew 2 pictures")


def test_a_failure_is_said_on_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "job")
    output = on_terminal(tmp_path, "g", "x", delay=0.05, code=1)
    assert "Drawing" in output
    shown = output.split("unipic-tui: Out of memory")[0]
    assert shown.endswith(("\r", "\n", "\x1b[2K"))


def test_a_picture_is_shown_as_blocks(tmp_path: Path) -> None:
    output = on_terminal(tmp_path, "g", "x", "-s", "1", "--images", "blocks", "--quiet")
    lines = [line for line in output.splitlines() if "▀" in line]
    assert len(lines) == 20
    assert all(line.count("▀") == 40 for line in lines)
    assert "38;2;" in lines[0]


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_for_text_alone_gets_text(tmp_path: Path, term: str) -> None:
    output = on_terminal(tmp_path, "g", "x", "-s", "1", delay=0.01, term=term)
    assert output.splitlines()[1:-1] == ["x-s1.png"]
    assert "unipic-tui: Drew the picture in" in output
    assert not {"\x1b", "▀", "━"} & set(output)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_the_app_says_what_terminal_it_needs(tmp_path: Path, term: str) -> None:
    output = on_terminal(tmp_path, code=2, term=term)
    assert output.startswith("unipic-tui: The app needs a terminal")
    assert f"TERM={term} promises" in output
    assert "\x1b" not in output


def test_sixel_and_kitty_can_be_asked_for(tmp_path: Path) -> None:
    sixel = on_terminal(tmp_path, "g", "x", "--images", "sixel", "--quiet", piped=True)
    assert "\x1bP" in sixel
    assert "▀" not in sixel
    kitty = on_terminal(tmp_path, "g", "x", "--images", "kitty", "--quiet", piped=True)
    assert "\x1b_G" in kitty
    assert "\U0010eeee" in kitty


@pytest.mark.parametrize("flags", [["--images", "none"], ["--json"]])
def test_no_picture_is_shown(tmp_path: Path, flags: list[str]) -> None:
    output = on_terminal(tmp_path, "g", "x", "--quiet", *flags)
    assert "\x1b" not in output
    assert "▀" not in output


ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_ctrl_c_stops_within_an_iteration(tmp_path: Path, number: int, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "0.02", "g", "x", "-n", "64", "-i", "1024", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "progress":
            break
    process.send_signal(number)
    rest, errors = process.communicate()
    assert process.returncode == code
    events = [json.loads(line)["event"] for line in rest.splitlines()]
    assert events[-1] == "cancelled"
    assert "Traceback" not in errors
    assert list(tmp_path.rglob("*.png")) == []
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_pictures_done_before_ctrl_c_are_kept(tmp_path: Path, number: int, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "0.01", "g", "x", "-n", "64", "-s", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "picture":
            break
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code
    assert (tmp_path / "x-s1.png").is_file()


@pytest.mark.parametrize(
    ("number", "code", "handler"),
    [
        (signal.SIGINT, 130, "default_int_handler"),
        (signal.SIGTERM, 143, "default_int_handler"),
        (signal.SIGTERM, 143, "SIG_IGN"),  # as shells have it for what runs in the background
    ],
)
def test_ctrl_c_while_loading(tmp_path: Path, number: int, code: int, handler: str) -> None:
    program = PROGRAM.replace(
        "from unipic_tui.cli import main",
        "from unipic_tui.cli import main\n"
        "import time\n"
        "from unipic_tui.events import Loading\n"
        "def load(self):\n"
        "    yield Loading('weights', 0.1)\n"
        "    time.sleep(600)\n"
        "FakeBackend.load = load\n",
    ).replace("default_int_handler", handler)
    process = subprocess.Popen(
        [sys.executable, "-c", program, "0", "g", "x", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "loading"
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == code
    assert errors == "unipic-tui: Stopped.\n"
