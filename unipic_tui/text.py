"""Text from files, models and people, made harmless to show and to name files with.

This makes text safe for a terminal. It does not escape rich's or Textual's markup: build a
`rich.text.Text`, or a widget with ``markup=False``, from what comes out.
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "…"

_JOINERS = {"\u200c", "\u200d"}
_EMOJI_SELECTORS = {"\ufe0e", "\ufe0f"}
_KEYCAPS = set("0123456789#*")
# Format characters (Cf) that are drawn: signs that span the number or word after them.
_DRAWN_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
# Letters and marks that are not drawn, and so could hide text or make two texts look alike.
_BLANK_LETTERS = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
_MAX_MARKS = 6
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)", re.IGNORECASE)
_SLUG_LENGTH = 60
_SLUG_BYTES = 180


def amount(number: int, noun: str) -> str:
    """``1 picture``, ``3 pictures``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def printable(text: str, newlines: bool = False) -> str:
    """The text with everything made visible that would steer a terminal or hide from the eye.

    Control characters become their Unicode pictures (ESC is shown as ␛) or �; so do bidi controls,
    zero-width and other invisible characters, lone surrogates and endless piles of accents. What
    scripts and emoji need (joiners between their letters, emoji selectors) stays.

    Args:
        text: anything.
        newlines: keep line breaks, and turn tabs into four spaces, instead of showing them.
    """
    if newlines:
        text = re.sub("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]", "\n", text).replace("\t", "    ")
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if char == "\n" and newlines:
            shown.append(char)
        elif category == "Cc":
            shown.append(_control_picture(char))
        elif marks > _MAX_MARKS or _is_hidden(text, index, category):
            shown.append(REPLACEMENT)
        else:
            shown.append(char)
    return "".join(shown)


def _control_picture(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else REPLACEMENT


def _is_hidden(text: str, index: int, category: str) -> bool:
    char = text[index]
    code = ord(char)
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if char in _JOINERS:
        return not (_joins(before) and _joins(after))
    if char in _EMOJI_SELECTORS:
        return not (before and (unicodedata.category(before)[0] in "SP" or before in _KEYCAPS))
    if category == "Cf":
        return code not in _DRAWN_FORMATS
    return (
        category in {"Cs", "Zl", "Zp"}
        or code in _BLANK_LETTERS
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or 0x180B <= code <= 0x180F
        or 0xFDD0 <= code <= 0xFDEF
        or code & 0xFFFE == 0xFFFE
    )


def _joins(char: str) -> bool:
    return bool(char) and not char.isascii() and unicodedata.category(char)[0] in "LMS"


def one_line(text: str, width: int) -> str:
    """The text on one line of at most ``width`` terminal cells, cut with … where it is longer."""
    from rich.cells import cell_len

    # Only so much can be shown, and the input may be megabytes.
    line = printable(" ".join(text[: 8 * max(width, 0) + 8].split()))
    cut = len(text) > 8 * max(width, 0) + 8
    if not cut and cell_len(line) <= width:
        return line
    room = width - 1
    if room < 0:
        return ""
    while cell_len(line) > room:
        line = line[: max(room, 0)] if len(line) > room else line[:-1]
    return line.rstrip() + ELLIPSIS


def slug(text: str, fallback: str = "picture") -> str:
    """A readable part of a file name: letters and digits of any script, words joined by ``-``.

    At most 60 characters (180 bytes in UTF-8), never empty, never with a path separator, a dot or
    a control character, and no name that Windows reserves.

    Args:
        text: anything.
        fallback: the name when nothing of the text can be kept.
    """
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", text[:1000]).lower():
        kind = unicodedata.category(char)[0]
        in_word = bool(kept) and kept[-1] != "-"
        letter = kind in "LN" or (kind == "M" and in_word)
        if letter and not _is_hidden(char, 0, kind):
            kept.append(char)
        elif in_word and (char.isspace() or (kind in "PSZ" and char not in "'’")):
            kept.append("-")
    name = _shorten("".join(kept).strip("-"))
    if not name:
        return fallback
    if _RESERVED.fullmatch(unicodedata.normalize("NFKC", name)):
        return f"{name}-{fallback}"
    return name


def _shorten(name: str) -> str:
    if len(name) <= _SLUG_LENGTH and len(name.encode()) <= _SLUG_BYTES:
        return name
    cut = name[: _SLUG_LENGTH + 1].encode()[: _SLUG_BYTES + 1].decode(errors="ignore")
    words = cut.rpartition("-")[0]
    if len(words) >= len(cut) // 2:
        return words.rstrip("-")
    end = len(cut) - 1
    while end > 0 and unicodedata.category(cut[end])[0] == "M":
        end -= 1
    return cut[:end].rstrip("-")
