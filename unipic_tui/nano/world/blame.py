"""Which part of a picture is to blame for its not showing what was asked for."""

from unipic_tui.nano.world.drawing import Request, possible
from unipic_tui.nano.world.scene import Picture

Quadrants = tuple[bool, bool, bool, bool]
"""Something said of each quadrant, in reading order."""


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
