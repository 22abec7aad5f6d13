"""Measuring the parts of the model."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import make_native
from unipic_tui.cli import main


def run(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    code = main(["bench", "engine", *flags])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    make_native(folder)
    return folder


def test_parts_add_up_and_fast_asks_the_head_less(
    capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    flags = ("--model", str(checkpoint), "--iterations", "3", "-q", "full,fast", "--json")
    code, said = run(capsys, *flags, "--device", "cpu")
    assert code == 0
    start, full, fast = (json.loads(line) for line in said.splitlines())
    assert start["model"] == "tiny" and start["dtype"] == "float32"
    result: Any
    for result in (full, fast):
        parts = {part["name"]: part for part in result["parts"]}
        assert sum(part["seconds"] for part in parts.values()) == pytest.approx(result["seconds"])
        assert all(part["launches"] and part["flop"] for n, part in parts.items() if n != "rest")
        assert result["evaluations"] == 3 * 4  # the checkpoint's head steps
        assert result["first_preview"] and result["cancel"] and result["peak_bytes"] > 1e6
    launches = [sum(p["launches"] for p in r["parts"]) for r in (full, fast)]
    assert launches[0] != launches[1]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system cannot be asked")
def test_the_first_load_reads_from_the_disk(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: set[str] = set()

    def note(file: int, start: int, length: int, advice: int) -> None:
        assert (start, length, advice) == (0, 0, os.POSIX_FADV_DONTNEED)
        dropped.add(Path(f"/proc/self/fd/{file}").readlink().name)

    monkeypatch.setattr(os, "posix_fadvise", note)
    _, said = run(capsys, "--model", str(checkpoint), "--iterations", "1", "--device", "cpu")
    assert dropped == {path.name for path in checkpoint.iterdir()}
    assert " s from the disk, " in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("-q", "best"), "'best' is unknown"),
        (("--iterations", "0"), "--iterations 0 is out of range"),
        (("--random-weights", "--model", "gpt"), "needs --model with one of unipic-1.5b"),
        (("--model", "/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said(
    capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    code, answer = run(capsys, *flags)
    assert code == 2
    assert said in answer
    assert "Traceback" not in answer
