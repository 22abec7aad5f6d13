"""The newest rollouts to learn preferences from: which are compared, and where they differ."""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from unipic_tui.nano.refine.dpo import ContinuationBatch, PreferencePairs, continuation_batch
from unipic_tui.nano.refine.rollouts import Continuations, RolloutGroup
from unipic_tui.nano.refine.variety import Variety
from unipic_tui.nano.train.noising import quadrant_of
from unipic_tui.nano.world.request import blamed_quadrants
from unipic_tui.nano.world.scene import choose_by

RARER = 1.5
"""How many times rarer a drawing's colours and places must be to be preferred for them."""


class PreferenceBuffer:
    """Rollouts that preference pairs are sampled from; the newest replace the oldest.

    Args:
        side: tokens a side of a picture.
        size: the largest number of mixed groups, and of groups with rare and common drawings.
        continuations: the largest number of continuations for each prefix length.
    """

    def __init__(self, side: int, size: int = 160, continuations: int = 160) -> None:
        self.groups: deque[RolloutGroup] = deque(maxlen=size)
        self.varied: deque[tuple[RolloutGroup, int, int]] = deque(maxlen=size)
        self.continuations: dict[int, deque[Continuations]] = {}
        self.variety = Variety()
        self.side, self._most = side, continuations

    def add(self, groups: Sequence[RolloutGroup], continued: Iterable[Continuations]) -> None:
        """Keep what has a preference: groups that are all right or all wrong have none."""
        self.groups.extend(group for group in groups if 0 < sum(group.right) < len(group.right))
        for each in continued:
            same = self.continuations.setdefault(each.prefix, deque(maxlen=self._most))
            same.append(each)
        self.variety.forget()
        for group in groups:
            for found, right in zip(group.found, group.right, strict=True):
                if right:
                    self.variety.add(group.sample.request, found)
        for group in groups:
            rarities = {
                index: self.variety.rarity(group.sample.request, group.found[index])
                for index, right in enumerate(group.right)
                if right
            }
            if rarities:
                rare, common = (pick(rarities, key=rarities.__getitem__) for pick in (max, min))
                if rarities[rare] - rarities[common] > math.log(RARER):
                    self.varied.append((group, rare, common))

    def pairs(self, rng: np.random.Generator, count: int, varied: int = 0) -> PreferencePairs:
        """Right and wrong drawings of random mixed groups; there must be any.

        Args:
            varied: number of additional pairs of right drawings, rare over common, if there are
                any.
        """
        chosen = [
            self._pair(rng, self.groups[i]) for i in rng.integers(len(self.groups), size=count)
        ]
        if self.varied:
            everything = torch.ones(self.side**2, dtype=torch.bool)
            for place in rng.integers(len(self.varied), size=varied):
                group, rare, common = self.varied[place]
                chosen.append((group, group.latents[rare], group.latents[common], everything))
        groups, preferred, rejected, blamed = zip(*chosen, strict=True)
        prompts = [group.prompt for group in groups]
        return PreferencePairs(
            prompts, torch.stack(preferred), torch.stack(rejected), torch.stack(blamed)
        )

    def _pair(
        self, rng: np.random.Generator, group: RolloutGroup
    ) -> tuple[RolloutGroup, Tensor, Tensor, Tensor]:
        """A right drawing, a wrong one, and its blamed tokens: all where no quadrant is."""
        right, wrong = (
            int(rng.choice([i for i, is_right in enumerate(group.right) if is_right is side]))
            for side in (True, False)
        )
        blamed = torch.tensor(blamed_quadrants(group.sample.request, group.found[wrong]))
        blamed |= ~blamed.any()
        return group, group.latents[right], group.latents[wrong], blamed[quadrant_of(self.side)]

    def continuation_batch(self, rng: np.random.Generator, count: int) -> ContinuationBatch:
        """Random continuations after prefixes of one length; there must be any."""
        lengths = {prefix: float(len(same)) for prefix, same in self.continuations.items()}
        same = self.continuations[choose_by(rng, lengths)]
        return continuation_batch([same[i] for i in rng.integers(len(same), size=count)], self.side)
