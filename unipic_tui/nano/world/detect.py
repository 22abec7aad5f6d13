"""Reads a picture back into its ground and objects, whoever drew it.

Pixels go to the nearest colour of the palette; what is not ground falls into connected pieces; each
piece has a colour by majority, and the kind whose ideal outline, at the piece's own centroid and
area, covers it best. Soft edges, slightly wrong colours and light noise are expected.
"""

import numpy as np
import numpy.typing as npt

from unipic_tui.nano.world.render import coverage, moments
from unipic_tui.nano.world.scene import COLOURS, GROUNDS, RGB, SIZE, Detected, Shape

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

_SMALLEST = 24.0  # px of 64×64: the smallest object drawn covers 120, a speck a handful
_CLEAR = 0.68  # overlap below which a piece is no kind: most blobs reach 0.6, blurred shapes 0.8
_SHARPEN = 2.0  # steepens soft edges, which would else make a blurred star a circle
_GROUND_RGB = np.array([RGB[name] for name in GROUNDS], dtype=np.float32)
_COLOUR_RGB = np.array([RGB[name] for name in COLOURS], dtype=np.float32)


def _nearest(pixels: Plane, palette: Plane) -> npt.NDArray[np.intp]:
    """Index of the nearest palette colour (k, 3) for every pixel (..., 3)."""
    # |p − c|² without |p|², which is the same for every colour.
    distance = (palette * palette).sum(axis=1) - 2 * (pixels @ palette.T)
    return np.asarray(distance.argmin(axis=-1))


def _ground(pixels: Plane) -> tuple[str, Plane]:
    """The ground most of the border has, and its mean colour there (3)."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    nearest = _nearest(border, _GROUND_RGB)
    index = int(np.bincount(nearest, minlength=len(GROUNDS)).argmax())
    return GROUNDS[index], np.median(border[nearest == index], axis=0).astype(np.float32)


def _pieces(mask: Mask) -> tuple[npt.NDArray[np.intp], int]:
    """Labels of the connected pieces (8 neighbours) of a mask: −1 outside, else 0..count−1."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    above: list[tuple[int, int, int]] = []
    current: list[tuple[int, int, int]] = []
    current_row = -2
    runs = zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)
    for i, (row, start, end) in enumerate(runs):
        if row != current_row:
            above = current if row == current_row + 1 else []
            current, current_row = [], row
        for j, other_start, other_end in above:
            if start <= other_end and other_start <= end:
                parent[root(i)] = root(j)
        current.append((i, start, end))
    roots = [root(i) for i in range(len(parent))]
    numbers = {r: n for n, r in enumerate(sorted(set(roots)))}
    labels = np.full(mask.shape, -1, dtype=np.intp)
    # Row by row, a mask's pixels come in the order of its runs.
    labels[mask] = np.repeat([numbers[r] for r in roots], ends - starts) if roots else []
    return labels, len(numbers)


def _grown(mask: Mask) -> Mask:
    """The mask and its 8 neighbours."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def _fit(amount: Plane, unit: float) -> tuple[Shape, float]:
    """The shape (without colour) that best explains how much each pixel is covered (h, w).

    Returns it in pixels of the 64×64 picture, of which ``unit`` is one here, with its overlap 0..1.
    """
    height, width = amount.shape
    area = float(amount.sum())
    middle_x = float(amount.sum(axis=0) @ (np.arange(width) + 0.5)) / area
    middle_y = float(amount.sum(axis=1) @ (np.arange(height) + 0.5)) / area
    best, best_overlap = Shape("unclear", "black", 0.0, 0.0, 0.0), -1.0
    for kind, (unit_area, right, down) in moments().items():
        radius = (area / unit_area) ** 0.5
        x, y = middle_x - right * radius, middle_y - down * radius
        rows, columns, ideal = coverage(kind, x, y, radius, width=width, height=height)
        shared = float(np.minimum(amount[rows, columns], ideal).sum())
        overlap = shared / (area + float(ideal.sum()) - shared)
        if overlap > best_overlap:
            best = Shape(kind, "black", x / unit, y / unit, radius / unit)
            best_overlap = overlap
    return best, best_overlap


def detect(picture: npt.NDArray[np.uint8]) -> Detected:
    """What a picture (h, w, 3), 0..255, of any size shows.

    Places and sizes are in pixels of the 64×64 picture. Pieces too small for an object are passed
    over; every other piece is an object, of the kind ``"unclear"`` if it resembles none.

    Raises:
        ValueError: if the array is not such a picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < 8:
        raise ValueError(f"a picture has the shape (h, w, 3), not {picture.shape}")
    height, width = picture.shape[:2]
    unit = (height * width) ** 0.5 / SIZE
    pixels = picture.astype(np.float32)
    ground, ground_rgb = _ground(pixels)
    usable = [i for i, name in enumerate(COLOURS) if name != ground]
    nearest = _nearest(pixels, np.concatenate([ground_rgb[None], _COLOUR_RGB[usable]]))
    mask = nearest > 0
    labels, count = _pieces(mask)
    found: list[Shape] = []
    for label in range(count):
        piece: Mask = labels == label
        if piece.sum() < _SMALLEST * unit * unit:
            continue
        inner: Mask = ~_grown(~piece)
        core = inner if inner.any() else piece
        votes = np.bincount(nearest[core], minlength=len(usable) + 1)
        index = int(votes.argmax())
        own = np.median(pixels[core & (nearest == index)], axis=0) - ground_rgb
        amount = ((pixels - ground_rgb) @ own) / float(own @ own)
        amount = (amount - 0.5) * _SHARPEN + 0.5
        amount = np.where(_grown(piece), amount, 0.0).clip(0.0, 1.0).astype(np.float32)
        shape, overlap = _fit(amount, unit)
        kind = shape.kind if overlap >= _CLEAR else "unclear"
        colour = COLOURS[usable[index - 1]]
        found.append(Shape(kind, colour, shape.x, shape.y, shape.radius))
    found.sort(key=lambda each: (each.quadrant, each.y, each.x))
    return Detected(ground, tuple(found))
