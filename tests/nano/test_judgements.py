"""Which of its own drawings a model compares."""

import pytest
import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.nano.judgements import Colours, Judgements, Rounds
from unipic_tui.nano.own_drawings import Attempts
from unipic_tui.nano.world import COLOURS, Detected, DrawKind, Shape, draw_sample, generator


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


def _ring(colour: str) -> Detected:
    return Detected("grey", (Shape("ring", colour, 16.0, 16.0, 10.0),))


def _rings(codec: PromptCodec, colours: str, kind: DrawKind = "single") -> Attempts:
    """Right drawings in these colours, whose latents are their numbers."""
    sample = draw_sample(generator("train", 0), kind=kind)
    found = tuple(_ring(colour) for colour in colours.split())
    latents = torch.arange(float(len(found))).view(-1, 1, 1).expand(-1, 16, 16)
    return Attempts(sample, codec.draw(sample.prompt), latents, found, (True,) * len(found))


def test_rare_colours_are_rare_and_forgotten_slowly() -> None:
    colours = Colours()
    assert colours.effective() == pytest.approx(len(COLOURS))
    colours.add([_ring("red")] * 90)
    assert 1 < colours.effective() < 3
    assert colours.rarity(_ring("blue")) > colours.rarity(_ring("red")) > 0
    both = Detected("grey", (*_ring("red").objects, *_ring("blue").objects))
    mean = (colours.rarity(_ring("blue")) + colours.rarity(_ring("red"))) / 2
    assert colours.rarity(both) == pytest.approx(mean)
    assert colours.rarity(Detected("grey", ())) == 0
    for _ in range(200):
        colours.add([_ring(colour) for colour in COLOURS])
    assert colours.effective() > 9.9


def test_right_drawings_in_rare_colours_are_preferred(codec: PromptCodec) -> None:
    judgements = Judgements(Rounds(), side=4)
    judgements.add([_rings(codec, "red red red red")] * 20, [])
    assert not judgements.varied  # there is nothing to choose between
    judgements.add([_rings(codec, "red blue red")], [])
    judgements.add([_attempts(codec, (True, False))], [])
    pairs = judgements.pairs(generator("train", 1), 3, varied=5)
    assert pairs.right[:, 0, 0].tolist() == [0.0] * 3 + [1.0] * 5
    assert pairs.blamed[3:].all()
    wrong = pairs.wrong[:, 0, 0].tolist()
    assert wrong[:3] == [1.0] * 3
    assert set(wrong[3:]) <= {0.0, 2.0}


def test_colours_that_were_asked_for_are_nobodys_choice(codec: PromptCodec) -> None:
    judgements = Judgements(Rounds(), side=4)
    judgements.add([_rings(codec, "red blue", kind="colour")] * 9, [])
    assert not judgements.varied
    assert judgements.colours.effective() == pytest.approx(len(COLOURS))


def test_wrong_drawings_are_not_preferred_for_their_colours(codec: PromptCodec) -> None:
    judgements = Judgements(Rounds(), side=4)
    judgements.add([_rings(codec, "red red")] * 9, [])
    judgements.add([_rings(codec, "red blue")._replace(right=(True, False))], [])
    assert not judgements.varied
