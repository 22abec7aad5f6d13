"""Pictures as sixels, encoded by textual-image and repaired where its releases need it.

A picture is cut into bands, each a sixel picture of its own that starts on a line of text, so that
a band can be drawn again when a dialog has covered it, and so that a slow line carries typing
between two bands.
"""

from __future__ import annotations

import re

from PIL import Image
from textual_image._sixel import SixelOptions, image_to_sixels

MAX_BANDS = 14
"""xterm keeps 16 pictures; of more, the first vanish when its window is uncovered."""
_PALETTE_SIDE = 160
"""Colours are chosen from a picture this small: choosing is slow and needs no more."""

_HEADER = re.compile(r'\x1bP[\d;]*q"[\d;]*')
_DEFINITION = re.compile(r"(#\d+);2;\d+;\d+;\d+")
_DEFINITIONS = re.compile(r"(?:#\d+;2;\d+;\d+;\d+)*")


def reduce_colours(image: Image.Image, colours: int, *, dither: bool = True) -> Image.Image:
    """The picture with at most so many colours, chosen for all of it.

    Args:
        image: RGB.
        colours: 2 to 256.
        dither: mix colours dot by dot where none is right: far better to look at, twice the bytes.
    """
    sample = image.copy()
    sample.thumbnail((_PALETTE_SIDE, _PALETTE_SIDE))
    palette = sample.quantize(colours, method=Image.Quantize.MEDIANCUT)
    method = Image.Dither.FLOYDSTEINBERG if dither else Image.Dither.NONE
    return image.quantize(palette=palette, dither=method)


def band_lines(rows: int, bands: int = MAX_BANDS) -> list[tuple[int, int]]:
    """First line and number of lines of each band, for a picture of so many lines of text."""
    height = -(-rows // bands)
    return [(top, min(height, rows - top)) for top in range(0, rows, height)]


def encode_band(image: Image.Image, top: int, height: int, colours: int) -> str:
    """Rows of pixels as a sixel sequence.

    Args:
        image: with a palette, as `reduce_colours` makes it.
        top, height: the rows.
        colours: as the picture was reduced to.
    """
    band = image.crop((0, top, image.width, top + height))
    return palette_first(image_to_sixels(band, SixelOptions(colours)))


def palette_first(sixels: str) -> str:
    """The same picture with all its colours defined before the first pixel, and one selected.

    textual-image 0.12.0 defines each where it is first used, and terminals that settle the
    colours of a picture when it begins (xterm) then show noise. Later releases do it right, but
    none of them selects the colour of a picture that has only one, which xterm then draws green.
    """
    header = _HEADER.match(sixels)
    if header is None:
        return sixels
    start = header.end()
    defined = _DEFINITIONS.match(sixels, start)
    body = defined.end() if defined else start
    if sixels.startswith("#", body) and not _DEFINITION.search(sixels, body):
        return sixels
    definitions = "".join(match[0] for match in _DEFINITION.finditer(sixels, start))
    return sixels[:start] + definitions + _DEFINITION.sub(r"\1", sixels[start:])
