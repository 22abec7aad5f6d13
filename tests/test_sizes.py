"""Sizes as people type them, in whole tokens."""

from __future__ import annotations

import pytest

from unipic_tui.errors import InputError
from unipic_tui.sizes import fit_size, parse_size, round_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", (1024, 1024)),
        ("768x512", (768, 512)),
        ("768 × 512", (768, 512)),
        ("768X512px", (768, 512)),
        ("768*512", (768, 512)),
        ("1:1", (1024, 1024)),
        ("3:2", (1248, 832)),
        ("2:3", (832, 1248)),
        ("16:9", (1360, 768)),
        ("1.5:1", (1248, 832)),
    ],
)
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text, 1024) == (*size, None)


def test_a_ratio_keeps_the_area() -> None:
    for ratio in ("3:2", "1:2", "21:9"):
        width, height, _ = parse_size(ratio, 1024)
        assert width * height == pytest.approx(1024**2, rel=0.03)


def test_rounding_is_said() -> None:
    assert parse_size("500", 64) == (
        496,
        496,
        "The size 500 is not a multiple of 16: 496 is used instead.",
    )
    assert parse_size("768x500", 64)[2] == (
        "The size 500 is not a multiple of 16: 496 is used instead."
    )
    assert parse_size("70x500", 64) == (
        64,
        496,
        "The size 70x500 is not in multiples of 16: 64x496 is used instead.",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0", "not positive"),
        ("-5", "not positive"),
        ("64x-5", "not positive"),
        ("5000", "too large"),
        ("64x5000", "too large"),
        ("9" * 5000, "too large"),
        ("", "cannot be read"),
        ("x", "cannot be read"),
        ("64x", "cannot be read"),
        ("1x2x3", "cannot be read"),
        ("large", "cannot be read"),
        ("²", "cannot be read"),
        ("6٣", "cannot be read"),
        ("1e3", "cannot be read"),
        ("3:0", "no area"),
        ("3:2:1", "cannot be read"),
        ("a:b", "cannot be read"),
        ("1:500", "longer than 4096"),
        ("\x1b[31m", "cannot be read"),
    ],
)
def test_no_sizes(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        parse_size(text, 1024)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "rounded"), [(16, 16), (1, 16), (23, 16), (24, 32), (4096, 4096), (4095, 4096)]
)
def test_rounds_to_tokens(value: int, rounded: int) -> None:
    side, notice = round_size(value)
    assert side == rounded
    assert (notice is None) == (value == rounded)


@pytest.mark.parametrize(
    ("size", "longest", "fitted"),
    [
        ((4000, 3000), 1024, (1024, 768)),
        ((300, 400), 64, (48, 64)),
        ((10, 10), 64, (64, 64)),
        ((10_000, 10), 512, (512, 16)),
        ((640, 480), 512, (512, 384)),
    ],
)
def test_fits(size: tuple[int, int], longest: int, fitted: tuple[int, int]) -> None:
    assert fit_size(*size, longest) == fitted
