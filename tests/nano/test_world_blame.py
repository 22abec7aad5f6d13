"""What is to blame for a wrong picture, and from when on it can no longer become right."""

from itertools import product

import pytest

from unipic_tui.nano.world import (
    Detected,
    Request,
    Scene,
    Shape,
    Wanted,
    draw_sample,
    generator,
    lost,
    sample_scene,
    satisfies,
    to_blame,
)
from unipic_tui.nano.world.blame import CONTEXTS
from unipic_tui.nano.world.drawing import possible

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
    found = to_blame(CIRCLE_AND_SQUARE, picture)
    assert {quadrant for quadrant in range(4) if found[quadrant]} == blamed
    assert not any(to_blame(CIRCLE_AND_SQUARE, Detected("white", picture.objects)))


def test_two_objects_in_the_wrong_order_are_both_to_blame() -> None:
    request = Request((Wanted("circle"), Wanted("square")), relation="left of")
    picture = Scene("grey", (_shape("square", "red", 0), _shape("circle", "red", 1)))
    assert to_blame(request, picture) == (True, True, False, False)


def _completions(picture: Scene, seen: tuple[bool, ...], quadrant: int) -> list[Scene]:
    """The picture with each unseen quadrant empty or with one of a few objects in it."""
    kept = [
        shape for shape in picture.objects if seen[shape.quadrant] or shape.quadrant == quadrant
    ]
    hidden = [place for place in range(4) if not seen[place] and place != quadrant]
    kinds = {(shape.kind, shape.colour) for shape in picture.objects}
    options = [None, *sorted(kinds | {("square", "blue"), ("circle", "red")})]
    return [
        Scene(
            picture.ground,
            (*kept, *(_shape(*o, place) for o, place in zip(chosen, hidden, strict=True) if o)),
        )
        for chosen in product(options, repeat=len(hidden))
    ]


def test_what_is_lost_has_no_completion_that_is_right() -> None:
    wrong = Scene("grey", (_shape("circle", "red", 0), _shape("circle", "blue", 3)))
    table = lost(CIRCLE_AND_SQUARE, wrong, 0)
    for seen, gone in zip(CONTEXTS, table, strict=True):
        complete = _completions(wrong, seen, 0)
        assert gone is not any(satisfies(CIRCLE_AND_SQUARE, each) for each in complete)
    # Only the red circle is seen where the last quadrant is not, and it may still be joined.
    assert table == tuple(seen[3] for seen in CONTEXTS)


def test_a_quadrant_is_lost_once_too_little_room_is_left() -> None:
    empty = Scene("grey", ())
    table = lost(CIRCLE_AND_SQUARE, empty, 1)
    assert table == tuple(sum(seen[:1] + seen[2:]) > 1 for seen in CONTEXTS)


def test_a_right_scene_is_never_lost_and_any_other_is_in_the_end() -> None:
    rng = generator("train", 30)
    for _ in range(200):
        sample = draw_sample(rng)
        other = sample_scene(rng, len(sample.scene.objects), ground=sample.scene.ground)
        for quadrant in range(4):
            assert not any(lost(sample.request, sample.scene, quadrant))
            assert lost(sample.request, other, quadrant)[-1] is not satisfies(sample.request, other)


def test_what_is_possible_needs_room_for_what_is_missing() -> None:
    three = Request((Wanted("star", count=3),))
    stars = [_shape("star", "red", quadrant) for quadrant in range(3)]
    assert [possible(three, stars[:2], hidden) for hidden in range(3)] == [False, True, True]
    assert possible(three, stars, 1)
    assert not possible(three, [*stars, _shape("star", "red", 3)], 4)
    assert not possible(three, [_shape("ring", "red", 0)], 3)
