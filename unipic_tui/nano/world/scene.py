"""What a picture of the embedded model's world holds, and where its objects may lie.

A picture is 64×64 pixels: a plain ground and up to four coloured shapes. One object alone is large
and lies anywhere; several are smaller, each wholly inside its own quadrant, so that "left of" and
"above" have one meaning and objects never touch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

SIZE = 64
"""Width and height of a picture in pixels."""

KINDS = ("circle", "square", "triangle", "star", "ring", "cross")
GROUNDS = ("white", "grey", "black")
DEFAULT_GROUND = "grey"
"""The ground of a picture whose prompt names none: black and white objects both show on it."""

RGB: dict[str, tuple[int, int, int]] = {
    "red": (222, 28, 36), "orange": (255, 138, 0), "yellow": (252, 232, 48),
    "green": (28, 158, 62), "blue": (32, 74, 224), "purple": (134, 42, 178),
    "pink": (255, 128, 192), "brown": (112, 62, 22), "black": (12, 12, 12),
    "white": (250, 250, 250), "grey": (168, 168, 168),
}  # fmt: skip
"""The colour of every object and ground, 0..255."""
COLOURS = tuple(name for name in RGB if name != DEFAULT_GROUND)
"""The colours of objects."""

ALONE_RADIUS = (12.0, 24.0)
SHARED_RADIUS = (9.0, 13.0)
_MARGIN = 1.5  # from a quadrant's edge: leaves 3 px between any two objects
_HALF = SIZE / 2

Layout = Literal["alone", "shared"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One object: a kind, a colour, and where it lies, in pixels of the 64×64 picture.

    The shape lies within ``radius`` of (x, y) in both axes; y grows downwards.
    """

    kind: str
    colour: str
    x: float
    y: float
    radius: float

    @property
    def quadrant(self) -> int:
        """0 top left, 1 top right, 2 bottom left, 3 bottom right, by the centre."""
        return int(self.x >= _HALF) + 2 * int(self.y >= _HALF)


@dataclass(frozen=True, slots=True)
class Scene:
    """A ground and the objects on it, none of which has the ground's colour."""

    ground: str
    objects: tuple[Shape, ...]

    def __post_init__(self) -> None:
        if self.ground not in GROUNDS:
            raise ValueError(f"no such ground: {self.ground!r}")
        for shape in self.objects:
            if shape.kind not in KINDS or shape.colour not in COLOURS:
                raise ValueError(f"no such object: {shape.colour!r} {shape.kind!r}")
            if shape.colour == self.ground:
                raise ValueError(f"a {shape.colour} object does not show on its own ground")


@dataclass(frozen=True, slots=True)
class Detected:
    """What the detector reads in a picture.

    ``objects`` are in reading order by quadrant; an object that resembles no kind well has the kind
    ``"unclear"``.
    """

    ground: str
    objects: tuple[Shape, ...]


AnyScene = Scene | Detected
T = TypeVar("T")


def choose(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of ``options``, all equally likely. ValueError when there is none."""
    return options[int(rng.integers(len(options)))]


def choose_by(rng: np.random.Generator, odds: Mapping[T, float]) -> T:
    """One of the keys, each as likely as its weight says."""
    edge = rng.random() * sum(odds.values())
    reached = 0.0
    for option, weight in odds.items():
        reached += weight
        if edge < reached:
            return option
    return option  # the weights' sum may round to a hair above the last edge


def generator(purpose: Literal["train", "score"], seed: int) -> np.random.Generator:
    """The random numbers of one purpose: no scoring seed gives anything a training seed gives.

    ``seed`` is 0 .. 2³²−1; ValueError otherwise.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"a seed lies in 0 .. 2**32 - 1, not {seed}")
    return np.random.default_rng(np.random.SeedSequence([{"train": 1, "score": 2}[purpose], seed]))


def next_quadrant(quadrant: int, across: int, down: int) -> int | None:
    """The quadrant so many to the right and below; None outside the picture."""
    column, row = quadrant % 2 + across, quadrant // 2 + down
    return column + 2 * row if 0 <= column <= 1 and 0 <= row <= 1 else None


def related_quadrants(relation: str, near: int, far: int) -> tuple[int, int]:
    """The quadrants of two objects in a relation, in rows or columns ``near`` and ``far`` (0, 1).

    "Left of" and "right of" take rows, "above" and "below" columns: of the left or upper quadrant
    ``near``, of the other ``far``.
    """
    pair = (2 * near, 2 * far + 1) if relation in {"left of", "right of"} else (near, far + 2)
    return pair if relation in {"left of", "above"} else (pair[1], pair[0])


def place_alone(rng: np.random.Generator, kind: str, colour: str) -> Shape:
    """A large object anywhere in the picture, wholly inside it."""
    radius = rng.uniform(*ALONE_RADIUS)
    x, y = rng.uniform(radius + 1, SIZE - 1 - radius, size=2)
    return Shape(kind, colour, float(x), float(y), float(radius))


def place_in_quadrant(rng: np.random.Generator, kind: str, colour: str, quadrant: int) -> Shape:
    """A smaller object anywhere in the quadrant (0..3, reading order), wholly inside it."""
    radius = rng.uniform(*SHARED_RADIUS)
    x, y = rng.uniform(radius + _MARGIN, _HALF - _MARGIN - radius, size=2)
    left, top = _HALF * (quadrant % 2), _HALF * (quadrant // 2)
    return Shape(kind, colour, float(x + left), float(y + top), float(radius))


def sample_ground(rng: np.random.Generator, colours: Sequence[str] = ()) -> str:
    """A ground on which objects of all ``colours`` show; grey three times in five."""
    if rng.random() < 0.6:
        return DEFAULT_GROUND
    return choose(rng, [ground for ground in GROUNDS if ground not in colours])


def sample_colours(rng: np.random.Generator, count: int, ground: str) -> list[str]:
    """``count`` colours that show on the ground, independent of each other."""
    usable = [colour for colour in COLOURS if colour != ground]
    return [usable[i] for i in rng.integers(len(usable), size=count)]


def sample_scene(
    rng: np.random.Generator,
    n: int | None = None,
    *,
    kinds: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    ground: str | None = None,
    quadrants: Sequence[int] | None = None,
    layout: Layout | None = None,
) -> Scene:
    """A random scene in which whatever is given holds.

    Args:
        rng: where the choices come from.
        n: the number of objects, 0..4; otherwise that of ``kinds``, ``colours`` or ``quadrants``,
            or 1..4.
        kinds: the kind of every object, in order.
        colours: the colour of every object, in order; none may be the ground's.
        ground: one of GROUNDS; otherwise one on which the colours show.
        quadrants: a different quadrant (0..3, reading order) for every object; implies the shared
            layout.
        layout: "alone" (one large object) or "shared" (each in its quadrant); otherwise alone
            for one object, shared for more.

    Raises:
        ValueError: if what is given contradicts itself.
    """
    given = [values for values in (kinds, colours, quadrants) if values is not None]
    if n is None:
        n = len(given[0]) if given else int(rng.integers(1, 5))
    if not 0 <= n <= 4 or any(len(values) != n for values in given):
        raise ValueError(f"a scene has 0 to 4 objects, and each of them what is given; not {n}")
    if quadrants is not None and len(set(quadrants)) != n:
        raise ValueError("every object needs a quadrant of its own")
    if ground is None:
        ground = sample_ground(rng, colours or ())
    if kinds is None:
        kinds = [KINDS[i] for i in rng.integers(len(KINDS), size=n)]
    if colours is None:
        colours = sample_colours(rng, n, ground)
    if layout is None:
        layout = "alone" if n == 1 and quadrants is None else "shared"
    if layout == "alone":
        if n > 1 or quadrants is not None:
            raise ValueError("only a single object, in no given quadrant, can lie alone")
        pairs = zip(kinds, colours, strict=True)
        return Scene(ground, tuple(place_alone(rng, *pair) for pair in pairs))
    if quadrants is None:
        quadrants = [int(q) for q in rng.permutation(4)[:n]]
    spots = zip(kinds, colours, quadrants, strict=True)
    return Scene(ground, tuple(place_in_quadrant(rng, *spot) for spot in spots))
