"""Contact sheets: many pictures on one, with a label under each."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from unipic_tui.pictures import MAX_PIXELS
from unipic_tui.text import printable

CELL = 256
"""Side, in pixels, of the square that a picture gets on a sheet of few."""
_SMALLEST = 32
_GROUND, _INK = (24, 24, 27), (212, 212, 216)
_GAP = 8


def contact_sheet(
    pictures: Iterable[tuple[Image.Image, str]],
    count: int,
    *,
    title: str = "",
    columns: int | None = None,
) -> Image.Image:
    """A sheet of pictures in rows, each fitted into a square with its label below.

    Args:
        pictures: pictures with their labels; they are taken one by one, so that no more than one
            need be in memory.
        count: how many there are, at least 1.
        title: a line at the top.
        columns: pictures a row; by default about as many as makes the sheet wider than high.

    Returns:
        An RGB picture of at most `unipic_tui.pictures.MAX_PIXELS`.
    """
    columns = min(count, columns or math.ceil(math.sqrt(count * 4 / 3)))
    rows = math.ceil(count / columns)
    cell = min(CELL, max(_SMALLEST, math.isqrt(MAX_PIXELS // 2 // (columns * rows)) - 2 * _GAP))
    size = max(9, cell // 18)
    font = ImageFont.load_default(size)
    line = size + size // 2
    top = _GAP + (2 * line if title else 0)
    sheet = Image.new(
        "RGB", (_GAP + columns * (cell + _GAP), top + rows * (cell + line + _GAP)), _GROUND
    )
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((_GAP, _GAP), _fitted(title, 1.5 * sheet.width, font), _INK, font)
    for index, (picture, label) in enumerate(pictures):
        left = _GAP + index % columns * (cell + _GAP)
        above = top + index // columns * (cell + line + _GAP)
        small = _fit(picture, cell)
        sheet.paste(small, (left + (cell - small.width) // 2, above + (cell - small.height) // 2))
        draw.text((left, above + cell + 2), _fitted(label, cell, font), _INK, font)
    return sheet


def _fit(picture: Image.Image, cell: int) -> Image.Image:
    """The picture scaled to fit the cell; small ones grow by whole factors, so they stay sharp."""
    longest = max(picture.size)
    if longest * 2 <= cell:
        factor = cell // longest
        size = (picture.width * factor, picture.height * factor)
        return picture.convert("RGB").resize(size, Image.Resampling.NEAREST)
    small = picture.convert("RGB")
    small.thumbnail((cell, cell), reducing_gap=2.0)
    return small


def _fitted(text: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text as it may be shown, cut to a width in pixels."""
    line = printable(" ".join(text[:500].split()))
    if font.getlength(line) <= width:
        return line
    lengths = range(1, len(line) + 1)
    fitting = bisect_right(lengths, width, key=lambda n: font.getlength(line[:n] + "…"))
    return line[:fitting] + "…"
