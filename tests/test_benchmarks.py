"""The studies in ``benchmarks/`` run on the program as it is; what they find is not tested."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def rows(
    script: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """What a study printed, a line each."""
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(FOLDER / script), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_solvers_are_scored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ddpm:3", "dpmpp_2m_sde:2", "--n", "6", "--seeds", "0"]
    header, *found = rows("solver_score.py", arguments, monkeypatch, capsys)
    assert [line.split()[0] for line in found] == ["ddpm:3", "dpmpp_2m_sde:2"]
    assert all(len(line.split()) == len(header.split()) + 1 for line in found)


def test_solvers_are_held_against_many_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--conditions", "4", "--draws", "2"]
    _, _, again, *found = rows("solvers.py", arguments, monkeypatch, capsys)
    assert again.startswith("ddpm 1000 again")
    assert len(found) > 10
    assert all("±" in line for line in found)
