"""Pictures as text: two pixels a cell, one above the other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_UPPER_HALF = "▀"
_PRECISION = 0xFC
"""Keeps six of a colour's eight bits: neighbours that look alike then share a cell's style."""


class BlockStrip(Strip):
    """A line of half blocks, written in as few bytes as its colours allow."""

    __slots__ = ("_written",)

    def __init__(self, segments: list[Segment], cell_length: int) -> None:
        super().__init__(segments, cell_length)
        self._written: str | None = None

    def render(self, console: Console) -> str:
        """What is written to the terminal; worked out once, which takes time."""
        if self._written is None:
            system = console._color_system or ColorSystem.TRUECOLOR
            above = below = None
            parts: list[str] = []
            for text, style, _ in self:
                codes = ""
                if style is not None and style.color not in (None, above):
                    above = style.color
                    codes = _codes(above, system, True)
                if style is not None and style.bgcolor != below:
                    below = style.bgcolor
                    codes += (";" if codes else "") + _codes(below, system, False)
                parts.append(f"\x1b[{codes}m{text}" if codes else text)
            self._written = "".join(parts) + "\x1b[0m"
        return self._written


def half_block_strips(pixels: np.ndarray, console: Console) -> list[Strip]:
    """A line of cells for each two rows of pixels, ready to be written.

    Args:
        pixels: colours, (2 x lines, columns, 3), uint8.
        console: tells how many colours the terminal has.
    """
    colours = (pixels & _PRECISION).astype(np.int32)
    packed = (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]
    strips = [_line(upper, lower) for upper, lower in zip(packed[0::2], packed[1::2], strict=True)]
    for strip in strips:
        strip.render(console)
    return strips


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
    return BlockStrip(segments, len(upper))


@lru_cache(maxsize=8192)
def _cell_style(upper: int, lower: int) -> Style:
    if upper == lower:
        return Style(bgcolor=_colour(lower))
    return Style(color=_colour(upper), bgcolor=_colour(lower))


@lru_cache(maxsize=8192)
def _colour(packed: int) -> Color:
    return Color.from_rgb(packed >> 16, packed >> 8 & 0xFF, packed & 0xFF)


@lru_cache(maxsize=16384)
def _codes(colour: Color | None, system: ColorSystem, foreground: bool) -> str:
    if colour is None:
        return "39" if foreground else "49"
    return ";".join(colour.downgrade(system).get_ansi_codes(foreground))
