"""What a prompt asks for, and whether a picture shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from unipic_tui.nano.world.scene import DEFAULT_GROUND, AnyScene, Shape

RELATION_MARGIN = 6.0
"""Two centres are left of or above each other when they differ by more than this, in pixels."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing a prompt asks for: ``count`` objects of a kind.

    ``colour`` and ``quadrant`` (0..3, reading order) are None where the prompt leaves them open.
    """

    kind: str
    colour: str | None = None
    count: int = 1
    quadrant: int | None = None

    def fits(self, shape: Shape) -> bool:
        """Whether one object is such a thing."""
        return (
            shape.kind == self.kind
            and self.colour in (None, shape.colour)
            and self.quadrant in (None, shape.quadrant)
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What a prompt asks for.

    With a ``relation`` (one of RELATIONS) there are two things wanted, and the first is left of,
    right of, above or below the second.
    """

    wanted: tuple[Wanted, ...]
    ground: str = DEFAULT_GROUND
    relation: str | None = None

    @property
    def count(self) -> int:
        """How many objects are wanted."""
        return sum(wanted.count for wanted in self.wanted)


def related(first: Shape, relation: str, second: Shape) -> bool:
    """Whether the first object's centre is left of, right of, above or below the second's."""
    across, down = second.x - first.x, second.y - first.y
    distance = {"left of": across, "right of": -across, "above": down, "below": -down}[relation]
    return distance > RELATION_MARGIN


def possible(request: Request, objects: Sequence[Shape], hidden: int) -> bool:
    """Whether a picture with these objects, and up to ``hidden`` more, can satisfy a request.

    Checks the objects alone, not the ground.
    """
    slots = [wanted for wanted in request.wanted for _ in range(wanted.count)]
    if not 0 <= len(slots) - len(objects) <= hidden:
        return False
    for order in permutations(range(len(slots)), len(objects)):
        if all(slots[slot].fits(shape) for slot, shape in zip(order, objects, strict=True)):
            if request.relation is None or len(objects) < len(slots):
                return True
            first, second = (objects[order.index(slot)] for slot in (0, 1))
            if related(first, request.relation, second):
                return True
    return False


def satisfies(request: Request, picture: AnyScene) -> bool:
    """Whether the picture shows all that was asked for, and no other object.

    The ground must be the one named, or grey when none was.
    """
    return picture.ground == request.ground and possible(request, picture.objects, 0)


def blamed_quadrants(request: Request, picture: AnyScene) -> tuple[bool, ...]:
    """For each quadrant, in reading order, whether redrawing it alone could satisfy the request.

    All False where no single quadrant could.
    """
    return tuple(
        picture.ground == request.ground
        and possible(request, [s for s in picture.objects if s.quadrant != quadrant], 1)
        for quadrant in range(4)
    )
