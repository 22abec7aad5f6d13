"""The published outputs, and that a broken engine does not pass."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import tests.parity as published
from tests.parity import RUNS, TOLERANCE, Parity, main
from unipic_tui.model.config import MarConfig

DATA = Path(__file__).parent.parent / "data"
FILES = (DATA / "parity.json", DATA / "parity.safetensors")


@pytest.fixture(scope="module")
def parity() -> Parity:
    return Parity(*FILES)


def test_every_group_equals_the_published_code(parity: Parity) -> None:
    with torch.inference_mode():
        groups = {group.name: group.error for group in parity.groups()}
    assert len(groups) == 14
    assert {name for name, error in groups.items() if error > TOLERANCE} == set()


def test_every_run_is_in_the_files(parity: Parity) -> None:
    assert {name: parity.iterations(name) for name in RUNS} == {
        "t2i_cfg3": 4,
        "t2i_cfg1": 4,
        "t2i_linear_b2": 6,
        "t2i_wide": 5,
        "edit_cfg3": 4,
        "edit_cfg1": 4,
    }


def test_a_wrong_schedule_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(published, "MarConfig", partial(MarConfig, max_beta=0.999))
    assert main([str(path) for path in FILES]) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = {line.split()[0] for line in lines if "FAIL" in line}
    assert {"t2i_cfg3", "edit_cfg1"} <= failed
    assert "vae" not in failed


def test_the_command_prints_a_line_a_group(tmp_path: Path) -> None:
    for path in FILES:
        shutil.copy(path, tmp_path)
    script = Path(__file__).parent.parent / "parity.py"
    done = subprocess.run(
        [sys.executable, str(script), *(str(tmp_path / path.name) for path in FILES)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(script.parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 14
