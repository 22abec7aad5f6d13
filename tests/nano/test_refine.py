"""A run of refining."""

import json
from functools import partial
from pathlib import Path

import pytest

from unipic_tui.model.checkpoint import inspect
from unipic_tui.nano.refine import refiner
from unipic_tui.nano.refine.refiner import RoundOptions, refine
from unipic_tui.nano.train import __main__ as train
from unipic_tui.nano.train import loop
from unipic_tui.nano.train.joint import TaskMix
from unipic_tui.paths import EMBEDDED_CHECKPOINT


def test_refining_draws_learns_and_writes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = RoundOptions(8, group_size=2, head_steps=4, steps=2, pairs=4, tries=1, continuations=4)
    monkeypatch.setattr(train, "refine", partial(refine, rounds=rounds, buffer_size=60))
    monkeypatch.setattr(refiner, "LOG_EVERY", 1)
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.01)  # so that one step shows
    monkeypatch.setattr(refiner, "ANCHOR", TaskMix(2, 2, 2))
    folder = tmp_path / "run"
    arguments = ["--folder", str(folder), "--init", str(EMBEDDED_CHECKPOINT), "--refine"]
    assert train.main([*arguments, "--minutes", "0.05"]) == 0
    assert inspect(folder / "checkpoint").problems == ()
    before, after = (
        path.joinpath("model.safetensors").read_bytes()
        for path in (EMBEDDED_CHECKPOINT, folder / "checkpoint")
    )
    assert len(before) == len(after)
    assert before != after
    logged = [json.loads(line) for line in (folder / "refine.jsonl").read_text().splitlines()]
    assert 0 <= logged[0]["right"] <= 1
    assert train.main([*arguments, "--minutes", str(logged[-1]["minutes"] + 0.1)]) == 0
    again = [json.loads(line) for line in (folder / "refine.jsonl").read_text().splitlines()]
    assert again[: len(logged)] == logged
    assert [record["step"] for record in again[len(logged) :]][:1] == [logged[-1]["step"] + 1]


def test_refining_needs_a_trained_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main(["--refine"])
    assert stopped.value.code == 2
    assert "name its folder with --init" in capsys.readouterr().err
