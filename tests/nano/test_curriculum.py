"""Prompts that are tried: what went wrong comes again."""

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.nano.refine.curriculum import CANDIDATES, PROMPT_MIX, Curriculum, features
from unipic_tui.nano.refine.rollouts import RolloutGroup
from unipic_tui.nano.world.request import Request, Wanted
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.text_to_image import DrawSample, draw_sample, held_out

HARD = {"red", "yellow"}


def _tried(codec: PromptCodec, sample: DrawSample, right: int, wrong: int) -> RolloutGroup:
    verdicts = (True,) * right + (False,) * wrong
    latents = torch.zeros(len(verdicts), 16, 16)
    return RolloutGroup(sample, codec.draw(sample.prompt), latents, (), verdicts)


def _colours(sample: DrawSample) -> set[str | None]:
    return {wanted.colour for wanted in sample.request.wanted}


def test_the_order_of_things_and_words_does_not_matter() -> None:
    ring, star = Wanted("ring", "red"), Wanted("star", "blue")
    assert features(Request((ring, star))) == features(Request((star, ring)))
    assert features(Request((ring, star))) != features(Request((ring, star), "black"))
    assert features(Request((Wanted("ring", count=2),))) != features(Request((Wanted("ring"),)))


def test_without_verdicts_all_are_alike() -> None:
    fresh = Curriculum()
    samples = fresh.samples(generator("train", 0), 400)
    assert {fresh.difficulty(sample.request) for sample in samples} == {1.0}
    assert not any(held_out(sample.prompt) for sample in samples)
    shares = {kind: sum(s.kind == kind for s in samples) / 400 for kind in PROMPT_MIX}
    assert shares == pytest.approx(PROMPT_MIX, abs=0.07)


def test_what_went_wrong_comes_more_often(codec: PromptCodec) -> None:
    curriculum, rng = Curriculum(), generator("train", 1)
    chance = sum(_colours(s) == HARD for s in curriculum.samples(rng, 3000))
    for _ in range(10):
        seen = [draw_sample(rng, "attribute") for _ in range(200)]
        hard = [_colours(sample) == HARD for sample in seen]
        curriculum.update(
            _tried(codec, sample, 1 if wrong else 4, 3 if wrong else 0)
            for sample, wrong in zip(seen, hard, strict=True)
        )
    samples = curriculum.samples(rng, 3000)
    often = sum(_colours(s) == HARD for s in samples)
    assert 2 * chance < often < CANDIDATES * 2 * chance
    red_ring = Wanted("ring", "red")
    wrong, right = (
        curriculum.difficulty(Request((red_ring, Wanted("star", colour))))
        for colour in ("yellow", "blue")
    )
    assert wrong > 5 * right
