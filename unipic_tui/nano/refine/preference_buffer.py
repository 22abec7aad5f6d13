"""The newest rollouts to learn preferences from: which are compared, and where they differ."""

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from unipic_tui.nano.refine.dpo import ContinuationBatch, PreferencePairs, continuation_batch
from unipic_tui.nano.refine.rollouts import Continuations, RolloutGroup
from unipic_tui.nano.train.noising import quadrant_of
from unipic_tui.nano.world.request import blamed_quadrants
from unipic_tui.nano.world.scene import choose_by


class PreferenceBuffer:
    """Rollouts that preference pairs are sampled from; the newest replace the oldest.

    Args:
        side: tokens a side of a picture.
        size: the largest number of mixed groups.
        continuations: the largest number of continuations for each prefix length.
    """

    def __init__(self, side: int, size: int = 160, continuations: int = 160) -> None:
        self.groups: deque[RolloutGroup] = deque(maxlen=size)
        self.continuations: dict[int, deque[Continuations]] = {}
        self.side, self._most = side, continuations

    def add(self, groups: Sequence[RolloutGroup], continued: Iterable[Continuations]) -> None:
        """Keep what has a preference: groups that are all right or all wrong have none."""
        self.groups.extend(group for group in groups if 0 < sum(group.right) < len(group.right))
        for each in continued:
            same = self.continuations.setdefault(each.prefix, deque(maxlen=self._most))
            same.append(each)

    def pairs(self, rng: np.random.Generator, count: int) -> PreferencePairs:
        """Right and wrong drawings of random mixed groups; there must be any."""
        chosen = [
            self._pair(rng, self.groups[i]) for i in rng.integers(len(self.groups), size=count)
        ]
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
