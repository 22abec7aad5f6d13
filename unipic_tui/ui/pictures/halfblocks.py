"""Pictures as text: two pixels a cell, one above the other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_UPPER_HALF = "▀"
_PRECISION = 0xFC
"""Keeps six of a colour's eight bits: neighbours that look alike then share a cell's style."""

Rgb = tuple[int, int, int]


def half_block_strips(pixels: np.ndarray) -> list[Strip]:
    """A line of cells for each two rows of pixels.

    Args:
        pixels: colours, (2 x lines, columns, 3), uint8.
    """
    colours = (pixels & _PRECISION).astype(np.int32)
    packed = (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]
    return [_line(upper, lower) for upper, lower in zip(packed[0::2], packed[1::2], strict=True)]


def half_block_pixels(image: Image.Image, columns: int, rows: int) -> np.ndarray:
    """The picture scaled to two pixels a cell.

    Args:
        image: RGB.

    Returns:
        Colours, (2 x rows, columns, 3), uint8; the caller's own to change.
    """
    small = image.resize(
        (columns, 2 * rows),
        Image.Resampling.BOX if _shrinks(image, columns) else Image.Resampling.BICUBIC,
    )
    return np.array(small, dtype=np.uint8)


def _shrinks(image: Image.Image, columns: int) -> bool:
    return image.width > 2 * columns


def _line(upper: np.ndarray, lower: np.ndarray) -> Strip:
    changes = np.flatnonzero((upper[1:] != upper[:-1]) | (lower[1:] != lower[:-1])) + 1
    starts = [0, *changes.tolist()]
    ends = [*changes.tolist(), len(upper)]
    segments = [
        Segment((" " if above == below else _UPPER_HALF) * (end - start), _cell_style(above, below))
        for start, end, above, below in zip(
            starts, ends, upper[starts].tolist(), lower[starts].tolist(), strict=True
        )
    ]
    return Strip(segments, len(upper))


@lru_cache(maxsize=8192)
def _cell_style(upper: int, lower: int) -> Style:
    if upper == lower:
        return Style(bgcolor=_colour(lower))
    return Style(color=_colour(upper), bgcolor=_colour(lower))


@lru_cache(maxsize=8192)
def _colour(packed: int) -> Color:
    return Color.from_rgb(packed >> 16, packed >> 8 & 0xFF, packed & 0xFF)
