"""Instructions to edit pictures, each with the picture before and after, and how to judge one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from unipic_tui.nano.world import phrases
from unipic_tui.nano.world.phrases import article, as_sentence, worded
from unipic_tui.nano.world.request import related
from unipic_tui.nano.world.scene import (
    COLOURS,
    GROUNDS,
    KINDS,
    SIZE,
    AnyScene,
    Scene,
    Shape,
    choose,
    choose_by,
    next_quadrant,
    place_in_quadrant,
    sample_colours,
    sample_scene,
)

EditKind = Literal["recolour", "replace", "remove", "add", "move", "background"]

PLACE_TOLERANCE = 4.0
"""How far an object may stray, in pixels, and still be in its place."""
MOVE_TOLERANCE = 8.0
"""How far a moved object may land from the same spot of the next quadrant, in pixels."""
SIZE_TOLERANCE = 2.5
"""How much a radius may change, in pixels, and still be the same size."""

_BESIDE = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
_STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True, slots=True)
class EditSample:
    """An instruction with the scene before and the scene after.

    What the instruction does not name is the very same object in both. An added object may lie
    anywhere that is free, unless ``beside`` gives its relation to an object of the source.
    """

    kind: EditKind
    instruction: str
    source: Scene
    target: Scene
    beside: tuple[str, Shape] | None = None


class _DeadEndError(Exception):
    """The scene has nothing that can be named, or no free place; another one will do."""


def _source(rng: np.random.Generator, odds: tuple[float, ...], alone: float = 0.0) -> Scene:
    """A scene of 1 to 4 objects by ``odds``; a single one lies alone with probability ``alone``."""
    n = 1 + int(np.searchsorted(np.cumsum(odds), rng.random(), side="right"))
    n = min(n, len(odds))
    single = n == 1 and rng.random() < alone
    return sample_scene(rng, n, layout="alone" if single else "shared")


def _name(rng: np.random.Generator, scene: Scene, shape: Shape) -> str | None:
    """Words that mean this object and no other: "star" or "red star"; None when it has a twin."""
    same_kind = [other for other in scene.objects if other.kind == shape.kind]
    if len(same_kind) == 1 and rng.random() < 0.6:
        return shape.kind
    if sum(other.colour == shape.colour for other in same_kind) == 1:
        return f"{shape.colour} {shape.kind}"
    return None


def _pick(rng: np.random.Generator, scene: Scene) -> tuple[Shape, str]:
    """An object that can be named, with its name."""
    for i in rng.permutation(len(scene.objects)):
        shape = scene.objects[int(i)]
        name = _name(rng, scene, shape)
        if name is not None:
            return shape, name
    raise _DeadEndError


def _swap(scene: Scene, old: Shape, *new: Shape) -> Scene:
    """The scene with one object removed, or put in another's stead."""
    kept = [(shape,) if shape is not old else new for shape in scene.objects]
    return Scene(scene.ground, tuple(shape for shapes in kept for shape in shapes))


def _recolour(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.35, 0.3, 0.2, 0.15), alone=0.5)
    shape, name = _pick(rng, source)
    colour = choose(rng, [c for c in COLOURS if c not in (shape.colour, source.ground)])
    text = worded(rng, phrases.RECOLOUR).format(name=name, colour=colour)
    return EditSample("recolour", text, source, _swap(source, shape, replace(shape, colour=colour)))


def _replace(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.35, 0.3, 0.2, 0.15), alone=0.5)
    shape, name = _pick(rng, source)
    new = replace(shape, kind=choose(rng, [kind for kind in KINDS if kind != shape.kind]))
    thing = new.kind
    if rng.random() < 0.15:
        new = replace(new, colour=sample_colours(rng, 1, source.ground)[0])
        thing = f"{new.colour} {new.kind}"
    text = worded(rng, phrases.REPLACE).format(name=name, a=article(thing))
    return EditSample("replace", text, source, _swap(source, shape, new))


def _remove(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.08, 0.4, 0.3, 0.22))
    shape, name = _pick(rng, source)
    text = worded(rng, phrases.REMOVE).format(name=name)
    return EditSample("remove", text, source, _swap(source, shape))


def _add(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.4, 0.35, 0.25))
    taken = {shape.quadrant for shape in source.objects}
    kind, colour = choose(rng, KINDS), sample_colours(rng, 1, source.ground)[0]
    thing = article(f"{colour} {kind}")
    if rng.random() < 0.6:
        quadrant = choose(rng, [q for q in range(4) if q not in taken])
        new = place_in_quadrant(rng, kind, colour, quadrant)
        target = Scene(source.ground, (*source.objects, new))
        return EditSample("add", worded(rng, phrases.ADD).format(a=thing), source, target)
    reference, name = _pick(rng, source)
    # The spot next to the object that is named, in its row or column.
    spots = [(r, next_quadrant(reference.quadrant, *step)) for r, step in _BESIDE.items()]
    free = [(relation, q) for relation, q in spots if q is not None and q not in taken]
    if not free:
        raise _DeadEndError
    relation, quadrant = choose(rng, free)
    new = place_in_quadrant(rng, kind, colour, quadrant)
    text = worded(rng, phrases.ADD_RELATED[relation]).format(a=thing, b=f"the {name}")
    target = Scene(source.ground, (*source.objects, new))
    return EditSample("add", text, source, target, (relation, reference))


def _move(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.35, 0.4, 0.25))
    shape, name = _pick(rng, source)
    taken = {other.quadrant for other in source.objects}
    steps = {d: next_quadrant(shape.quadrant, *step) for d, step in _STEPS.items()}
    free = [d for d, quadrant in steps.items() if quadrant is not None and quadrant not in taken]
    if not free:
        raise _DeadEndError
    direction = choose(rng, free)
    across, down = _STEPS[direction]
    moved = replace(shape, x=shape.x + across * SIZE / 2, y=shape.y + down * SIZE / 2)
    wordings = phrases.MOVE_SIDE if direction in {"left", "right"} else phrases.MOVE_UPRIGHT
    text = worded(rng, wordings).format(name=name, direction=direction)
    return EditSample("move", text, source, _swap(source, shape, moved))


def _background(rng: np.random.Generator) -> EditSample:
    source = _source(rng, (0.4, 0.3, 0.15, 0.15), alone=0.6)
    colours = {shape.colour for shape in source.objects}
    grounds = [g for g in GROUNDS if g != source.ground and g not in colours]
    if not grounds:
        raise _DeadEndError
    ground = choose(rng, grounds)
    text = worded(rng, phrases.BACKGROUND).format(ground=ground)
    return EditSample("background", text, source, Scene(ground, source.objects))


_KINDS: dict[EditKind, tuple[float, Callable[[np.random.Generator], EditSample]]] = {
    "recolour": (0.20, _recolour),
    "replace": (0.20, _replace),
    "remove": (0.14, _remove),
    "add": (0.18, _add),
    "move": (0.14, _move),
    "background": (0.14, _background),
}
EDIT_MIX = {kind: share for kind, (share, _) in _KINDS.items()}
"""How often `edit_sample` gives each kind of instruction."""


def edit_sample(rng: np.random.Generator, kind: EditKind | None = None) -> EditSample:
    """An instruction of the given kind, or of one chosen by EDIT_MIX, with both its scenes.

    Raises:
        ValueError: if there is no such kind.
    """
    chosen = choose_by(rng, EDIT_MIX) if kind is None else kind
    if chosen not in _KINDS:
        raise ValueError(f"no such kind of edit: {chosen!r}")
    while True:
        try:
            sample = _KINDS[chosen][1](rng)
        except _DeadEndError:
            continue
        return replace(sample, instruction=as_sentence(rng, sample.instruction))


def _find(shapes: list[Shape], like: Shape, place: float, size: float) -> Shape | None:
    """The nearest object of the same kind and colour, about that place and size."""
    fitting = [
        (max(abs(shape.x - like.x), abs(shape.y - like.y)), i)
        for i, shape in enumerate(shapes)
        if (shape.kind, shape.colour) == (like.kind, like.colour)
        and abs(shape.radius - like.radius) <= size
    ]
    distance, index = min(fitting, default=(np.inf, -1))
    return shapes[index] if distance <= place else None


def edit_followed(sample: EditSample, picture: AnyScene) -> tuple[bool, bool]:
    """Whether the picture does what the instruction says, and whether the rest was left alone.

    The rest is left alone when every object that was not named is still there, of the same kind,
    colour, place and size, no other object has come, and the ground is as it should be.
    """
    source, target = sample.source, sample.target
    kept = [shape for shape in source.objects if shape in target.objects]
    gone = [shape for shape in source.objects if shape not in target.objects]
    left = list(picture.objects)
    rest_alone = sample.kind == "background" or picture.ground == source.ground
    for shape in kept:
        found = _find(left, shape, PLACE_TOLERANCE, SIZE_TOLERANCE)
        if found is None:
            rest_alone = False
        else:
            left.remove(found)
    if sample.kind == "background":
        return picture.ground == target.ground, rest_alone and not left
    failures = 0
    for shape in (new for new in target.objects if new not in source.objects):
        if sample.kind == "add":
            fitting = [new for new in left if (new.kind, new.colour) == (shape.kind, shape.colour)]
            if sample.beside is not None:
                relation, reference = sample.beside
                fitting = [new for new in fitting if related(new, relation, reference)]
            found = fitting[0] if fitting else None
        else:
            place = MOVE_TOLERANCE if sample.kind == "move" else PLACE_TOLERANCE
            found = _find(left, shape, place, size=np.inf)
        if found is None:
            failures += 1
        else:
            left.remove(found)
    still_there = [shape for shape in gone if _find(left, shape, PLACE_TOLERANCE, size=np.inf)]
    failures = max(failures, len(still_there))
    # What failed to change, or came out wrong, is not an intrusion on the rest.
    return failures == 0, rest_alone and len(left) <= failures
