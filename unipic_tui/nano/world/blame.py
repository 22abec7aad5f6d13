"""Which part of a picture is to blame for its not showing what was asked for."""

from itertools import product

from unipic_tui.nano.world.drawing import Request, possible
from unipic_tui.nano.world.scene import Picture

Quadrants = tuple[bool, bool, bool, bool]
"""Something said of each quadrant, in reading order."""

CONTEXTS: tuple[Quadrants, ...] = tuple(
    (one, two, three, four) for one, two, three, four in product((False, True), repeat=4)
)
"""Which quadrants are seen, in every way: the first counts eight, the last one."""


def to_blame(request: Request, picture: Picture) -> Quadrants:
    """The quadrants each of which, if it alone were drawn anew, could make the picture right.

    None of them where no single one could.
    """
    one, two, three, four = (
        picture.ground == request.ground
        and possible(request, [s for s in picture.objects if s.quadrant != quadrant], 1)
        for quadrant in range(4)
    )
    return one, two, three, four


def lost(request: Request, picture: Picture, quadrant: int) -> tuple[bool, ...]:
    """For each of `CONTEXTS`, whether the picture can no longer become right.

    Seen are the quadrants that the context names, and ``quadrant`` itself.
    """

    def beyond(seen: Quadrants) -> bool:
        known = [each or place == quadrant for place, each in enumerate(seen)]
        objects = [shape for shape in picture.objects if known[shape.quadrant]]
        return not possible(request, objects, known.count(False))

    return tuple(beyond(seen) for seen in CONTEXTS)
