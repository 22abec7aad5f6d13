"""Draws scenes: anti-aliased shapes by signed distance, fast enough to train from.

Every kind has a table of signed distances at radius 1, computed once; drawing an object is a
look-up over its bounding box and a blend.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from unipic_tui.nano.world.scene import KINDS, RGB, SIZE, Scene, Shape

_REACH = 1.25  # the tables cover −_REACH.._REACH radii: the shape, and its soft edge at any size
_CELLS = 640  # a cell is 0.094 px at radius 24, so the look-up moves an edge by less than 0.05 px

Grid = npt.NDArray[np.float64]
_CENTRES: Grid = ((np.arange(_CELLS) + 0.5) * (2 * _REACH / _CELLS) - _REACH).astype(np.float64)


def _polygon(points: Sequence[tuple[float, float]], x: Grid) -> Grid:
    """Signed distance of a simple polygon's outline on the square grid of coordinates ``x``."""
    px, py = x[None, :], x[:, None]
    nearest = np.full((x.size, x.size), np.inf)
    inside = np.zeros((x.size, x.size), dtype=bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((px - ax) * ex + (py - ay) * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        nearest = np.minimum(nearest, (px - ax - along * ex) ** 2 + (py - ay - along * ey) ** 2)
        if ay != by:
            inside ^= ((ay > py) != (by > py)) & (px < ax + ex * (py - ay) / ey)
    signed: Grid = np.sqrt(nearest) * np.where(inside, -1.0, 1.0)
    return signed


def _distances(kind: str, x: Grid) -> Grid:
    """Signed distance from the outline of a shape of radius 1, negative inside.

    The sizes are chosen so that all kinds of one radius look about equally large.
    """
    px, py = x[None, :], x[:, None]
    match kind:
        case "circle":
            return np.hypot(px, py) - 0.93
        case "ring":
            return np.abs(np.hypot(px, py) - 0.74) - 0.24
        case "square":
            return _polygon([(-0.83, -0.83), (0.83, -0.83), (0.83, 0.83), (-0.83, 0.83)], x)
        case "cross":
            arm, end = 0.32, 0.98
            corner = [(-arm, -end), (arm, -end), (arm, -arm)]
            turns = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]
            return _polygon(
                [(a * u + b * v, c * u + d * v) for a, b, c, d in turns for u, v in corner], x
            )
        case "triangle":
            return _polygon([(0.0, -0.90), (1.0, 0.83), (-1.0, 0.83)], x)
        case "star":
            angles = [math.pi * i / 5 for i in range(10)]
            reach = [1.05, 0.48] * 5
            # A star reaches less far below its middle than above: lowered, its box is centred.
            points = [
                (r * math.sin(a), 0.10 - r * math.cos(a))
                for r, a in zip(reach, angles, strict=True)
            ]
            return _polygon(points, x)
    raise ValueError(f"no such kind: {kind!r}")


@cache
def distance_table(kind: str) -> npt.NDArray[np.float32]:
    """Signed distances (cells, cells) at the cells' centres over −1.25..1.25 radii, row by row."""
    return _distances(kind, _CENTRES).astype(np.float32)


def coverage(
    kind: str, x: float, y: float, radius: float, *, width: int = SIZE, height: int = SIZE
) -> tuple[slice, slice, npt.NDArray[np.float32]]:
    """How much of each pixel a shape covers, 0..1, inside its box of a width×height picture.

    Returns the box's rows, its columns, and the coverage (rows, columns). The box is empty when the
    shape lies outside the picture.
    """
    top, bottom = max(0, math.floor(y - radius - 0.5)), min(height, math.ceil(y + radius + 0.5))
    left, right = max(0, math.floor(x - radius - 0.5)), min(width, math.ceil(x + radius + 0.5))
    scale = _CELLS / (2 * _REACH * radius)
    # Pixel i has its centre at i + 0.5. Of a tiny shape the box outgrows the table.
    rows = ((np.arange(top, bottom) + (0.5 - y)) * scale + _CELLS / 2).astype(np.intp)
    columns = ((np.arange(left, right) + (0.5 - x)) * scale + _CELLS / 2).astype(np.intp)
    if radius < 5:
        rows, columns = rows.clip(0, _CELLS - 1), columns.clip(0, _CELLS - 1)
    alpha = distance_table(kind).take(rows[:, None] * _CELLS + columns)
    alpha *= -radius
    alpha += 0.5
    np.maximum(alpha, 0.0, out=alpha)
    np.minimum(alpha, 1.0, out=alpha)
    return slice(top, max(top, bottom)), slice(left, max(left, right)), alpha


_COLOUR = {name: np.array(rgb, dtype=np.float32) for name, rgb in RGB.items()}


def _draw(canvas: npt.NDArray[np.float32], shape: Shape) -> None:
    rows, columns, alpha = coverage(shape.kind, shape.x, shape.y, shape.radius)
    box = canvas[rows, columns]
    box += alpha[:, :, None] * (_COLOUR[shape.colour] - box)


def render(scene: Scene) -> npt.NDArray[np.uint8]:
    """The scene as a picture (64, 64, 3), 0..255; later objects cover earlier ones."""
    picture: npt.NDArray[np.uint8] = render_batch((scene,))[0]
    return picture


def render_batch(scenes: Sequence[Scene]) -> npt.NDArray[np.uint8]:
    """The scenes as pictures (n, 64, 64, 3), 0..255."""
    pictures = np.empty((len(scenes), SIZE, SIZE, 3), dtype=np.uint8)
    canvas = np.empty((SIZE, SIZE, 3), dtype=np.float32)
    for picture, scene in zip(pictures, scenes, strict=True):
        canvas[:] = _COLOUR[scene.ground]
        for shape in scene.objects:
            _draw(canvas, shape)
        canvas += 0.5
        picture[:] = canvas
    return pictures


@cache
def moments() -> dict[str, tuple[float, float, float]]:
    """Per kind at radius 1: its area, and how far its centroid lies right of and below (x, y)."""
    cell = (2 * _REACH / _CELLS) ** 2
    found = {}
    for kind in KINDS:
        inside = distance_table(kind) < 0
        area = float(inside.sum()) * cell
        down = float(_CENTRES @ inside.sum(axis=1)) * cell / area
        right = float(_CENTRES @ inside.sum(axis=0)) * cell / area
        found[kind] = (area, right, down)
    return found
