"""What a command does when its output is full, closed or gone; run as people run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
FULL = Path("/dev/full")
DRAW = """
import sys
from unipic_tui import cli
from unipic_tui.__main__ import main
from tests.fakes import FakeBackend
run = cli.main
cli.main = lambda: run(sys.argv[1:], backend_factory=FakeBackend)
sys.exit(main())
"""
NO_ROOM = (
    "unipic-tui: Cannot write to the standard output: the disk is full: make room and try again.\n"
)

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line through the shell, which can close streams; backends are fakes."""
    (folder / "draw.py").write_text(DRAW)
    return subprocess.run(
        ["sh", "-c", f"'{sys.executable}' draw.py {command}"],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "UNIPIC_DATA": str(folder / "data"),
            "PATH": "/usr/bin:/bin",
        },
    )


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "settings",
        "completion bash",
        "generate x -o -",
        "generate x --json",
        "describe a.png",
        "describe a.png --json",
        "inspect a.png",
    ],
)
def test_a_full_output_is_told_in_a_sentence(tmp_path: Path, command: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    done = run(tmp_path, f"{command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.endswith(NO_ROOM)
    assert done.stderr.count("standard output") == 1
    assert "Traceback" not in done.stderr


def test_what_went_wrong_is_said_though_the_output_is_full(tmp_path: Path) -> None:
    done = run(tmp_path, "describe none.png --json > /dev/full")
    assert done.returncode == 2
    assert "none.png: there is no such file" in done.stderr
    assert done.stderr.endswith(NO_ROOM)


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full", "2>&- >/dev/null"]
)
def test_what_is_closed_costs_no_picture(tmp_path: Path, streams: str) -> None:
    done = run(tmp_path, f"generate x -o a.png {streams}")
    assert done.returncode == 0
    assert (tmp_path / "a.png").is_file()
    assert "Traceback" not in done.stderr


def test_no_file_gets_what_is_meant_for_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os; from unipic_tui.streams import guard_streams; guard_streams(); "
        "print(os.open('a', os.O_RDWR | os.O_CREAT) > 2, file=open('said', 'w'))"
    )
    command = f"'{sys.executable}' -c \"{code}\" <&- >&- 2>&-"
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert (tmp_path / "said").read_text() == "True\n"


def test_a_reader_that_leaves_is_no_trouble(tmp_path: Path) -> None:
    done = run(tmp_path, "settings | head -1")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("doctor", "Library"),
        ("generate x -i 1 -o {folder}/b.png", "b.png"),
    ],
)
def test_a_deleted_folder_stops_nothing(tmp_path: Path, command: str, said: str) -> None:
    code = (
        "import os, sys, tempfile\n"
        "folder = tempfile.mkdtemp(dir='.')\n"
        "os.chdir(folder)\n"
        "os.rmdir(os.getcwd())\n"
        "from unipic_tui.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.format(folder=tmp_path).split()],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_the_program_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Early:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'unipic_tui.cli.doctor': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Early())\n"
        "from unipic_tui.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 130
    assert done.stderr == "unipic-tui: Stopped.\n"
