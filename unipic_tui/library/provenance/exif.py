"""Texts in EXIF: of either byte order, and in whatever encoding a tool has put there."""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterator

from unipic_tui.library.provenance.texts import EmbeddedText
from unipic_tui.library.provenance.xmp import xmp_texts

_NAMES = {
    0x010D: "DocumentName", 0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model",
    0x0131: "Software", 0x013B: "Artist", 0x9286: "UserComment", 0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
}  # fmt: skip
_XMP = 0x02BC
_POINTER = 0x8769
_MAKER_NOTE = 0x927C
_BYTES = frozenset({1, 2, 7})
"""Types of a byte each: BYTE, ASCII, UNDEFINED."""
_MOST_TAGS = 1000
_SHORTEST = 5
"""Fewest bytes of a value that is looked at; shorter ones lie in the tag itself."""
_MARKS = (b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0\0\0\0\0\0\0\0", b"UNICODE", b"ASCII")
_SAMPLE = 4000


def exif_texts(data: bytes) -> Iterator[EmbeddedText]:
    """The texts of an EXIF block, with or without ``Exif`` in front of its header."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return
    waiting = [struct.unpack_from(f"{order}I", data, 4)[0]]
    seen: set[int] = set()
    while waiting:
        place = waiting.pop(0)
        if place in seen or place + 2 > len(data):
            continue
        seen.add(place)
        (count,) = struct.unpack_from(f"{order}H", data, place)
        for index in range(min(count, _MOST_TAGS)):
            start = place + 2 + 12 * index
            if start + 12 > len(data):
                break
            tag, kind, length, offset = struct.unpack_from(f"{order}HHII", data, start)
            if tag == _POINTER and len(seen) == 1:
                waiting.append(offset)
            elif kind in _BYTES and length >= _SHORTEST and tag != _MAKER_NOTE:
                value = data[offset : offset + length]
                if tag == _XMP:
                    yield from xmp_texts(value)
                elif value:
                    yield EmbeddedText(_NAMES.get(tag, f"exif {tag:#06x}"), decode(value))


def decode(data: bytes) -> str:
    """The text of a comment; of all readings of its bytes the most plausible one.

    What its mark says is only a hint: tools write UTF-8 behind ``UNICODE``, either byte order of
    UTF-16 in either byte order of EXIF, no mark at all, and pad with NULs.
    """
    mark = next((mark for mark in _MARKS if data[: len(mark)].upper() == mark), b"")
    body = data[len(mark) :]
    readings = [_utf8(body), _utf16(body, "utf-16-be"), _utf16(body, "utf-16-le")]
    if mark.startswith(b"UNICODE"):
        readings = [*readings[1:], readings[0]]
    best = max(readings, key=_plausibility)
    return best if _plausibility(best) > 0 else ""


def _utf8(data: bytes) -> str:
    data = data.strip(b"\0").removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _utf16(data: bytes, encoding: str) -> str:
    text = data[: len(data) // 2 * 2].decode(encoding, errors="replace")
    return text.strip("\0\ufeff")


def _plausibility(text: str) -> float:
    """How much a text looks like one, -4 to 2; of several readings of bytes one stands out."""
    sample = text[:_SAMPLE]
    return sum(map(_weight, sample)) / len(sample) if sample else 0.0


def _weight(char: str) -> float:
    if " " <= char <= "~" or char in "\n\r\t":
        return 2.0
    category = unicodedata.category(char)
    if category[0] == "C" or char == "\ufffd":
        return -4.0
    return 0.5 if " " <= char <= "\xff" else 1.0
