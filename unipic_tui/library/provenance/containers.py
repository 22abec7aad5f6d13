"""The texts that lie in a picture file, wherever a tool may have put them.

PNG: ``tEXt``, ``zTXt``, ``iTXt`` and ``eXIf`` before and behind the pixels. JPEG: EXIF, XMP (in
several segments too) and the comment. WebP: EXIF and XMP. Other formats: what Pillow finds.
Nothing in the file is trusted: sizes are limited, and what does not fit is passed over.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from unipic_tui.files import open_ordinary
from unipic_tui.library.provenance.exif import decode, exif_texts
from unipic_tui.library.provenance.texts import EmbeddedText, Texts
from unipic_tui.library.provenance.xmp import xmp_texts
from unipic_tui.picturefiles import chunk_text, png_chunks
from unipic_tui.pictures import open_image

TEXT_LIMIT = 16_000_000
"""Most bytes of one text, unpacked, that are looked at; graphs of 3 MB are in circulation."""

_TOTAL_LIMIT = 64_000_000
_MOST_TEXTS = 200
_XMP_KEY = "XML:com.adobe.xmp"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_RAW_PROFILES = frozenset({"Raw profile type exif", "Raw profile type APP1"})


def read_texts(path: str | Path) -> Texts:
    """The texts of a picture file.

    Raises:
        InputError: the file is no picture, or is damaged.
        StorageError: it is missing or cannot be read.
    """
    with open_image(path, any_size=True) as image:
        kind, info, segments = image.format, dict(image.info), getattr(image, "applist", [])
    found: list[EmbeddedText] = []
    total = 0
    with contextlib.suppress(OSError, struct.error, ValueError), open_ordinary(path) as file:
        if kind == "PNG":
            items = _png(file)
        elif kind == "TIFF":
            items = exif_texts(file.read(TEXT_LIMIT))
        else:
            items = _jpeg(segments) if kind in {"JPEG", "MPO"} else _other(info)
        for item in items:
            total += len(item.text)
            if total > _TOTAL_LIMIT or len(found) >= _MOST_TEXTS:
                break
            found.append(item)
    return Texts(found)


def _png(file: BinaryIO) -> Iterator[EmbeddedText]:
    for _, kind, length in png_chunks(file):
        if kind in {b"tEXt", b"zTXt", b"iTXt", b"eXIf"} and length <= TEXT_LIMIT:
            data = file.read(length)
            yield from exif_texts(data) if kind == b"eXIf" else _png_text(kind, data)


def _png_text(kind: bytes, data: bytes) -> Iterator[EmbeddedText]:
    key = data.partition(b"\0")[0][:80].decode("latin-1")
    body = chunk_text(kind, data, TEXT_LIMIT + 1)
    if len(body) > TEXT_LIMIT:
        return
    if key == _XMP_KEY:
        yield from xmp_texts(body)
    elif key in _RAW_PROFILES:
        with contextlib.suppress(ValueError, IndexError):
            # A line with the name, one with the length, then hexadecimal digits.
            yield from exif_texts(bytes.fromhex(body.decode("ascii").split(None, 2)[2]))
    else:
        # The standard says Latin-1 for tEXt; tools write UTF-8 into it all the same.
        yield EmbeddedText(key, _utf8(body))


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").rstrip("\0")
    except UnicodeDecodeError:
        return data.decode("latin-1").rstrip("\0")


def _jpeg(segments: Sequence[tuple[str, bytes]]) -> Iterator[EmbeddedText]:
    extended: dict[int, bytes] = {}
    comments: list[bytes] = []
    for kind, data in segments:
        if kind == "APP1" and data.startswith(b"Exif\0"):
            yield from exif_texts(data)
        elif kind == "APP1" and data.startswith(_JPEG_XMP):
            yield from xmp_texts(data[len(_JPEG_XMP) :])
        elif kind == "APP1" and data.startswith(_JPEG_MORE_XMP):
            start = len(_JPEG_MORE_XMP) + 32
            if len(data) > start + 8 and len(extended) < _MOST_TEXTS:
                extended[int.from_bytes(data[start + 4 : start + 8], "big")] = data[start + 8 :]
        elif kind == "COM" and len(comments) < _MOST_TEXTS:
            comments.append(data)
    if extended:
        yield from xmp_texts(b"".join(extended[offset] for offset in sorted(extended)))
    for comment in comments:
        yield EmbeddedText("comment", decode(comment))
    if len(comments) > 1:  # one that was too long for a segment
        yield EmbeddedText("comment", decode(b"".join(comments)))


def _other(info: dict[Any, Any]) -> Iterator[EmbeddedText]:
    """From what Pillow finds: EXIF and XMP of WebP and AVIF, GIF's comment."""
    for key, read in (("exif", exif_texts), ("xmp", xmp_texts)):
        data = info.get(key)
        if isinstance(data, bytes) and len(data) <= TEXT_LIMIT:
            yield from read(data)
    comment = info.get("comment")
    if isinstance(comment, bytes) and len(comment) <= TEXT_LIMIT:
        yield EmbeddedText("comment", decode(comment))
