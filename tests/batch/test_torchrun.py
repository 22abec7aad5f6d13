"""``batch`` under torch's own launcher: as many processes as one likes, the same pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import make_native

ROOT = Path(__file__).parent.parent.parent
COUNT = 9
VICTIM = 2
_DEADLINE = 120.0


_LATE = """
import os, signal, sys, time
from pathlib import Path
from unipic_tui.batch.ranks import Ranks

ranks, place = Ranks.from_environment(), Path(sys.argv[1])
if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    if ranks.rank == 1:
        while not (place / "waiting").exists():
            time.sleep(0.05)
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)
    (place / "waiting").touch()
print(*ranks.gather(f"share {ranks.rank}"), sep=", ")
"""


def _start(ranks: int, restarts: int, *arguments: str) -> subprocess.Popen[str]:
    launcher = [] if ranks == 1 else ["-m", "torch.distributed.run", "--standalone"]
    if launcher:
        launcher += ["--nproc-per-node", str(ranks), "--max-restarts", str(restarts)]
        launcher += ["--monitor-interval", "0.1"]
    variables = {name: value for name, value in os.environ.items() if name != "RANK"}
    variables |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *launcher, *arguments],
        env=variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class Place:
    """A checkpoint, a file of prompts, and what running them gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_native(folder / "tiny")
        prompts: list[Any] = [{"prompt": f"a red circle {n}"} for n in range(COUNT)]
        prompts[4] = {"prompt": ""}
        (folder / "prompts.json").write_text(json.dumps(prompts))

    def start(self, ranks: int, output: str, *, restarts: int = 0) -> subprocess.Popen[str]:
        arguments = ["-m", "unipic_tui", "batch", str(self.folder / "prompts.json"), "--checkpoint"]
        arguments += [str(self.folder / "tiny"), "-o", str(self.folder / output)]
        # Pictures drawn together equal those drawn alone within rounding; here bytes are compared.
        arguments += ["--device", "cpu", "--num_iter", "10", "--batch-size", "1"]
        return _start(ranks, restarts, *arguments)

    def content(self, output: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / output).iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With the results of one process in ``alone``."""
    place = Place(tmp_path_factory.mktemp("torchrun"))
    alone = place.start(1, "alone")
    _, said = alone.communicate(timeout=_DEADLINE)
    assert alone.returncode == 1, said
    assert "item 4: The prompt is empty" in said
    return place


def test_two_processes_draw_the_pictures_of_one(place: Place) -> None:
    process = place.start(2, "two")
    out, said = process.communicate(timeout=_DEADLINE)
    assert process.returncode == 1  # item 4 cannot be done
    assert len(out.splitlines()) == COUNT - 1
    assert said.count("item 4: The prompt is empty") == 1
    assert said.count("1 of 9 could not be done") == 1
    assert place.content("two") == place.content("alone")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds its victim in /proc")
def test_a_killed_process_is_restarted_and_takes_up_its_share(place: Place) -> None:
    process = place.start(3, "three", restarts=1)
    folder = place.folder / "three"
    victim = _wait_for_work(process, folder)
    os.kill(victim, signal.SIGKILL)
    made = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.jpg")}
    _, said = process.communicate(timeout=_DEADLINE)
    assert place.content("three") == place.content("alone"), said
    share = {f"{index:08d}.jpg" for index in range(VICTIM, COUNT, 3)}
    assert share - set(made), "the kill came too late to prove anything"
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.jpg")}
    assert {name: kept[name] for name in made} == made  # none was drawn twice


def test_a_process_may_die_when_others_are_done(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(_LATE)
    process = _start(2, 1, str(tmp_path / "late.py"), str(tmp_path))
    out, said = process.communicate(timeout=_DEADLINE)
    assert process.returncode == 0, said
    assert "exitcode: -9" in said
    assert "share 0, share 1" in out


def _wait_for_work(process: subprocess.Popen[str], folder: Path) -> int:
    """The id of a process of the victim, as soon as the first picture is there."""
    end = time.monotonic() + _DEADLINE
    while not list(folder.glob("*.jpg")):
        assert process.poll() is None and time.monotonic() < end, "no picture came"
        time.sleep(0.005)
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = status.read_bytes().split(b"\0")
            parent = status.with_name("stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == process.pid and f"RANK={VICTIM}".encode() in variables:
            return int(status.parent.name)
    raise AssertionError("the victim is gone")
