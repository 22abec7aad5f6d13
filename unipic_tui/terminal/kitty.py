"""Pictures sent as kitty does: the pixels once, and then placeholder characters in cells.

textual-image draws these too, but sends and frees them from inside its renderables: on the event
loop, as a whole, and with a request to free that frees nothing. Its table of marks is used.
"""

from __future__ import annotations

import base64
import contextlib
import io
import sys
from collections.abc import Iterator
from functools import cache
from itertools import count
from random import randrange

from PIL import Image

MAX_LINES = 255
"""Most columns and most lines of a picture: there is a mark for each number."""
_CHUNK = 4096
_PLACEHOLDER = "\U0010eeee"
# 24 bits are told by a cell's colour. Another program's pictures in the same terminal have ids
# too: a random start makes it unlikely to meet them.
_ids = count(randrange(1, 1 << 23))


def new_id() -> int:
    """An id that no other picture of this process has, 1 to 2**24 - 1."""
    return next(_ids) % ((1 << 24) - 1) + 1


def encode_png(image: Image.Image) -> list[str]:
    """The picture as PNG in base64, in pieces as small as the protocol wants them."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=2)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]


def transmission(pieces: list[str], picture: int, columns: int, rows: int) -> Iterator[str]:
    """The sequences that give the terminal a picture, to be written in this order.

    Between them other text may be written, but no other sequence of this protocol.

    Args:
        picture: its id.
        columns, rows: the cells it will fill.
    """
    last = len(pieces) - 1
    for index, piece in enumerate(pieces):
        yield _command(f"i={picture},f=100,q=2,m={0 if index == last else 1}", piece)
    yield _command(f"a=p,U=1,i={picture},c={columns},r={rows},q=2")


def abandon(picture: int) -> str:
    """Ends a transmission half way, and forgets what was sent."""
    return _command(f"i={picture},q=2,m=0") + free(picture)


def free(picture: int) -> str:
    """Has the terminal forget a picture, its pixels included, and say nothing about it."""
    return _command(f"a=d,d=I,i={picture},q=2")


def placeholder_line(picture: int, row: int, columns: int) -> str:
    """The characters, with their colour, that show one line of a picture."""
    marks = _marks()
    red, green, blue = picture >> 16 & 0xFF, picture >> 8 & 0xFF, picture & 0xFF
    cells = "".join(_PLACEHOLDER + marks[row] + marks[column] for column in range(columns))
    return f"\x1b[0;38;2;{red};{green};{blue}m{cells}\x1b[0m"


def wrapped_for_tmux(sequence: str) -> str:
    """The sequence as tmux passes it on to the terminal it runs in (``allow-passthrough``)."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _command(keys: str, payload: str = "") -> str:
    return f"\x1b_G{keys};{payload}\x1b\\" if payload else f"\x1b_G{keys}\x1b\\"


@cache
def _marks() -> list[str]:
    """The combining mark that stands for each number, as kitty's documentation lists them."""
    with _without_terminal():
        from textual_image.renderable import tgp
    return [chr(code) for code in tgp._NUMBER_TO_DIACRITIC]


@contextlib.contextmanager
def _without_terminal() -> Iterator[None]:
    """Keep textual-image from questioning the terminal, which it does when it is imported.

    0.12.0 asks one question after another and waits 0.1 s for each; what comes later is taken for
    typed keys. It asks nothing where standard output is no terminal.
    """
    output = sys.__stdout__
    sys.__stdout__ = None  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stdout__ = output  # type: ignore[misc]
