"""How varied drawings are in what prompts leave open."""

import math
from collections import defaultdict
from typing import NamedTuple

from unipic_tui.nano.world.request import Request
from unipic_tui.nano.world.scene import COLOURS, KINDS, Detected

FORGOTTEN = 0.02
"""Share of the counts that each round forgets."""


class Attribute(NamedTuple):
    """What is left open ("colour" or "place"), among how many objects, of which kind."""

    name: str
    number: int
    kind: str


VALUES: dict[str, tuple[str | int, ...]] = {"colour": COLOURS, "place": (0, 1, 2, 3)}


class Variety:
    """How often each colour and each place is drawn where prompts leave it open.

    Preferring right drawings narrows what is drawn: what goes wrong more often in one colour than
    in another is drawn in it less and less. Numbers and kinds are counted separately: "a ring" came
    out orange four times in ten when all objects together did not.
    """

    def __init__(self) -> None:
        self.counts: defaultdict[Attribute, dict[str | int, float]] = defaultdict(dict)

    def add(self, request: Request, picture: Detected) -> None:
        """Count what a right drawing shows."""
        for chosen in _left_open(request, picture):
            for attribute, value in chosen:
                self.counts[attribute][value] = self._count(attribute, value) + 1

    def forget(self) -> None:
        """Lower the weight of older drawings; once a round."""
        for counts in self.counts.values():
            for value in counts:
                counts[value] *= 1 - FORGOTTEN

    def rarity(self, request: Request, picture: Detected) -> float:
        """The negative log share of what was left open, in nats, averaged over objects."""
        rarity = 0.0
        for chosen in _left_open(request, picture):
            logs = [-math.log(self._share(attribute, value)) for attribute, value in chosen]
            rarity += sum(logs) / max(1, len(logs))
        return rarity

    def effective(self, attribute: Attribute) -> float:
        """The effective number of values: the exponential of the entropy of their shares."""
        shares = [self._share(attribute, value) for value in VALUES[attribute.name]]
        return math.exp(-sum(share * math.log(share) for share in shares))

    def mean_effective(self, name: str) -> float:
        """The effective number of colours or places of single objects, averaged over kinds."""
        return sum(self.effective(Attribute(name, 1, kind)) for kind in KINDS) / len(KINDS)

    def _share(self, attribute: Attribute, value: str | int) -> float:
        total = sum(self._count(attribute, option) for option in VALUES[attribute.name])
        return self._count(attribute, value) / total

    def _count(self, attribute: Attribute, value: str | int) -> float:
        return self.counts[attribute].get(value, 0.0) + 1


def _left_open(request: Request, picture: Detected) -> list[list[tuple[Attribute, str | int]]]:
    """The colours and places of a picture's objects, where the prompt left them open."""
    number, shapes = request.count, picture.objects
    chosen: list[list[tuple[Attribute, str | int]]] = []
    if all(wanted.colour is None for wanted in request.wanted):
        chosen.append([(Attribute("colour", number, s.kind), s.colour) for s in shapes])
    if request.relation is None and all(wanted.quadrant is None for wanted in request.wanted):
        chosen.append([(Attribute("place", number, s.kind), s.quadrant) for s in shapes])
    return chosen
