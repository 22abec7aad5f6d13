"""Sizes of pictures: whole tokens of 16 pixels, from what a person types or a picture has."""

from __future__ import annotations

import math
import re

from unipic_tui.errors import InputError
from unipic_tui.text import one_line

TOKEN_PIXELS = 16
"""Side of the square of pixels that one image token stands for."""
MAX_SIDE = 4096
"""Longest side, in pixels, that a job may ask for."""

_WHOLE = re.compile(r"\+?\d+", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+", re.ASCII)
_LONGEST_NUMBER = 9
_HOW = "give one number (768), a width and a height (768x512), or an aspect ratio (3:2)"


def round_size(value: int) -> tuple[int, str | None]:
    """The nearest side the model can draw.

    Args:
        value: a side in pixels.

    Returns:
        The side, a multiple of 16 and at least 16; and, where it differs from ``value``, a
        sentence that says so.

    Raises:
        InputError: the value is not positive, or above `MAX_SIDE`.
    """
    if value <= 0:
        raise InputError(f"The size {value} is not positive: {_HOW}.")
    if value > MAX_SIDE:
        raise InputError(f"The size {value} is too large: use at most {MAX_SIDE} pixels.")
    rounded = _to_tokens(value)
    if rounded == value:
        return value, None
    return rounded, (
        f"The size {value} is not a multiple of {TOKEN_PIXELS}: {rounded} is used instead."
    )


def parse_size(text: str, base: int) -> tuple[int, int, str | None]:
    """The size that a person typed.

    Args:
        text: ``768`` (a square), ``768x512``, or ``3:2`` (an aspect ratio).
        base: side, in pixels, of the square whose area a ratio keeps.

    Returns:
        Width and height in pixels, multiples of 16, and a sentence where they were rounded.

    Raises:
        InputError: the text is none of these, or a side is not positive or too large.
    """
    cleaned = text.strip().lower().replace(" ", "").removesuffix("px")
    if ":" in cleaned:
        return (*_from_ratio(cleaned, base), None)
    parts = re.split(r"[x×*]", cleaned)
    sides = [_side(part, text) for part in parts]
    if len(sides) > 2:
        raise _unreadable(text)
    width, width_notice = round_size(sides[0])
    height, height_notice = round_size(sides[-1])
    if len(sides) == 1 or not (width_notice and height_notice):
        return width, height, width_notice or height_notice
    return (
        width,
        height,
        (
            f"The size {sides[0]}x{sides[1]} is not in multiples of {TOKEN_PIXELS}: "
            f"{width}x{height} is used instead."
        ),
    )


def _side(part: str, text: str) -> int:
    if part.startswith("-") and _WHOLE.fullmatch(part[1:]):
        raise InputError(f"The size {one_line(text, 60)!r} is not positive: {_HOW}.")
    if not _WHOLE.fullmatch(part):
        raise _unreadable(text)
    if len(part) > _LONGEST_NUMBER:
        raise InputError(
            f"The size {one_line(text, 60)!r} is too large: use at most {MAX_SIDE} pixels."
        )
    return int(part)


def _from_ratio(cleaned: str, base: int) -> tuple[int, int]:
    parts = cleaned.split(":")
    if len(parts) != 2 or not all(
        _NUMBER.fullmatch(part) and len(part) <= _LONGEST_NUMBER for part in parts
    ):
        raise _unreadable(cleaned)
    across, down = float(parts[0]), float(parts[1])
    if across <= 0 or down <= 0:
        raise InputError(f"The aspect ratio {cleaned} has no area: give it as 3:2 or 16:9.")
    width = base * math.sqrt(across / down)
    height = base * math.sqrt(down / across)
    if max(width, height) > MAX_SIDE:
        raise InputError(
            f"The aspect ratio {cleaned} makes a side longer than {MAX_SIDE} pixels: "
            "give a size such as 1024x512."
        )
    return _to_tokens(width), _to_tokens(height)


def fit_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size nearest to an aspect ratio whose longer side is about ``longest``.

    Args:
        width, height: the picture's size in pixels, positive.
        longest: pixels of the longer side, positive.

    Returns:
        Width and height, multiples of 16, each at least 16.
    """
    scale = longest / max(width, height)
    return _to_tokens(width * scale), _to_tokens(height * scale)


def _to_tokens(pixels: float) -> int:
    """The nearest multiple of a token's side, the larger one half way, at least one token."""
    return max(1, math.floor(pixels / TOKEN_PIXELS + 0.5)) * TOKEN_PIXELS


def _unreadable(text: str) -> InputError:
    return InputError(f"The size {one_line(text, 60)!r} cannot be read: {_HOW}.")
