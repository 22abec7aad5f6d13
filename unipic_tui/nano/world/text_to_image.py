"""Prompts to draw from: GenEval's six kinds, each with a scene and a statement of what it asks."""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unipic_tui.nano.world import phrases
from unipic_tui.nano.world.phrases import NUMBERS, article, as_sentence, plural, worded
from unipic_tui.nano.world.questions import arranged, describe
from unipic_tui.nano.world.request import Request, Wanted
from unipic_tui.nano.world.scene import (
    COLOURS,
    DEFAULT_GROUND,
    GROUNDS,
    KINDS,
    Scene,
    choose,
    choose_by,
    related_quadrants,
    sample_colours,
    sample_scene,
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


@dataclass(frozen=True, slots=True)
class DrawSample:
    """A prompt, a scene that is right for it, and what it asks for."""

    kind: DrawKind
    prompt: str
    scene: Scene
    request: Request


def _ground(rng: np.random.Generator, colours: list[str]) -> tuple[str, str]:
    """A ground on which the colours show, and the words that name it: none for most."""
    if rng.random() < 0.6:
        return DEFAULT_GROUND, ""
    usual = [ground for ground in GROUNDS if ground != DEFAULT_GROUND and ground not in colours]
    ground = DEFAULT_GROUND if not usual or rng.random() < 0.2 else choose(rng, usual)
    return ground, " " + worded(rng, phrases.ON_GROUND).format(ground=ground)


def _pair(rng: np.random.Generator, options: tuple[str, ...]) -> list[str]:
    """Two different options."""
    return [options[i] for i in rng.permutation(len(options))[:2]]


def _things(
    rng: np.random.Generator, kind: DrawKind
) -> tuple[tuple[Wanted, ...], tuple[str, ...], str | None]:
    """What a prompt of one of GenEval's kinds asks for: things, their wordings, their relation."""
    match kind:
        case "single":
            return (Wanted(choose(rng, KINDS)),), phrases.ONE_OBJECT, None
        case "colour":
            return (Wanted(choose(rng, KINDS), choose(rng, COLOURS)),), phrases.ONE_OBJECT, None
        case "count":
            colour = choose(rng, COLOURS) if rng.random() < 0.5 else None
            thing = Wanted(choose(rng, KINDS), colour, count=int(rng.integers(2, 5)))
            return (thing,), phrases.MANY_OBJECTS, None
        case "two":
            return tuple(map(Wanted, _pair(rng, KINDS))), phrases.TWO_OBJECTS, None
        case "attribute":
            things = map(Wanted, _pair(rng, KINDS), _pair(rng, COLOURS))
            return tuple(things), phrases.TWO_OBJECTS, None
        case "position":
            relation = choose(rng, phrases.RELATIONS)
            named = choose(rng, ((False, False), (True, True)))
            if rng.random() < 0.1:
                named = (not named[0], named[1])
            kinds, colours = _pair(rng, KINDS), _pair(rng, COLOURS)
            shown = (colour if each else None for colour, each in zip(colours, named, strict=True))
            return tuple(map(Wanted, kinds, shown)), phrases.RELATED[relation], relation
    raise ValueError(f"no such kind of prompt: {kind!r}")


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


def _sample(rng: np.random.Generator, kind: DrawKind) -> DrawSample:
    """Choose what to ask for, put it into words, and draw a scene that has it."""
    if kind == "described":
        scene = sample_scene(rng, layout="shared")
        return DrawSample(kind, describe(scene), scene, request_of(scene))
    things, wordings, relation = _things(rng, kind)
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
    frame = worded(rng, phrases.FRAMES_MANY if many else phrases.FRAMES_ONE)
    prompt = as_sentence(rng, frame.format(thing=phrase) + on_ground)
    open_colours = sample_colours(rng, len(things), ground)
    colours = [
        colour
        for thing, free in zip(things, open_colours, strict=True)
        for colour in [thing.colour or free] * thing.count
    ]
    quadrants = None
    if relation is not None:
        # Side by side, or stacked, seven times in ten.
        near = int(rng.integers(2))
        far = near if rng.random() < 0.7 else 1 - near
        quadrants = related_quadrants(relation, near, far)
    scene = sample_scene(
        rng,
        kinds=[thing.kind for thing in things for _ in range(thing.count)],
        colours=colours,
        ground=ground,
        quadrants=quadrants,
        # A large object spans a dozen tokens drawn one by one and is learnt long after the rest.
        layout="shared",
    )
    return DrawSample(kind, prompt, scene, Request(things, ground, relation))


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
    while True:
        sample = _sample(rng, chosen)
        if unseen is None or held_out(sample.prompt) == unseen:
            return sample
