"""Squares for the model."""

from __future__ import annotations

import numpy as np
from PIL import Image

from unipic_tui.inference.images import center_square, expand_to_square, resized

PHOTO = np.random.default_rng(0).integers(0, 256, (667, 1000, 3), dtype=np.uint8)
RED = (255, 0, 0)
GREY = (127, 127, 127)


def test_expands_with_grey_around_the_middle() -> None:
    square = expand_to_square(Image.new("RGB", (4, 2), RED))
    assert square.size == (4, 4)
    column = [square.getpixel((0, y)) for y in range(4)]
    assert column == [GREY, RED, RED, GREY]


def test_an_odd_rest_goes_below_and_right() -> None:
    square = expand_to_square(Image.new("RGB", (2, 5), RED), (0, 0, 0))
    row = [square.getpixel((x, 0)) for x in range(5)]
    assert row == [(0, 0, 0), RED, RED, (0, 0, 0), (0, 0, 0)]


def test_cuts_out_the_middle() -> None:
    image = Image.new("RGB", (6, 2))
    image.paste(RED, (2, 0, 4, 2))
    square = center_square(image)
    assert square.size == (2, 2)
    assert square.getcolors() == [(4, RED)]


def test_squares_stay_as_they_are() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    assert center_square(image).tobytes() == image.tobytes()
    assert expand_to_square(image).tobytes() == image.tobytes()


def test_resizes_as_the_published_scripts_do() -> None:
    square = expand_to_square(Image.fromarray(PHOTO))
    # What PIL does when no filter is named, as in the scripts.
    assert resized(square, (512, 512)).tobytes() == square.resize((512, 512)).tobytes()
    assert resized(square, square.size) is square
