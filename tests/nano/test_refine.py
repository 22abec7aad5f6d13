"""Refining: own drawings and verdicts, pairs, the preference loss, and a run of it."""

import copy
import json
import math
from functools import partial
from pathlib import Path

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.checkpoint import inspect
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano import refine as stage
from unipic_tui.nano import train
from unipic_tui.nano.noising import Levels
from unipic_tui.nano.optim import Optimizer
from unipic_tui.nano.own_drawings import Attempts, attempt, draw_latents
from unipic_tui.nano.refine import Judgements, Pairs, Rounds, preference, refine
from unipic_tui.nano.stage import trained_parts
from unipic_tui.nano.train_joint import Mix
from unipic_tui.nano.train_vae import to_pictures
from unipic_tui.nano.world import detect, draw_sample, generator, satisfies
from unipic_tui.paths import EMBEDDED_CHECKPOINT


@pytest.fixture
def model(tmp_path: Path) -> UniPic:
    return train.take_up(EMBEDDED_CHECKPOINT, tmp_path).requires_grad_(False)


@pytest.fixture
def codec(model: UniPic, tmp_path: Path) -> PromptCodec:
    return PromptCodec.load(tmp_path / "tokenizer.json")


def _attempts(codec: PromptCodec, right: tuple[bool, ...]) -> Attempts:
    sample = draw_sample(generator("train", 0), kind="attribute")
    latents = torch.arange(float(len(right))).view(-1, 1, 1).expand(-1, 16, 16)
    return Attempts(sample, codec.draw(sample.prompt), latents, right)


def test_many_prompts_are_drawn_at_once_and_as_asked(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    rng = generator("train", 1)
    samples = [draw_sample(rng, kind="colour") for _ in range(24)]
    prompts = [codec.draw(sample.prompt) for sample in samples]
    latents = draw_latents(model, codec, prompts, guidance=2.0, head_steps=30)
    assert latents.shape == (24, 16, 16)
    pictures = to_pictures(model.vae.decode(latents.unflatten(1, (4, 4))))
    right = [satisfies(s.request, detect(p)) for s, p in zip(samples, pictures, strict=True)]
    assert sum(right) > 14  # nine in ten with the engine, none by chance


def test_verdicts_are_the_detectors(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    drawn = attempt(model, codec, generator("train", 2), prompts=5, tries=3, head_steps=8)
    assert [len(each.right) for each in drawn] == [3] * 5
    for each in drawn:
        assert each.prompt == codec.draw(each.sample.prompt)
        pictures = to_pictures(model.vae.decode(each.latents.unflatten(1, (4, 4))))
        found = [satisfies(each.sample.request, detect(picture)) for picture in pictures]
        assert found == list(each.right)


def test_only_prompts_drawn_right_and_wrong_make_pairs(codec: PromptCodec) -> None:
    judgements = Judgements(kept=2)
    rng = generator("train", 3)
    with pytest.raises(ValueError, match="right and wrong"):
        judgements.pairs(rng, 1)
    judgements.add([_attempts(codec, (True, True)), _attempts(codec, (False, False))])
    assert not judgements.kept
    judgements.add([_attempts(codec, right) for right in ((True, False, False), (False, True))])
    pairs = judgements.pairs(rng, 40)
    assert len(pairs.prompts) == 40
    assert set(pairs.right[:, 0, 0].tolist()) == {0.0, 1.0}
    assert set(pairs.wrong[:, 0, 0].tolist()) == {0.0, 1.0, 2.0}
    assert (pairs.right != pairs.wrong).all()
    judgements.add([_attempts(codec, (False, False, False, True))] * 2)
    assert set(judgements.pairs(rng, 9).right[:, 0, 0].tolist()) == {3.0}


def _pairs(codec: PromptCodec) -> Pairs:
    samples = [draw_sample(generator("train", 5), kind="attribute") for _ in range(6)]
    latents = torch.randn(2, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    return Pairs([codec.draw(sample.prompt) for sample in samples], latents[0], latents[1])


def test_a_model_does_not_prefer_more_than_itself(
    model: UniPic, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "IMITATION", 0.0)
    levels = Levels(torch.device("cpu"))
    loss, agreed = preference(model, copy.deepcopy(model), levels, _pairs(codec), masked=9)
    assert float(loss) == pytest.approx(math.log(2))
    assert float(agreed) == 0.0
    assert levels.updates == 1


def test_preferences_are_learnt(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    reference, pairs = copy.deepcopy(model), _pairs(codec)
    parts = trained_parts(model.requires_grad_(True))
    optimizer = Optimizer(parts)
    levels = Levels(torch.device("cpu"))
    for _ in range(12):
        optimizer.zero_grad()
        torch.autograd.backward(preference(model, reference, levels, pairs, masked=12).loss)
        optimizer.step(3e-4)
    with torch.no_grad():
        learnt = [preference(model, reference, levels, pairs, masked) for masked in (16, 8, 4)]
        mirrored = Pairs(pairs.prompts, pairs.wrong, pairs.right)
        against = [preference(model, reference, levels, mirrored, masked) for masked in (16, 8, 4)]
    assert sum(float(each.agreed) for each in learnt) > 2.5
    assert sum(float(each.agreed) for each in against) < 0.5


def test_refining_draws_learns_and_writes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(prompts=8, tries=2, head_steps=4, steps=2, pairs=4, kept=8)
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
