"""What was drawn right and wrong, and which drawings are compared."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unipic_tui.nano.noising import quadrant_of
from unipic_tui.nano.own_drawings import Attempts, Mended
from unipic_tui.nano.preferences import Misses, Pairs, beside
from unipic_tui.nano.world import COLOURS, Detected, to_blame

FORGOTTEN = 0.02
"""Share of the count of colours that each round forgets."""
RARER = 1.5
"""How many times rarer a drawing's colours must be, for it to be preferred for them."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is drawn and how long it is learnt from.

    Attributes:
        prompts, tries: drawings a round: so many prompts, each so often.
        head_steps: of those drawings; 250 were no better than 100, nor 100 than 60.
        steps: optimiser steps a round.
        pairs: right and wrong drawings of one prompt in each step.
        varied: right drawings of one prompt in rare and common colours in each step.
        mends: how often what is to blame in a wrong drawing is drawn anew.
        mended: mended drawings in each step.
        kept, kept_mended: prompts and mended drawings kept to learn from.
    """

    prompts: int = 64
    tries: int = 4
    head_steps: int = 50
    steps: int = 10
    pairs: int = 36
    varied: int = 8
    mends: int = 3
    mended: int = 48
    kept: int = 160
    kept_mended: int = 480


class Colours:
    """How often each colour is drawn where prompts leave it open.

    What goes wrong more often in one colour than in another is drawn less and less in it, though
    nobody asked for that: preferring right drawings narrows what is drawn.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COLOURS, 1.0)

    def add(self, pictures: Iterable[Detected]) -> None:
        """Count what was drawn in a round."""
        for colour in self.counts:
            self.counts[colour] *= 1 - FORGOTTEN
        for picture in pictures:
            for shape in picture.objects:
                self.counts[shape.colour] += 1

    def rarity(self, picture: Detected) -> float:
        """The mean negative logarithm of its colours' shares, in nats; 0 with no object."""
        total = sum(self.counts.values())
        logs = [math.log(total / self.counts[shape.colour]) for shape in picture.objects]
        return sum(logs) / max(1, len(logs))

    def effective(self) -> float:
        """The exponential of the shares' entropy: as many equally frequent colours vary as much."""
        total = sum(self.counts.values())
        shares = [count / total for count in self.counts.values()]
        return math.exp(-sum(share * math.log(share) for share in shares))


def _open_right(each: Attempts) -> list[int]:
    """The right drawings of a prompt that names no colour."""
    if any(wanted.colour is not None for wanted in each.sample.request.wanted):
        return []
    return [index for index, right in enumerate(each.right) if right]


class Judgements:
    """What the model drew right and wrong, the newest of it.

    Args:
        rounds: how much is kept.
        side: tokens a side of a picture.
    """

    def __init__(self, rounds: Rounds, side: int) -> None:
        self.attempts: deque[Attempts] = deque(maxlen=rounds.kept)
        self.mended: deque[Mended] = deque(maxlen=rounds.kept_mended)
        self.varied: deque[tuple[Attempts, int, int]] = deque(maxlen=rounds.kept)
        self.colours = Colours()
        self.side = side

    def add(self, attempts: Iterable[Attempts], mended: Iterable[Mended]) -> None:
        """Keep those that say something: all right or all wrong prefer nothing."""
        attempts = list(attempts)
        self.attempts.extend(each for each in attempts if 0 < sum(each.right) < len(each.right))
        self.mended.extend(mended)
        self.colours.add(each.found[index] for each in attempts for index in _open_right(each))
        for each in attempts:
            if right := _open_right(each):
                rarities = {index: self.colours.rarity(each.found[index]) for index in right}
                rare, common = (pick(right, key=rarities.__getitem__) for pick in (max, min))
                if rarities[rare] - rarities[common] > math.log(RARER):
                    self.varied.append((each, rare, common))

    def pairs(self, rng: np.random.Generator, count: int, varied: int = 0) -> Pairs:
        """Pairs of random prompts that were drawn both right and wrong; there must be any.

        Args:
            varied: so many more pairs of right drawings in rare and in common colours, where there
                are any.
        """
        chosen = [
            self._pair(rng, self.attempts[i]) for i in rng.integers(len(self.attempts), size=count)
        ]
        if self.varied:
            everything = torch.ones(self.side**2, dtype=torch.bool)
            for place in rng.integers(len(self.varied), size=varied):
                each, rare, common = self.varied[place]
                chosen.append((each, each.latents[rare], each.latents[common], everything))
        attempts, better, worse, blamed = zip(*chosen, strict=True)
        prompts = [each.prompt for each in attempts]
        return Pairs(prompts, torch.stack(better), torch.stack(worse), torch.stack(blamed))

    def _pair(
        self, rng: np.random.Generator, each: Attempts
    ) -> tuple[Attempts, Tensor, Tensor, Tensor]:
        """A right drawing, a wrong one, and what is to blame there: all, where no one quadrant."""
        right, wrong = (
            int(rng.choice([i for i, is_right in enumerate(each.right) if is_right is side]))
            for side in (True, False)
        )
        blamed = torch.tensor(to_blame(each.sample.request, each.found[wrong]))
        blamed |= ~blamed.any()
        return each, each.latents[right], each.latents[wrong], blamed[quadrant_of(self.side)]

    def misses(self, rng: np.random.Generator, count: int) -> Misses:
        """Random mended drawings; there must be any."""
        chosen = rng.integers(len(self.mended), size=count)
        return beside(rng, [self.mended[i] for i in chosen], self.side)
