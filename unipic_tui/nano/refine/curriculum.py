"""A curriculum of prompts: those that the model gets wrong come more often."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from unipic_tui.nano.refine.rollouts import RolloutGroup
from unipic_tui.nano.world.request import Request
from unipic_tui.nano.world.scene import choose_by
from unipic_tui.nano.world.text_to_image import DrawKind, DrawSample, draw_sample

PROMPT_MIX: dict[DrawKind, float] = {
    "single": 0.1,
    "two": 0.2,
    "count": 0.1,
    "position": 0.15,
    "attribute": 0.45,
}
"""Share of each kind of prompt: what is drawn wrong most often, and single shapes, whose colours
would otherwise become ever fewer."""
CANDIDATES = 4
"""Prompts from which one is chosen, in proportion to how often similar ones went wrong."""
MEMORY = 0.98
"""Weight that older outcomes keep after each round."""
PRIOR_ROLLOUTS = 10.0
"""Rollouts that the prior counts as: that every feature fails as often as all prompts do."""

Feature = tuple[str, ...]


def features(request: Request) -> tuple[Feature, ...]:
    """What makes a prompt hard: combinations of colours and of kinds, count, ground, relation."""
    colours = sorted(wanted.colour for wanted in request.wanted if wanted.colour)
    kinds = sorted(wanted.kind for wanted in request.wanted)
    return (
        ("colours", *colours),
        ("kinds", str(request.count), *kinds),
        ("ground", request.ground),
        ("relation", request.relation or ""),
    )


class Curriculum:
    """How often each feature of prompts failed lately, and prompts sampled by it."""

    def __init__(self) -> None:
        self.wrong: defaultdict[Feature, float] = defaultdict(float)
        self.total: defaultdict[Feature, float] = defaultdict(float)

    def update(self, groups: Iterable[RolloutGroup]) -> None:
        """Count a round of rollouts."""
        for table in (self.wrong, self.total):
            for feature in table:
                table[feature] *= MEMORY
        for group in groups:
            for feature in ((), *features(group.sample.request)):
                self.wrong[feature] += group.right.count(False)
                self.total[feature] += len(group.right)

    def difficulty(self, request: Request) -> float:
        """How often such prompts fail relative to all, if features act independently."""
        usual = (self.wrong[()] + 1) / (self.total[()] + 2)
        odds = 1.0
        for feature in features(request):
            wrong = self.wrong[feature] + PRIOR_ROLLOUTS * usual
            odds *= wrong / (self.total[feature] + PRIOR_ROLLOUTS) / usual
        return odds

    def samples(self, rng: np.random.Generator, count: int) -> list[DrawSample]:
        """Fresh prompts of the training set."""
        chosen: list[DrawSample] = []
        for _ in range(count):
            kind = choose_by(rng, PROMPT_MIX)
            candidates = [draw_sample(rng, kind, unseen=False) for _ in range(CANDIDATES)]
            odds = {i: self.difficulty(each.request) for i, each in enumerate(candidates)}
            chosen.append(candidates[choose_by(rng, odds)])
        return chosen
