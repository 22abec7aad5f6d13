"""What a picture file shows, as a hash of its pixels, and whether the file is whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL.Image import Image

from unipic_tui.files import open_ordinary

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = b"\0\0\0\rIHDR"
_END = b"\0\0\0\0IEND\xaeB`\x82"


def content_hash(image: Image) -> str:
    """A hash of what the picture shows: the same for every file that shows exactly that."""
    if image.mode != "RGB":
        image = image.convert("RGB")
    head = f"{image.width} {image.height} ".encode()
    return hashlib.blake2b(head + image.tobytes(), digest_size=16).hexdigest()


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG; ``None`` where the file does not start and end as a PNG does.

    A file that was cut short is found so without decoding it; damage inside is not.

    Raises:
        StorageError: it cannot be read.
    """
    with open_ordinary(path) as file:
        head = file.read(len(_SIGNATURE) + len(_HEADER) + 8)
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_END)))
        end = file.read()
    if not head.startswith(_SIGNATURE + _HEADER) or len(head) < 24 or end != _END:
        return None
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
