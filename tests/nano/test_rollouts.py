"""The model's own drawings of many prompts at once, the verdicts on them, and second tries."""

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine import rollouts
from unipic_tui.nano.refine.rollouts import (
    RolloutGroup,
    continue_wrong,
    detect_latents,
    roll_out,
    sample_latents,
)
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.request import satisfies
from unipic_tui.nano.world.scene import Scene, Shape, generator
from unipic_tui.nano.world.text_to_image import draw_sample


def test_many_prompts_are_drawn_at_once_and_as_asked(
    model: UniPicModel, codec: PromptCodec
) -> None:
    torch.manual_seed(0)
    rng = generator("train", 1)
    samples = [draw_sample(rng, kind="colour") for _ in range(24)]
    prompts = [codec.draw(sample.prompt) for sample in samples]
    latents = sample_latents(model, codec, prompts, guidance=2.0, head_steps=30)
    assert latents.shape == (24, 16, 16)
    found = detect_latents(model, latents)
    right = [satisfies(s.request, each) for s, each in zip(samples, found, strict=True)]
    assert sum(right) > 14  # nine in ten with the engine, none by chance


@pytest.mark.parametrize("half", [False, True])
def test_only_the_tokens_named_are_drawn_anew(
    model: UniPicModel, codec: PromptCodec, half: bool
) -> None:
    """Also under autocast, as training draws where a machine is fast in bfloat16."""
    torch.manual_seed(0)
    latents = torch.randn(2, 16, 16)
    order = torch.tensor([9, 3])
    prompts = [codec.draw("a red circle")] * 2
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        drawn = sample_latents(model, codec, prompts, 3.0, 4, latents, order)
    changed = (drawn != latents).all(dim=2)
    assert [row.nonzero().flatten().tolist() for row in changed] == [[3, 9]] * 2
    assert torch.equal(changed, (drawn != latents).any(dim=2))


def test_verdicts_are_the_detectors(model: UniPicModel, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    samples = [draw_sample(generator("train", seed), kind="two") for seed in range(5)]
    drawn = roll_out(model, codec, samples, group_size=3, head_steps=8)
    assert [len(each.right) for each in drawn] == [3] * 5
    for each in drawn:
        assert each.prompt == codec.draw(each.sample.prompt)
        assert list(each.found) == detect_latents(model, each.latents)
        assert list(each.right) == [satisfies(each.sample.request, f) for f in each.found]


def _shape(kind: str, colour: str, quadrant: int) -> Shape:
    return Shape(kind, colour, 16.0 + 32 * (quadrant % 2), 16.0 + 32 * (quadrant // 2), 11.0)


def _attempt(model: UniPicModel, codec: PromptCodec, scenes: list[Scene]) -> RolloutGroup:
    """Pictures of scenes as attempts at a circle and a square."""
    rng = generator("train", 5)
    samples = (draw_sample(rng, kind="attribute") for _ in range(10_000))
    prompt = "a red circle and a blue square"
    sample = next(each for each in samples if each.prompt == prompt)
    latents = encode_scenes(model, scenes)
    found = tuple(detect_latents(model, latents))
    right = tuple(satisfies(sample.request, each) for each in found)
    return RolloutGroup(sample, codec.draw(prompt), latents, found, right)


def test_wrong_drawings_are_taken_back_until_one_is_right(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    circle = _shape("circle", "red", 0)
    scenes = [Scene("grey", (circle, _shape("square", "blue", place))) for place in (3, 1)]
    tried = _attempt(model, codec, [scenes[0], Scene("grey", (circle,)), scenes[1]])
    assert tried.right == (True, False, True)
    monkeypatch.setattr(rollouts, "PREFIXES", {4: 1.0})
    # Red is in the first token, and what remains to be drawn may still be the square.
    (again,) = continue_wrong(model, codec, generator("train", 6), [tried], tries=8, head_steps=30)
    kept = [0, 10, 2, 8]
    others = [token for token in range(16) if token not in kept]
    assert (again.prompt, again.prefix) == (tried.prompt, 4)
    assert torch.equal(again.right[kept], tried.latents[1, kept])
    assert not (again.right[others] == tried.latents[1, others]).all(dim=1).any()
    assert satisfies(tried.sample.request, detect_latents(model, again.right[None])[0])
    assert torch.equal(again.wrong[0], tried.latents[1])
    assert 1 <= len(again.wrong) <= 8
    for latents in again.wrong:
        assert torch.equal(latents[kept], tried.latents[1, kept])
        assert not satisfies(tried.sample.request, detect_latents(model, latents[None])[0])


def test_what_cannot_be_saved_is_left(
    model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Scene("grey", (_shape("circle", "red", 0), _shape("square", "blue", 3)))
    rng = generator("train", 7)
    assert continue_wrong(model, codec, rng, [_attempt(model, codec, [right])], 2, 4) == []
    empty = _attempt(model, codec, [Scene("grey", ())])
    monkeypatch.setattr(rollouts, "satisfies", lambda *_: False)
    assert continue_wrong(model, codec, rng, [empty], 2, 4) == []
