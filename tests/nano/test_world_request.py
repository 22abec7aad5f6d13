"""What is to blame for a wrong picture."""

import pytest

from unipic_tui.nano.world.request import Request, Wanted, blamed_quadrants, possible
from unipic_tui.nano.world.scene import Detected, Scene, Shape

CENTRES = ((16.0, 16.0), (48.0, 16.0), (16.0, 48.0), (48.0, 48.0))
CIRCLE_AND_SQUARE = Request((Wanted("circle", "red"), Wanted("square", "blue")))


def _shape(kind: str, colour: str, quadrant: int) -> Shape:
    return Shape(kind, colour, *CENTRES[quadrant], 10.0)


@pytest.mark.parametrize(
    ("objects", "blamed"),
    [
        # Of a wrong colour or kind the object itself, of a missing one every empty quadrant.
        ((("circle", "red", 0), ("square", "green", 3)), {3}),
        ((("circle", "red", 0), ("star", "blue", 2)), {2}),
        ((("circle", "red", 1),), {0, 2, 3}),
        # Of two that are alike either could be the other one.
        ((("circle", "red", 0), ("circle", "red", 1)), {0, 1}),
        # Of three the one too many.
        ((("circle", "red", 0), ("square", "blue", 1), ("star", "red", 2)), {2}),
        # Two mistakes are not mended by one quadrant.
        ((("circle", "blue", 0), ("square", "red", 1)), set()),
        ((), set()),
    ],
)
def test_those_quadrants_are_to_blame_that_could_mend_it(
    objects: tuple[tuple[str, str, int], ...], blamed: set[int]
) -> None:
    picture = Detected("grey", tuple(_shape(*each) for each in objects))
    found = blamed_quadrants(CIRCLE_AND_SQUARE, picture)
    assert {quadrant for quadrant in range(4) if found[quadrant]} == blamed
    assert not any(blamed_quadrants(CIRCLE_AND_SQUARE, Detected("white", picture.objects)))


def test_two_objects_in_the_wrong_order_are_both_blamed_quadrants() -> None:
    request = Request((Wanted("circle"), Wanted("square")), relation="left of")
    picture = Scene("grey", (_shape("square", "red", 0), _shape("circle", "red", 1)))
    assert blamed_quadrants(request, picture) == (True, True, False, False)


def test_what_is_possible_needs_room_for_what_is_missing() -> None:
    three = Request((Wanted("star", count=3),))
    stars = [_shape("star", "red", quadrant) for quadrant in range(3)]
    assert [possible(three, stars[:2], hidden) for hidden in range(3)] == [False, True, True]
    assert possible(three, stars, 1)
    assert not possible(three, [*stars, _shape("star", "red", 3)], 4)
    assert not possible(three, [_shape("ring", "red", 0)], 3)
