"""Refining: own drawings and verdicts, pairs, the preference loss, and a run of it."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.checkpoint import inspect
from unipic_tui.nano import refine as stage
from unipic_tui.nano import train
from unipic_tui.nano.own_drawings import Attempts
from unipic_tui.nano.refine import Judgements, Rounds, refine
from unipic_tui.nano.train_joint import Mix
from unipic_tui.nano.world import Detected, draw_sample, generator
from unipic_tui.paths import EMBEDDED_CHECKPOINT


def _attempts(codec: PromptCodec, right: tuple[bool, ...]) -> Attempts:
    """Drawings whose latents are their numbers; wrong ones lack their second object."""
    sample = draw_sample(generator("train", 0), kind="attribute")
    whole, lacking = (Detected(sample.scene.ground, sample.scene.objects[:n]) for n in (2, 1))
    latents = torch.arange(float(len(right))).view(-1, 1, 1).expand(-1, 16, 16)
    found = tuple(whole if good else lacking for good in right)
    return Attempts(sample, codec.draw(sample.prompt), latents, found, right)


def test_only_prompts_drawn_right_and_wrong_make_pairs(codec: PromptCodec) -> None:
    judgements = Judgements(Rounds(kept=2), side=4)
    rng = generator("train", 3)
    judgements.add([_attempts(codec, (True, True)), _attempts(codec, (False, False))], [])
    assert not judgements.attempts
    judgements.add([_attempts(codec, right) for right in ((True, False, False), (False, True))], [])
    pairs = judgements.pairs(rng, 40)
    assert len(pairs.prompts) == 40
    assert set(pairs.right[:, 0, 0].tolist()) == {0.0, 1.0}
    assert set(pairs.wrong[:, 0, 0].tolist()) == {0.0, 1.0, 2.0}
    assert (pairs.right != pairs.wrong).all()
    judgements.add([_attempts(codec, (False, False, False, True))] * 2, [])
    assert set(judgements.pairs(rng, 9).right[:, 0, 0].tolist()) == {3.0}


def test_a_missing_object_is_the_empty_quadrants_fault(codec: PromptCodec) -> None:
    judgements = Judgements(Rounds(), side=4)
    tried = _attempts(codec, (False, True))
    judgements.add([tried], [])
    blamed = judgements.pairs(generator("train", 4), 1).blamed
    free = [quadrant != tried.found[0].objects[0].quadrant for quadrant in range(4)]
    expected = torch.tensor(free).view(2, 2).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(blamed[0].view(4, 4), expected)


def test_refining_draws_learns_and_writes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(8, tries=2, head_steps=4, steps=2, pairs=4, mends=1, mended=4)
    monkeypatch.setattr(train, "refine", partial(refine, rounds=rounds, pool=60))
    monkeypatch.setattr(stage, "LOGGED", 1)
    monkeypatch.setattr(stage, "learning_rate", lambda *_: 0.01)  # so that one step shows
    monkeypatch.setattr(stage, "ORDINARY", Mix(2, 2, 2))
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
