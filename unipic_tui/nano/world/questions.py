"""Descriptions of scenes, and questions about them with their answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unipic_tui.nano.world import phrases
from unipic_tui.nano.world.phrases import NUMBERS, article, as_typed, plural, worded
from unipic_tui.nano.world.scene import (
    COLOURS,
    GROUNDS,
    KINDS,
    AnyScene,
    Scene,
    Shape,
    choose,
    choose_by,
    related_quadrants,
    sample_colours,
    sample_ground,
    sample_scene,
)

QuestionKind = Literal["count", "colour", "shape", "presence", "relation", "ground"]


@dataclass(frozen=True, slots=True)
class QuestionSample:
    """A question about a scene, and its one right answer."""

    question: str
    answer: str
    scene: Scene


def _named(shape: Shape) -> str:
    return f"{shape.colour} {shape.kind}"


def arranged(upper: Shape, lower: Shape) -> tuple[Shape, str, Shape]:
    """Two objects, given in reading order, as a description relates them: first, how, second."""
    if upper.quadrant % 2 == lower.quadrant % 2:
        return upper, "above", lower
    if upper.quadrant % 2 > lower.quadrant % 2:
        return lower, "left of", upper
    return upper, "left of", lower


def describe(picture: AnyScene) -> str:
    """The one right description: number, colours, shapes, relation or places, and ground.

    Of two objects in different columns the left one comes first ("left of"), otherwise the upper
    one ("above"); three and four come in reading order, each with its quarter of the picture.
    Objects that are all alike are only counted.
    """
    nothing, one, alike, pair, listed = phrases.DESCRIPTIONS
    shapes = sorted(picture.objects, key=lambda shape: (shape.quadrant, shape.y, shape.x))
    ground = picture.ground
    if not shapes:
        return nothing.format(ground=ground)
    first = shapes[0]
    if len(shapes) == 1:
        return one.format(bare=_named(first), ground=ground)
    number = NUMBERS[len(shapes)] if len(shapes) < len(NUMBERS) else str(len(shapes))
    if len({(shape.kind, shape.colour) for shape in shapes}) == 1:
        things = f"{first.colour} {plural(first.kind)}"
        return alike.format(number=number, things=things, ground=ground)
    if len(shapes) == 2:
        first, relation, second = arranged(first, shapes[1])
        a, b = article(_named(first)), article(_named(second))
        return pair.format(number=number, a=a, b=b, relation=relation, ground=ground)
    places = [f"{article(_named(shape))} {phrases.QUADRANTS[shape.quadrant]}" for shape in shapes]
    return listed.format(number=number, list=", ".join(places), ground=ground)


def describe_sample(rng: np.random.Generator) -> QuestionSample:
    """A scene of 0 to 4 objects, a request to describe it, and its description."""
    n = int(np.searchsorted((0.02, 0.27, 0.55, 0.78), rng.random(), side="right"))
    scene = sample_scene(rng, n, layout="shared" if n == 1 and rng.random() < 0.3 else None)
    if n > 1 and rng.random() < 0.2:
        kind, colour = scene.objects[0].kind, scene.objects[0].colour
        scene = sample_scene(rng, kinds=[kind] * n, colours=[colour] * n, ground=scene.ground)
    return QuestionSample(
        as_typed(rng, worded(rng, phrases.DESCRIBE), 0.05), describe(scene), scene
    )


def _others(rng: np.random.Generator, excluded: str, count: int) -> list[str]:
    """``count`` kinds, none of them the excluded one."""
    options = [kind for kind in KINDS if kind != excluded]
    return [options[i] for i in rng.integers(len(options), size=count)]


def _how_many(rng: np.random.Generator) -> tuple[str, str, Scene]:
    if rng.random() < 0.35:
        scene = sample_scene(rng)
        asked = "objects"
        count = len(scene.objects)
    else:
        kind = choose(rng, KINDS)
        count = int(np.searchsorted((0.12, 0.37, 0.60, 0.80), rng.random(), side="right"))
        total = int(rng.integers(max(count, 1), 5))
        scene = sample_scene(rng, kinds=[kind] * count + _others(rng, kind, total - count))
        asked = plural(kind)
    return worded(rng, phrases.HOW_MANY).format(things=asked), NUMBERS[count], scene


def _what_colour(rng: np.random.Generator) -> tuple[str, str, Scene]:
    kind = choose(rng, KINDS)
    scene = sample_scene(rng, kinds=[kind, *_others(rng, kind, int(rng.integers(4)))])
    return worded(rng, phrases.WHAT_COLOUR).format(name=kind), scene.objects[0].colour, scene


def _what_shape(rng: np.random.Generator) -> tuple[str, str, Scene]:
    colour = choose(rng, COLOURS)
    ground = sample_ground(rng, [colour])
    count = int(rng.integers(4))
    other = [c for c in sample_colours(rng, 4 * count + 8, ground) if c != colour][:count]
    scene = sample_scene(rng, colours=[colour, *other], ground=ground)
    return worded(rng, phrases.WHAT_SHAPE).format(colour=colour), scene.objects[0].kind, scene


def _is_there(rng: np.random.Generator) -> tuple[str, str, Scene]:
    scene = sample_scene(rng)
    with_colour = rng.random() < 0.5
    present = [(s.colour, s.kind) if with_colour else ("", s.kind) for s in scene.objects]
    if rng.random() < 0.5:
        asked, answer = choose(rng, present), "yes"
    else:
        shape = choose(rng, scene.objects)
        colours = list(COLOURS) if with_colour else [""]
        absent = [(c, k) for c in colours for k in KINDS if (c, k) not in present]
        # Half of the absent ones share a colour or a kind with something in the picture, so that
        # neither alone gives the answer.
        close = [(c, k) for c, k in absent if c == shape.colour or k == shape.kind]
        asked, answer = choose(rng, close if close and rng.random() < 0.5 else absent), "no"
    thing = " ".join(part for part in asked if part)
    return worded(rng, phrases.IS_THERE).format(a=article(thing)), answer, scene


def _is_related(rng: np.random.Generator) -> tuple[str, str, Scene]:
    relation = choose(rng, phrases.RELATIONS)
    first, second = (KINDS[i] for i in rng.permutation(len(KINDS))[:2])
    rest = [kind for kind in KINDS if kind not in {first, second}]
    pair = related_quadrants(relation, int(rng.integers(2)), int(rng.integers(2)))
    holds = bool(rng.random() < 0.5)
    if not holds:
        pair = pair[::-1]
    free = [int(q) for q in rng.permutation(4) if q not in pair][: int(rng.integers(3))]
    kinds = [first, second, *(choose(rng, rest) for _ in free)]
    scene = sample_scene(rng, kinds=kinds, quadrants=[*pair, *free])
    question = worded(rng, phrases.IS_RELATED[relation]).format(name=first, other=second)
    return question, "yes" if holds else "no", scene


def _what_ground(rng: np.random.Generator) -> tuple[str, str, Scene]:
    scene = sample_scene(rng, ground=choose(rng, GROUNDS))
    return worded(rng, phrases.WHAT_COLOUR).format(name="background"), scene.ground, scene


_KINDS: dict[
    QuestionKind, tuple[float, Callable[[np.random.Generator], tuple[str, str, Scene]]]
] = {
    "count": (0.28, _how_many),
    "colour": (0.20, _what_colour),
    "shape": (0.10, _what_shape),
    "presence": (0.20, _is_there),
    "relation": (0.16, _is_related),
    "ground": (0.06, _what_ground),
}
QUESTION_MIX = {kind: share for kind, (share, _) in _KINDS.items()}
"""How often `question_sample` gives each kind."""


def question_sample(rng: np.random.Generator, kind: QuestionKind | None = None) -> QuestionSample:
    """A scene with a question about it; yes and no are equally frequent answers.

    Args:
        kind: what it asks for; by default chosen by QUESTION_MIX.
    """
    chosen = choose_by(rng, QUESTION_MIX) if kind is None else kind
    question, answer, scene = _KINDS[chosen][1](rng)
    return QuestionSample(as_typed(rng, question), answer, scene)
