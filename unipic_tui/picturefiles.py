"""Picture files before they are decoded: what they are, and what stands in a decoder's way."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

HEAD = 32
"""How many bytes from the start of a file tell what it is."""

_STARTS = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM",
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
)  # fmt: skip
_PNG = _STARTS[0]
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_EXTRAS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"})
_JPEG_END = b"\xff\xd9"
_MORE = b"\xd2\x4b\xb4\x2d" * 64
_MOST_CHUNKS = 200_000
_EXTRA_LIMIT = 1 << 20
"""Most bytes, unpacked, of a text or a profile in a PNG; Pillow refuses the file beyond that."""
_EXTRAS_LIMIT = 32 << 20


def is_picture(head: bytes) -> bool:
    """Whether a file that starts so is a picture, readable or not."""
    if head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    plain = head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace()
    return plain or _brand(head) in _AVIF | _HEIC


def is_heic(head: bytes) -> bool:
    """Whether a file that starts so is HEIC (HEIF), which takes a further package to read."""
    if _brand(head) not in _HEIC:
        return False
    return not any(head[place : place + 4] in _AVIF for place in range(16, len(head) - 3, 4))


def _brand(head: bytes) -> bytes:
    return head[8:12] if head[4:8] == b"ftyp" else b""


@cache
def read_heic() -> bool:
    """Have Pillow read HEIC; whether the package for it is there."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


@cache
def quiet_libtiff() -> None:
    """Keep libtiff from writing to the standard error: what is wrong is raised as well."""
    from PIL import _imaging

    with contextlib.suppress(AttributeError, OSError):
        libtiff = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(libtiff, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)


def without_excess(file: BinaryIO) -> BinaryIO:
    """The file, or a PNG without the texts and profiles that are too large or broken."""
    if file.read(len(_PNG)) != _PNG:
        file.seek(0)
        return file
    total, dropped = 0, list[tuple[int, int]]()
    for start, kind, length in png_chunks(file):
        if kind in _EXTRAS:
            data = file.read(min(length, _EXTRAS_LIMIT) + 4)
            body = chunk_text(kind, data[:-4], _EXTRA_LIMIT + 1)
            size = len(body) if len(data) == length + 4 else _EXTRAS_LIMIT
            intact = data[-4:] == zlib.crc32(kind + data[:-4]).to_bytes(4, "big")
            if size > _EXTRA_LIMIT or total + size > _EXTRAS_LIMIT or not intact:
                dropped.append((start, start + 12 + length))
            else:
                total += size
    file.seek(0)
    return _without(file, dropped) if dropped else file


def png_chunks(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Start, kind and length of each chunk of a PNG, whose data the file gives next."""
    start = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        header = file.read(8)
        if len(header) < 8 or header[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", header)
        yield start, kind, length
        start += 12 + length


def chunk_text(kind: bytes, data: bytes, limit: int) -> bytes:
    """What stands behind the keyword of a PNG's text or profile; unpacked, at most ``limit`` bytes.

    Nothing of what is broken.
    """
    body = data.partition(b"\0")[2]
    packed = kind in {b"zTXt", b"iCCP"}
    if kind == b"iTXt":
        packed = body[:1] == b"\1"
        body = body[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif packed:
        body = body[1:]
    try:
        return zlib.decompressobj().decompress(body, limit) if packed else body
    except zlib.error:
        return b""


def _without(file: BinaryIO, dropped: list[tuple[int, int]]) -> BinaryIO:
    kept, start = [], 0
    for first, end in dropped:
        file.seek(start)
        kept.append(file.read(first - start))
        start = end
    file.seek(start)
    return io.BytesIO(b"".join((*kept, file.read())))


def ended_jpeg(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG file that lacks its end mark, with one, and the same with further data before it.

    Both show the same picture if and only if nothing else is missing: the decoder has then no use
    for more data.
    """
    body = data.rstrip(b"\xff")
    return body + _JPEG_END, body + _MORE + _JPEG_END
