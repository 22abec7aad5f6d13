"""Prompts to draw from: GenEval's six kinds, each with a scene and a statement of what it asks."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from unipic_tui.nano.world.answering import arranged, describe
from unipic_tui.nano.world.scene import (
    COLOURS,
    DEFAULT_GROUND,
    GROUNDS,
    KINDS,
    Picture,
    Scene,
    Shape,
    choose,
    choose_by,
    sample_colours,
    sample_scene,
)
from unipic_tui.nano.world.wording import (
    FRAMES_MANY,
    FRAMES_ONE,
    MANY_OBJECTS,
    NUMBERS,
    ON_GROUND,
    ONE_OBJECT,
    RELATED,
    RELATIONS,
    TWO_OBJECTS,
    article,
    as_sentence,
    plural,
    worded,
)

DrawKind = Literal["single", "two", "count", "colour", "position", "attribute", "described"]
DRAW_MIX: dict[DrawKind, float] = {
    "single": 0.12,
    "two": 0.22,
    "count": 0.14,
    "colour": 0.06,
    "position": 0.11,
    "attribute": 0.35,
}
"""How often `draw_sample` gives each of GenEval's kinds: what is learnt last most often.

A seventh kind, "described", is given only on request: the prompt is a scene's description, which
may name the places of three or four different objects.
"""

HELD_OUT = 8
"""One prompt in so many is never trained on, and only such prompts are scored."""

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


@dataclass(frozen=True, slots=True)
class DrawSample:
    """A prompt, a scene that is right for it, and what it asks for."""

    kind: DrawKind
    prompt: str
    scene: Scene
    request: Request


def related(first: Shape, relation: str, second: Shape) -> bool:
    """Whether the first object's centre is left of, right of, above or below the second's."""
    across, down = second.x - first.x, second.y - first.y
    distance = {"left of": across, "right of": -across, "above": down, "below": -down}[relation]
    return distance > RELATION_MARGIN


def surplus(request: Request, picture: Picture) -> int:
    """How many more objects the picture has than were asked for; negative when it has fewer."""
    return len(picture.objects) - sum(wanted.count for wanted in request.wanted)


def possible(request: Request, objects: Sequence[Shape], hidden: int) -> bool:
    """Whether a picture with these objects, and up to ``hidden`` more, can show what was asked for.

    Only of objects; the ground is not looked at.
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


def satisfies(request: Request, picture: Picture) -> bool:
    """Whether the picture shows what was asked for: all of it, and no other object.

    The ground must be the one named, or grey when none was.
    """
    return picture.ground == request.ground and possible(request, picture.objects, 0)


def quadrants_related(rng: np.random.Generator, relation: str) -> tuple[int, int]:
    """Quadrants of two objects in a relation; side by side (or stacked) seven times in ten."""
    near = int(rng.integers(2))
    far = near if rng.random() < 0.7 else 1 - near
    sideways = relation in {"left of", "right of"}
    pair = (2 * near, 2 * far + 1) if sideways else (near, far + 2)
    return pair if relation in {"left of", "above"} else (pair[1], pair[0])


def _ground(rng: np.random.Generator, colours: list[str]) -> tuple[str, str]:
    """A ground on which the colours show, and the words that name it: none for most."""
    if rng.random() < 0.6:
        return DEFAULT_GROUND, ""
    usual = [ground for ground in GROUNDS if ground != DEFAULT_GROUND and ground not in colours]
    ground = DEFAULT_GROUND if not usual or rng.random() < 0.2 else choose(rng, usual)
    return ground, " " + worded(rng, ON_GROUND).format(ground=ground)


def _two_kinds(rng: np.random.Generator) -> list[str]:
    return [KINDS[i] for i in rng.permutation(len(KINDS))[:2]]


def _two_colours(rng: np.random.Generator) -> list[str]:
    return [COLOURS[i] for i in rng.permutation(len(COLOURS))[:2]]


def _sample(
    rng: np.random.Generator,
    kind: DrawKind,
    things: tuple[Wanted, ...],
    wordings: tuple[str, ...],
    relation: str | None = None,
) -> DrawSample:
    """Put the things wanted into words, and draw a scene that has them."""
    ground, on_ground = _ground(rng, [thing.colour for thing in things if thing.colour])
    first = things[0]
    bare = [f"{thing.colour} {thing.kind}" if thing.colour else thing.kind for thing in things]
    many = first.count > 1
    phrase = worded(rng, wordings).format(
        a=article(bare[0]),
        b=article(bare[-1]),
        bare=bare[0],
        other=bare[-1],
        number=NUMBERS[first.count],
        digit=first.count,
        things=f"{first.colour} {plural(first.kind)}" if first.colour else plural(first.kind),
    )
    frame = worded(rng, FRAMES_MANY if many else FRAMES_ONE)
    prompt = as_sentence(rng, frame.format(thing=phrase) + on_ground)
    open_colours = sample_colours(rng, len(things), ground)
    colours = [
        colour
        for thing, free in zip(things, open_colours, strict=True)
        for colour in [thing.colour or free] * thing.count
    ]
    scene = sample_scene(
        rng,
        kinds=[thing.kind for thing in things for _ in range(thing.count)],
        colours=colours,
        ground=ground,
        quadrants=None if relation is None else quadrants_related(rng, relation),
        # A large object spans a dozen tokens drawn one by one and is learnt long after the rest.
        layout="shared",
    )
    return DrawSample(kind, prompt, scene, Request(things, ground, relation))


def _single(rng: np.random.Generator) -> DrawSample:
    return _sample(rng, "single", (Wanted(choose(rng, KINDS)),), ONE_OBJECT)


def _colour(rng: np.random.Generator) -> DrawSample:
    thing = Wanted(choose(rng, KINDS), choose(rng, COLOURS))
    return _sample(rng, "colour", (thing,), ONE_OBJECT)


def _count(rng: np.random.Generator) -> DrawSample:
    colour = choose(rng, COLOURS) if rng.random() < 0.5 else None
    thing = Wanted(choose(rng, KINDS), colour, count=int(rng.integers(2, 5)))
    return _sample(rng, "count", (thing,), MANY_OBJECTS)


def _two(rng: np.random.Generator) -> DrawSample:
    first, second = _two_kinds(rng)
    return _sample(rng, "two", (Wanted(first), Wanted(second)), TWO_OBJECTS)


def _attribute(rng: np.random.Generator) -> DrawSample:
    pairs = zip(_two_kinds(rng), _two_colours(rng), strict=True)
    first, second = (Wanted(kind, colour) for kind, colour in pairs)
    return _sample(rng, "attribute", (first, second), TWO_OBJECTS)


def _position(rng: np.random.Generator) -> DrawSample:
    relation = choose(rng, RELATIONS)
    named = choose(rng, ((False, False), (True, True)))
    if rng.random() < 0.1:
        named = (not named[0], named[1])
    first, second = (
        Wanted(kind, colour if with_colour else None)
        for kind, colour, with_colour in zip(_two_kinds(rng), _two_colours(rng), named, strict=True)
    )
    return _sample(rng, "position", (first, second), RELATED[relation], relation)


def request_of(scene: Scene) -> Request:
    """What the scene's description asks for when it is taken as a prompt."""
    shapes = sorted(scene.objects, key=lambda shape: shape.quadrant)
    if len({(shape.kind, shape.colour) for shape in shapes}) == 1:
        thing = Wanted(shapes[0].kind, shapes[0].colour, len(shapes))
        return Request((thing,), scene.ground)
    if len(shapes) == 2:
        first, relation, second = arranged(*shapes)
        pair = (Wanted(first.kind, first.colour), Wanted(second.kind, second.colour))
        return Request(pair, scene.ground, relation)
    things = (Wanted(shape.kind, shape.colour, 1, shape.quadrant) for shape in shapes)
    return Request(tuple(things), scene.ground)


def _described(rng: np.random.Generator) -> DrawSample:
    scene = sample_scene(rng, layout="shared")
    return DrawSample("described", describe(scene), scene, request_of(scene))


_MAKERS: dict[DrawKind, Callable[[np.random.Generator], DrawSample]] = {
    "single": _single,
    "two": _two,
    "count": _count,
    "colour": _colour,
    "position": _position,
    "attribute": _attribute,
    "described": _described,
}


def held_out(prompt: str) -> bool:
    """Whether a prompt, as it is worded, is kept from training."""
    return zlib.crc32(prompt.encode()) % HELD_OUT == 0


def draw_sample(
    rng: np.random.Generator, kind: DrawKind | None = None, *, unseen: bool | None = None
) -> DrawSample:
    """A prompt of the given kind, or of one chosen by DRAW_MIX, with a scene that is right for it.

    Args:
        unseen: only held-out prompts when true, none of them when false, any by default.

    Raises:
        ValueError: if there is no such kind.
    """
    chosen = choose_by(rng, DRAW_MIX) if kind is None else kind
    if chosen not in _MAKERS:
        raise ValueError(f"no such kind of prompt: {chosen!r}")
    while True:
        sample = _MAKERS[chosen](rng)
        if unseen is None or held_out(sample.prompt) == unseen:
            return sample
