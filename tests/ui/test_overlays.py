"""Tokens drawn over a picture: which are known, and which are chosen."""

from __future__ import annotations

import numpy as np

from unipic_tui.events import Progress
from unipic_tui.job_parts import Region
from unipic_tui.ui.overlays import known_alone, known_over, region_over


def progress(rows: int, columns: int, known: set[int]) -> Progress:
    flags = tuple(index in known for index in range(rows * columns))
    return Progress(0, 1, 1, 8, flags, rows, columns, None, 1 / 8)


def test_unknown_tokens_are_covered() -> None:
    pixels = np.full((8, 8, 3), 255, dtype=np.uint8)
    shown = known_over(pixels, progress(2, 2, {3}))
    assert (shown[4:, 4:] == 255).all()
    assert (shown[:4] < 100).all()
    assert (shown[:, :4] < 100).all()
    assert (shown[0, 0] != shown[0, 7]).any(), "neighbouring tokens look different"
    assert (pixels == 255).all(), "the picture itself is not changed"


def test_tokens_alone_are_a_map() -> None:
    shown = known_alone(np.zeros((4, 6, 3), dtype=np.uint8), progress(2, 3, {0, 5}))
    assert shown.shape == (4, 6, 3)
    assert shown[0, 0, 2] > 180
    assert shown[3, 5, 2] > 180
    assert shown[0, 5, 2] < 100


def test_a_region_is_framed_and_the_rest_dimmed() -> None:
    pixels = np.full((16, 16, 3), 200, dtype=np.uint8)
    shown = region_over(pixels, Region(1, 1, 2, 2), rows=4, columns=4)
    assert (shown[0, 0] < 100).all()
    assert tuple(shown[4, 4]) == (255, 214, 64)
    assert (shown[6, 6] == 200).all()
    assert (shown[12, 12] < 100).all()


def test_a_region_smaller_than_a_cell_is_still_seen() -> None:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    shown = region_over(pixels, Region(63, 63, 1, 1), rows=64, columns=64)
    assert shown[7, 7].any()
    assert not shown[:7].any()
