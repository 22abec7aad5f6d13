"""What was drawn right and wrong, and which drawings are compared."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.nano.noising import quadrant_of
from unipic_tui.nano.own_drawings import Attempts, Retried
from unipic_tui.nano.preferences import Misses, Pairs, going_on
from unipic_tui.nano.world import COLOURS, Detected, Request, to_blame
from unipic_tui.nano.world.scene import choose_by

FORGOTTEN = 0.02
"""Share of the counts that each round forgets."""
RARER = 1.5
"""How many times rarer a drawing's colours and places must be, for it to be preferred for them."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is drawn and how long it is learnt from.

    Attributes:
        prompts, tries: drawings a round: so many prompts, each so often.
        head_steps: of those drawings; 250 were no better than 100, nor 100 than 60.
        steps: optimiser steps a round.
        pairs: right and wrong drawings of one prompt in each step.
        varied: right drawings of one prompt in rare and common colours and places in each step.
        retries: how often a wrong drawing is taken back and tried again.
        misses: drawings tried again that are learnt from in each step.
        kept, kept_retried: prompts, and drawings tried again for each number of first tokens, kept
            to learn from.
    """

    prompts: int = 64
    tries: int = 4
    head_steps: int = 50
    steps: int = 10
    pairs: int = 36
    varied: int = 10
    retries: int = 3
    misses: int = 48
    kept: int = 160
    kept_retried: int = 160


class Choice(NamedTuple):
    """What is chosen ("colour" or "place"), for how many objects, and for which kind of them."""

    name: str
    number: int
    kind: str


OPTIONS: dict[str, tuple[str | int, ...]] = {"colour": COLOURS, "place": (0, 1, 2, 3)}


class Variety:
    """How often each colour and each place is drawn where prompts leave it open.

    What goes wrong more often in one colour than in another is drawn less and less in it, though
    nobody asked for that: preferring right drawings narrows what is drawn. Numbers and kinds are
    counted apart: "a ring" came out orange four times in ten when all objects together did not.
    """

    def __init__(self) -> None:
        self.counts: defaultdict[Choice, dict[str | int, float]] = defaultdict(dict)

    def add(self, request: Request, picture: Detected) -> None:
        """Count what a right drawing shows."""
        for chosen in _left_open(request, picture):
            for choice, each in chosen:
                self.counts[choice][each] = self._count(choice, each) + 1

    def forget(self) -> None:
        """Let older drawings count less; once a round."""
        for counts in self.counts.values():
            for each in counts:
                counts[each] *= 1 - FORGOTTEN

    def rarity(self, request: Request, picture: Detected) -> float:
        """The negative logarithm of the choices' shares, in nats, of a mean object."""
        rarity = 0.0
        for chosen in _left_open(request, picture):
            logs = [-math.log(self._share(choice, each)) for choice, each in chosen]
            rarity += sum(logs) / max(1, len(logs))
        return rarity

    def effective(self, choice: Choice) -> float:
        """The exponential of the shares' entropy: as many equally frequent ones vary as much."""
        shares = [self._share(choice, each) for each in OPTIONS[choice.name]]
        return math.exp(-sum(share * math.log(share) for share in shares))

    def _share(self, choice: Choice, each: str | int) -> float:
        total = sum(self._count(choice, option) for option in OPTIONS[choice.name])
        return self._count(choice, each) / total

    def _count(self, choice: Choice, each: str | int) -> float:
        return self.counts[choice].get(each, 0.0) + 1


def _left_open(request: Request, picture: Detected) -> list[list[tuple[Choice, str | int]]]:
    """What a picture's objects chose of what the prompt did not name: colours, places."""
    number = sum(wanted.count for wanted in request.wanted)
    chosen: list[list[tuple[Choice, str | int]]] = []
    if all(wanted.colour is None for wanted in request.wanted):
        chosen.append([(Choice("colour", number, s.kind), s.colour) for s in picture.objects])
    if request.relation is None and all(wanted.quadrant is None for wanted in request.wanted):
        chosen.append([(Choice("place", number, s.kind), s.quadrant) for s in picture.objects])
    return chosen


class Judgements:
    """What the model drew right and wrong, the newest of it.

    Args:
        rounds: how much is kept.
        side: tokens a side of a picture.
    """

    def __init__(self, rounds: Rounds, side: int) -> None:
        self.attempts: deque[Attempts] = deque(maxlen=rounds.kept)
        self.retried: dict[int, deque[Retried]] = {}
        self.varied: deque[tuple[Attempts, int, int]] = deque(maxlen=rounds.kept)
        self.variety = Variety()
        self.side, self.kept_retried = side, rounds.kept_retried

    def add(self, attempts: Iterable[Attempts], retried: Iterable[Retried]) -> None:
        """Keep those that say something: all right or all wrong prefer nothing."""
        attempts = list(attempts)
        self.attempts.extend(each for each in attempts if 0 < sum(each.right) < len(each.right))
        for again in retried:
            alike = self.retried.setdefault(again.kept, deque(maxlen=self.kept_retried))
            alike.append(again)
        self.variety.forget()
        for each in attempts:
            for found, right in zip(each.found, each.right, strict=True):
                if right:
                    self.variety.add(each.sample.request, found)
        for each in attempts:
            rarities = {
                index: self.variety.rarity(each.sample.request, each.found[index])
                for index, right in enumerate(each.right)
                if right
            }
            if rarities:
                rare, common = (pick(rarities, key=rarities.__getitem__) for pick in (max, min))
                if rarities[rare] - rarities[common] > math.log(RARER):
                    self.varied.append((each, rare, common))

    def pairs(self, rng: np.random.Generator, count: int, varied: int = 0) -> Pairs:
        """Pairs of random prompts that were drawn both right and wrong; there must be any.

        Args:
            varied: so many more pairs of right drawings, rare and common ones, where there are any.
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
        """Random wrong drawings that were taken back to as many tokens; there must be any."""
        kept = choose_by(rng, {kept: float(len(alike)) for kept, alike in self.retried.items()})
        alike = self.retried[kept]
        return going_on([alike[i] for i in rng.integers(len(alike), size=count)], self.side)
