"""Which of its own drawings a model compares."""

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.nano.refine.preference_buffer import PreferenceBuffer
from unipic_tui.nano.refine.rollouts import Continuations, RolloutGroup
from unipic_tui.nano.world.scene import Detected, generator
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
