"""Which of its own drawings a model compares."""

import dataclasses

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.nano.refine.preference_buffer import PreferenceBuffer
from unipic_tui.nano.refine.rollouts import Continuations, RolloutGroup
from unipic_tui.nano.refine.variety import Attribute, Variety
from unipic_tui.nano.world.request import Request, Wanted
from unipic_tui.nano.world.scene import COLOURS, Detected, Shape, generator
from unipic_tui.nano.world.text_to_image import draw_sample


def _attempts(codec: PromptCodec, right: tuple[bool, ...]) -> RolloutGroup:
    """Drawings whose latents are their numbers; wrong ones lack their second object."""
    sample = draw_sample(generator("train", 0), kind="attribute")
    whole, lacking = (Detected(sample.scene.ground, sample.scene.objects[:n]) for n in (2, 1))
    latents = torch.arange(float(len(right))).view(-1, 1, 1).expand(-1, 16, 16)
    found = tuple(whole if good else lacking for good in right)
    return RolloutGroup(sample, codec.draw(sample.prompt), latents, found, right)


def test_only_prompts_drawn_right_and_wrong_make_pairs(codec: PromptCodec) -> None:
    buffer = PreferenceBuffer(side=4, size=2)
    rng = generator("train", 3)
    buffer.add([_attempts(codec, (True, True)), _attempts(codec, (False, False))], [])
    assert not buffer.groups
    buffer.add([_attempts(codec, right) for right in ((True, False, False), (False, True))], [])
    pairs = buffer.pairs(rng, 40)
    assert len(pairs.prompts) == 40
    assert set(pairs.right[:, 0, 0].tolist()) == {0.0, 1.0}
    assert set(pairs.wrong[:, 0, 0].tolist()) == {0.0, 1.0, 2.0}
    assert (pairs.right != pairs.wrong).all()
    buffer.add([_attempts(codec, (False, False, False, True))] * 2, [])
    assert set(buffer.pairs(rng, 9).right[:, 0, 0].tolist()) == {3.0}


def test_a_missing_object_is_the_empty_quadrants_fault(codec: PromptCodec) -> None:
    buffer = PreferenceBuffer(side=4)
    tried = _attempts(codec, (False, True))
    buffer.add([tried], [])
    blamed = buffer.pairs(generator("train", 4), 1).blamed
    free = [quadrant != tried.found[0].objects[0].quadrant for quadrant in range(4)]
    expected = torch.tensor(free).view(2, 2).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(blamed[0].view(4, 4), expected)


def _ring(colour: str, quadrant: int = 0) -> Detected:
    x, y = 16.0 + 32 * (quadrant % 2), 16.0 + 32 * (quadrant // 2)
    return Detected("grey", (Shape("ring", colour, x, y, 10.0),))


RING = Request((Wanted("ring"),))
COLOUR, PLACE = (Attribute(name, 1, "ring") for name in ("colour", "place"))
RED_RING = Request((Wanted("ring", "red"),))


def _rings(codec: PromptCodec, drawn: str, request: Request = RING) -> RolloutGroup:
    """Right drawings of a ring in these colours and quadrants; latents are their numbers."""
    sample = dataclasses.replace(draw_sample(generator("train", 0)), request=request)
    words = [word.split("@") for word in drawn.split()]
    found = tuple(_ring(colour, int(quadrant)) for colour, quadrant in words)
    latents = torch.arange(float(len(found))).view(-1, 1, 1).expand(-1, 16, 16)
    return RolloutGroup(sample, codec.draw(sample.prompt), latents, found, (True,) * len(found))


def test_variety_is_that_of_what_prompts_leave_open() -> None:
    variety = Variety()
    assert variety.effective(COLOUR) == pytest.approx(len(COLOURS))
    assert variety.effective(PLACE) == pytest.approx(4)
    for _ in range(90):
        variety.add(RED_RING, _ring("red"))
    assert variety.effective(COLOUR) == pytest.approx(len(COLOURS))
    assert 1 < variety.effective(PLACE) < 2
    for _ in range(90):
        variety.add(RING, _ring("red"))
    assert 1 < variety.effective(COLOUR) < 3
    variety.add(Request((Wanted("ring", count=2),)), _ring("blue", 1))
    assert variety.effective(Attribute("colour", 2, "ring")) > 9 > variety.effective(COLOUR)
    assert variety.effective(Attribute("colour", 1, "star")) == pytest.approx(len(COLOURS))
    placed = Request((Wanted("ring"), Wanted("star")), relation="left of")
    before = variety.effective(PLACE)
    variety.add(placed, _ring("red", 2))
    assert variety.effective(PLACE) == before
    for _ in range(200):
        variety.forget()
        for quadrant in range(4):
            for colour in COLOURS:
                variety.add(RING, _ring(colour, quadrant))
    assert variety.effective(COLOUR) > 9.9
    assert variety.effective(PLACE) > 3.9


def test_rarity_is_that_of_a_mean_object() -> None:
    variety = Variety()
    for _ in range(30):
        variety.add(RING, _ring("red"))
    common, rare = _ring("red"), _ring("blue", 3)
    both = Detected("grey", (*common.objects, *rare.objects))
    assert variety.rarity(RING, rare) > variety.rarity(RING, _ring("blue")) > 0
    assert variety.rarity(RING, _ring("blue")) > variety.rarity(RING, common)
    mean = (variety.rarity(RING, common) + variety.rarity(RING, rare)) / 2
    assert variety.rarity(RING, both) == pytest.approx(mean)
    assert variety.rarity(RED_RING, _ring("red")) == variety.rarity(RED_RING, _ring("blue"))
    assert variety.rarity(RING, Detected("grey", ())) == 0


@pytest.mark.parametrize("rare", ["blue@0", "red@3"])
def test_right_drawings_in_rare_colours_and_places_are_preferred(
    codec: PromptCodec, rare: str
) -> None:
    buffer = PreferenceBuffer(side=4)
    buffer.add([_rings(codec, "red@0 red@0 red@0 red@0")] * 20, [])
    assert not buffer.varied  # there is nothing to choose between
    buffer.add([_rings(codec, f"red@0 {rare} red@0")], [])
    buffer.add([_attempts(codec, (True, False))], [])
    pairs = buffer.pairs(generator("train", 1), 3, varied=5)
    assert pairs.right[:, 0, 0].tolist() == [0.0] * 3 + [1.0] * 5
    assert pairs.blamed[3:].all()
    wrong = pairs.wrong[:, 0, 0].tolist()
    assert wrong[:3] == [1.0] * 3
    assert set(wrong[3:]) <= {0.0, 2.0}


def test_colours_that_were_asked_for_are_nobodys_choice(codec: PromptCodec) -> None:
    buffer = PreferenceBuffer(side=4)
    buffer.add([_rings(codec, "red@0 blue@0", RED_RING)] * 9, [])
    assert not buffer.varied


def test_wrong_drawings_are_not_preferred_for_their_colours(codec: PromptCodec) -> None:
    buffer = PreferenceBuffer(side=4)
    buffer.add([_rings(codec, "red@0 red@0")] * 9, [])
    buffer.add([_rings(codec, "red@0 blue@0")._replace(right=(True, False))], [])
    assert not buffer.varied


def test_what_was_taken_back_as_far_is_learnt_from_together(codec: PromptCodec) -> None:
    buffer = PreferenceBuffer(side=4, continuations=2)
    prompt, latents = codec.draw("a ring"), torch.zeros(1, 16, 16)
    for kept in (1, 1, 1, 3):
        buffer.add([], [Continuations(prompt, kept, latents[0], latents)])
    assert {kept: len(alike) for kept, alike in buffer.continuations.items()} == {1: 2, 3: 1}
    rng = generator("train", 2)
    seen = [16 - int(buffer.continuation_batch(rng, 5).mask[0].sum()) for _ in range(200)]
    assert {kept: seen.count(kept) / 200 for kept in (1, 3)} == pytest.approx(
        {1: 2 / 3, 3: 1 / 3}, abs=0.12
    )
