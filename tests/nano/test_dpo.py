"""Losses that prefer right drawings: of pairs, and of ways to go on from the same tokens."""

import copy
import math

import pytest
import torch

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine import dpo as losses
from unipic_tui.nano.refine.dpo import (
    ContinuationBatch,
    PreferencePairs,
    continuation_batch,
    continuation_loss,
    preference_loss,
)
from unipic_tui.nano.refine.rollouts import Continuations
from unipic_tui.nano.train.ema import trained_parts
from unipic_tui.nano.train.muon import MuonAdamW
from unipic_tui.nano.train.noising import LossWeighting
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.text_to_image import draw_sample

CPU = torch.device("cpu")


def _pairs(codec: PromptCodec) -> PreferencePairs:
    samples = [draw_sample(generator("train", 5), kind="attribute") for _ in range(6)]
    latents = torch.randn(2, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    prompts = [codec.draw(sample.prompt) for sample in samples]
    return PreferencePairs(prompts, latents[0], latents[1], torch.ones(6, 16, dtype=torch.bool))


def test_a_model_does_not_prefer_more_than_itself(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "IMITATION", 0.0)
    weighting = LossWeighting(CPU)
    loss, agreed = preference_loss(model, copy.deepcopy(model), weighting, _pairs(codec), masked=9)
    assert float(loss) == pytest.approx(math.log(2))
    assert float(agreed) == 0.0
    assert weighting.updates == 1


def test_right_drawings_are_imitated_too(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = _pairs(codec)

    def loss(imitation: float, wrong: torch.Tensor) -> float:
        torch.manual_seed(0)
        monkeypatch.setattr(losses, "IMITATION", imitation)
        return float(
            preference_loss(model, model, LossWeighting(CPU), pairs._replace(wrong=wrong), 16).loss
        )

    # Losses are shares of their own mean, which is one but for the bound on late timesteps.
    share = loss(1.0, pairs.right) - loss(0.0, pairs.right)
    assert 0.8 < share < 1.05
    assert loss(2.0, pairs.right) - loss(0.0, pairs.right) == pytest.approx(2 * share)
    # Wrong drawings take no part: far worse ones make right ones better in comparison.
    assert loss(1.0, 3 * pairs.wrong) - loss(0.0, pairs.right) < 0.8 * share


def test_preferences_are_learnt(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "IMITATION", 0.0)
    torch.manual_seed(0)
    reference, pairs = copy.deepcopy(model), _pairs(codec)
    parts = trained_parts(model.requires_grad_(True))
    optimizer = MuonAdamW(parts)
    weighting = LossWeighting(CPU)
    for masked in (16, 12, 8, 4) * 5:
        model.zero_grad()
        torch.autograd.backward(preference_loss(model, reference, weighting, pairs, masked).loss)
        optimizer.step(3e-4)
    with torch.no_grad():
        learnt = [
            preference_loss(model, reference, weighting, pairs, masked) for masked in (16, 8, 4)
        ]
        mirrored = PreferencePairs(pairs.prompts, pairs.wrong, pairs.right, pairs.blamed)
        against = [
            preference_loss(model, reference, weighting, mirrored, masked) for masked in (16, 8, 4)
        ]
    assert sum(float(each.agreed) for each in learnt) > 2.5
    assert sum(float(each.agreed) for each in against) < 0.5


def test_what_is_not_to_blame_is_not_made_less_likely(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "IMITATION", 0.0)
    pairs = _pairs(codec)
    pairs = pairs._replace(
        blamed=torch.zeros_like(pairs.blamed), wrong=pairs.wrong.requires_grad_()
    )
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.mar.diffloss.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    blameless = preference_loss(model, reference, LossWeighting(CPU), pairs, masked=16).loss
    assert not torch.autograd.grad(blameless, pairs.wrong)[0].any()
    for guilty, expected in (([10], [10]), ([5], []), (list(range(16)), [0, 2, 8, 10])):
        blamed = pairs.blamed.clone()
        blamed[:, guilty] = True
        some = preference_loss(
            model, reference, LossWeighting(CPU), pairs._replace(blamed=blamed), 16
        ).loss
        reached = torch.autograd.grad(some, pairs.wrong)[0].abs().sum(dim=(0, 2))
        # What is drawn later than the next four tokens is not looked at.
        assert reached.nonzero().flatten().tolist() == expected


def _continuations(codec: PromptCodec, wrong: int, seed: int, prefix: int = 2) -> Continuations:
    """Random latents, but for the first tokens."""
    random = torch.Generator().manual_seed(seed)
    latents = torch.randn(1 + wrong, 16, 16, generator=random)
    latents[:, spread_order(4, 4)[:prefix]] = float(seed)
    prompt = codec.draw("a red circle and a blue square")
    return Continuations(prompt, prefix, latents[0], latents[1:])


def test_what_comes_next_is_compared_beside_what_they_share(codec: PromptCodec) -> None:
    continued = [_continuations(codec, 1 + row % 3, row, prefix=3) for row in range(6)]
    batch = continuation_batch(continued, 4)
    first, following = [0, 2, 10], [8, 5, 15, 7]
    for row, each in enumerate(continued):
        assert (~batch.mask[row]).nonzero().flatten().tolist() == first
        assert batch.compared[row].tolist() == following
        assert torch.equal(batch.latents[row], each.right)
        assert batch.real[row].tolist() == [place < len(each.wrong) for place in range(3)]
        assert torch.equal(batch.wrong[row, : len(each.wrong)], each.wrong[:, following])


def _batch(codec: PromptCodec, real: bool) -> ContinuationBatch:
    batch = continuation_batch([_continuations(codec, 2, row) for row in range(6)], 4)
    return batch._replace(real=torch.full_like(batch.real, real))


def test_a_model_rejects_no_more_than_itself(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "IMITATION", 0.0)
    reference = copy.deepcopy(model)
    loss, agreed = continuation_loss(model, reference, LossWeighting(CPU), _batch(codec, True))
    assert float(loss) == pytest.approx(math.log(3))
    assert float(agreed) == 0.0
    model.requires_grad_(True)
    nothing = continuation_loss(model, reference, LossWeighting(CPU), _batch(codec, False)).loss
    assert float(nothing.detach()) == 0.0
    torch.autograd.backward(nothing)
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    assert gradients
    assert not any(each.any() for each in gradients)  # NaN would count, too


def test_rejections_are_learnt(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "IMITATION", 0.0)
    torch.manual_seed(0)
    reference, batch = copy.deepcopy(model), _batch(codec, True)
    parts = trained_parts(model.requires_grad_(True))
    optimizer = MuonAdamW(parts)
    weighting = LossWeighting(CPU)
    for _ in range(12):
        model.zero_grad()
        torch.autograd.backward(continuation_loss(model, reference, weighting, batch).loss)
        optimizer.step(3e-4)
    index = batch.compared[..., None].expand(-1, -1, 16)
    swapped = batch._replace(
        latents=batch.latents.scatter(1, index, batch.wrong[:, 0]),
        wrong=batch.latents.gather(1, index)[:, None],
        real=batch.real[:, :1],
    )
    with torch.no_grad():
        assert float(continuation_loss(model, reference, weighting, batch).agreed) > 0.9
        assert float(continuation_loss(model, reference, weighting, swapped).agreed) < 0.2
