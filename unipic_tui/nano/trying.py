"""Which prompts a model tries to draw while it is refined: mostly those that it gets wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from unipic_tui.nano.own_drawings import Attempts
from unipic_tui.nano.world import DrawKind, DrawSample, Request, draw_sample
from unipic_tui.nano.world.scene import choose_by

TRIED_MIX: dict[DrawKind, float] = {
    "single": 0.1,
    "two": 0.2,
    "count": 0.1,
    "position": 0.15,
    "attribute": 0.45,
}
"""How often each kind of prompt is tried: what is drawn wrong most often, and single shapes, which
would else come out in ever fewer colours."""
CANDIDATES = 4
"""Prompts of a kind from which one is taken, the likelier the more often its like went wrong."""
KEPT = 0.98
"""What is left of older verdicts after each round."""
DOUBT = 10.0
"""Drawings' worth of trust in the share that goes wrong on the whole."""

Feature = tuple[str, ...]


def features(request: Request) -> tuple[Feature, ...]:
    """What makes a prompt hard: which colours and which kinds go together, how many, on what."""
    colours = sorted(wanted.colour for wanted in request.wanted if wanted.colour)
    kinds = sorted(wanted.kind for wanted in request.wanted)
    number = str(sum(wanted.count for wanted in request.wanted))
    return (
        ("colours", *colours),
        ("kinds", number, *kinds),
        ("ground", request.ground),
        ("relation", request.relation or ""),
    )


class Difficulty:
    """How often each feature of prompts went wrong lately."""

    def __init__(self) -> None:
        self.wrong: defaultdict[Feature, float] = defaultdict(float)
        self.tried: defaultdict[Feature, float] = defaultdict(float)

    def add(self, drawn: Iterable[Attempts]) -> None:
        """Take in a round."""
        for table in (self.wrong, self.tried):
            for feature in table:
                table[feature] *= KEPT
        for each in drawn:
            for feature in ((), *features(each.sample.request)):
                self.wrong[feature] += each.right.count(False)
                self.tried[feature] += len(each.right)

    def of(self, request: Request) -> float:
        """How often prompts like this one go wrong, relative to all, if features act alone."""
        usual = (self.wrong[()] + 1) / (self.tried[()] + 2)
        odds = 1.0
        for feature in features(request):
            wrong = self.wrong[feature] + DOUBT * usual
            odds *= wrong / (self.tried[feature] + DOUBT) / usual
        return odds

    def samples(self, rng: np.random.Generator, count: int) -> list[DrawSample]:
        """Fresh prompts of training."""
        chosen: list[DrawSample] = []
        for _ in range(count):
            kind = choose_by(rng, TRIED_MIX)
            candidates = [draw_sample(rng, kind, unseen=False) for _ in range(CANDIDATES)]
            odds = {place: self.of(each.request) for place, each in enumerate(candidates)}
            chosen.append(candidates[choose_by(rng, odds)])
        return chosen
