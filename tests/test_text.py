"""Text that is shown cannot steer a terminal, hide, or lead a file name astray."""

from __future__ import annotations

import random
import unicodedata

import pytest
from rich.cells import cell_len

from unipic_tui.text import one_line, printable, slug


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with punctuation!", "plain, with punctuation!"),
        ("Grüße, 赤い丸, نص", "Grüße, 赤い丸, نص"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("\x9b31m", "�31m"),
        ("a\nb\tc\r", "a␊b␉c␍"),
        ("\x7f", "␡"),
        ("abc\u202egnp.exe", "abc�gnp.exe"),
        ("\u2066x\u2069\u200f", "�x��"),
        ("pay\u200bpal\ufeff", "pay�pal�"),
        ("a\u200db", "a�b"),
        ("\ud800", "�"),
        ("\u2028\u2029", "��"),
        ("\u3164\uffa0", "��"),
        ("flag\U000e0067\U000e007f", "flag��"),
        ("\ufdd0\U0001ffff", "��"),
    ],
)
def test_what_steers_or_hides_is_seen(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "❤️", "1️⃣", "می‌خواهم", "क्‍ष", "e\u0301", "\u0601"])
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert printable(text) == text


def test_piles_of_accents_are_cut_off() -> None:
    shown = printable("a" + "\u0301" * 50)
    assert sum(unicodedata.category(char) == "Mn" for char in shown) <= 6


def test_lines_are_kept_on_request() -> None:
    assert printable("a\r\nb\rc\u2028d\te\x1b", newlines=True) == "a\nb\nc\nd    e␛"


def test_no_character_gets_through() -> None:
    """Every control, format character and surrogate that could do harm is gone."""
    for code in range(0x110000):
        char = chr(code)
        kind = unicodedata.category(char)
        if kind in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(char) in {
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        }:  # fmt: skip
            assert printable(f"x{char}x") != f"x{char}x", hex(code)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("  many \n\n lines\t ", 20, "many lines"),
        ("exactly", 7, "exactly"),
        ("a longer one", 7, "a long…"),
        ("赤い丸の絵", 5, "赤い…"),
        ("赤い丸の絵", 4, "赤…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 5, ""),
    ],
)
def test_one_line_fits(text: str, width: int, shown: str) -> None:
    assert one_line(text, width) == shown


def test_one_line_never_exceeds_its_width() -> None:
    draw = random.Random(4)
    alphabet = "ab 赤👩‍❤️é\n\x1b\u202e｜"
    for _ in range(500):
        text = "".join(draw.choices(alphabet, k=draw.randrange(60)))
        width = draw.randrange(1, 20)
        line = one_line(text, width)
        assert cell_len(line) <= width
        assert line.isprintable() or "\u200d" in line


def test_one_line_of_megabytes_is_quick_to_cut() -> None:
    assert one_line("x" * 50_000_000, 5) == "xxxx…"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A red circle, left of a blue square!", "a-red-circle-left-of-a-blue-square"),
        ("don't", "dont"),
        ("赤い丸", "赤い丸"),
        ("Ünïcode", "ünïcode"),
        ("नमस्ते", "नमस्ते"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows", "c-windows"),
        (".hidden", "hidden"),
        ("CON", "con-picture"),
        ("com¹", "com¹-picture"),
        ("lpt9", "lpt9-picture"),
        ("console", "console"),
        ("", "picture"),
        ("…!?", "picture"),
        ("\u3164\u200b", "picture"),
        ("a\x00b\x1b[31m", "ab-31m"),
        ("a\u202eb", "ab"),
    ],
)
def test_slug(text: str, name: str) -> None:
    assert slug(text) == name


@pytest.mark.parametrize("text", ["x" * 500, "word " * 100, "赤い丸" * 100, "नमस्ते " * 60, "𝒳" * 99])
def test_slug_is_short_in_characters_and_bytes(text: str) -> None:
    name = slug(text)
    assert 20 <= len(name) <= 60
    assert len(name.encode()) <= 180
    assert not name.endswith("-")


def test_slug_cuts_between_words() -> None:
    assert slug("a rather long prompt " * 9) == (
        "a-rather-long-prompt-a-rather-long-prompt-a-rather-long"
    )


def test_any_text_makes_a_safe_name() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        text = "".join(chr(draw.randrange(0x3000)) for _ in range(draw.randrange(1, 80)))
        name = slug(text)
        assert name
        assert not set(name) & set('/\\:*?"<>|.\0')
        assert not name.startswith(("-", "."))
        assert printable(name) == name or any(unicodedata.category(char)[0] == "M" for char in name)
