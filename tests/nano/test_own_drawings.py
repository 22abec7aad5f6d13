"""The model's own drawings of many prompts at once, the verdicts on them, and what is mended."""

import dataclasses

import pytest
import torch

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano import own_drawings
from unipic_tui.nano.data import SceneEncoder
from unipic_tui.nano.own_drawings import (
    Attempts,
    attempt,
    draw_latents,
    drawing_orders,
    mend,
    read,
)
from unipic_tui.nano.world import (
    Scene,
    Shape,
    draw_sample,
    generator,
    lost,
    satisfies,
)

TOKENS = torch.tensor([[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]])
"""Of each quadrant of a picture of 4 × 4 tokens."""


def test_many_prompts_are_drawn_at_once_and_as_asked(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    rng = generator("train", 1)
    samples = [draw_sample(rng, kind="colour") for _ in range(24)]
    prompts = [codec.draw(sample.prompt) for sample in samples]
    latents = draw_latents(model, codec, prompts, guidance=2.0, head_steps=30)
    assert latents.shape == (24, 16, 16)
    found = read(model, latents)
    right = [satisfies(s.request, each) for s, each in zip(samples, found, strict=True)]
    assert sum(right) > 14  # nine in ten with the engine, none by chance


def test_drawings_follow_the_checkpoints_order(model: UniPic) -> None:
    spread = drawing_orders(model, 3)
    assert spread.tolist() == [spread_order(4, 4).tolist()] * 3
    defaults = dataclasses.replace(model.config.defaults, order="random")
    model.config = dataclasses.replace(model.config, defaults=defaults)
    free = drawing_orders(model, 3)
    assert (free.sort(dim=1).values == torch.arange(16)).all()
    assert not torch.equal(free[0], free[1])


def test_only_the_tokens_named_are_drawn_anew(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    latents = torch.randn(2, 16, 16)
    order = torch.tensor([[3, 9], [0, 15]])
    prompts = [codec.draw("a red circle")] * 2
    drawn = draw_latents(model, codec, prompts, 3.0, 4, latents, order)
    changed = (drawn != latents).all(dim=2)
    assert [row.nonzero().flatten().tolist() for row in changed] == [[3, 9], [0, 15]]
    assert torch.equal(changed, (drawn != latents).any(dim=2))


def test_verdicts_are_the_detectors(model: UniPic, codec: PromptCodec) -> None:
    torch.manual_seed(0)
    samples = [draw_sample(generator("train", seed), kind="two") for seed in range(5)]
    drawn = attempt(model, codec, samples, tries=3, head_steps=8)
    assert [len(each.right) for each in drawn] == [3] * 5
    for each in drawn:
        assert each.prompt == codec.draw(each.sample.prompt)
        assert list(each.found) == read(model, each.latents)
        assert list(each.right) == [satisfies(each.sample.request, f) for f in each.found]


def _shape(kind: str, colour: str, quadrant: int) -> Shape:
    return Shape(kind, colour, 16.0 + 32 * (quadrant % 2), 16.0 + 32 * (quadrant // 2), 11.0)


def _attempt(model: UniPic, codec: PromptCodec, scenes: list[Scene]) -> Attempts:
    """Pictures of scenes as attempts at a circle and a square."""
    rng = generator("train", 5)
    samples = (draw_sample(rng, kind="attribute") for _ in range(10_000))
    prompt = "a red circle and a blue square"
    sample = next(each for each in samples if each.prompt == prompt)
    latents = SceneEncoder(model)(scenes)
    found = tuple(read(model, latents))
    right = tuple(satisfies(sample.request, each) for each in found)
    return Attempts(sample, codec.draw(prompt), latents, found, right)


def test_what_is_to_blame_is_drawn_anew_until_it_is_right(
    model: UniPic, codec: PromptCodec
) -> None:
    torch.manual_seed(1)
    circle = _shape("circle", "red", 0)
    square, star = _shape("square", "blue", 3), _shape("star", "green", 3)
    scenes = [Scene("grey", (circle, other)) for other in (square, star)]
    tried = _attempt(model, codec, [*scenes, Scene("grey", ()), scenes[1]])
    assert tried.right == (True, False, False, False)
    mended = mend(model, codec, generator("train", 6), [tried], tries=8, head_steps=30)
    # The right one needs nothing and the empty one two objects: the two with a star are mended.
    assert len(mended) == 2
    for each in mended:
        assert each.prompt == tried.prompt
        assert each.quadrant == 3
        assert torch.equal(
            each.latents[TOKENS[:3].flatten()], tried.latents[1, TOKENS[:3].flatten()]
        )
        assert satisfies(tried.sample.request, read(model, each.latents[None])[0])
        assert torch.equal(each.wrong[0], tried.latents[1, TOKENS[3]])
        assert 1 <= len(each.wrong) == len(each.lost) <= 8
        assert each.lost[0].tolist() == list(lost(tried.sample.request, tried.found[1], 3))
        for quadrant, gone in zip(each.wrong, each.lost, strict=True):
            spoilt = each.latents.index_copy(0, TOKENS[3], quadrant)
            assert not satisfies(tried.sample.request, read(model, spoilt[None])[0])
            assert gone[-1]


def test_nothing_is_mended_where_nothing_can_be(
    model: UniPic, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = _attempt(model, codec, [Scene("grey", ())])
    assert mend(model, codec, generator("train", 7), [tried], tries=2, head_steps=4) == []
    star, square = _shape("star", "red", 0), _shape("square", "blue", 1)
    hopeless = _attempt(model, codec, [Scene("grey", (star, square))])
    monkeypatch.setattr(own_drawings, "satisfies", lambda *_: False)
    assert mend(model, codec, generator("train", 7), [hopeless], tries=2, head_steps=4) == []
