"""Asking the terminal what it can show, before the app takes the keyboard.

All questions go out together, and the one that every terminal answers goes last: its reply says
that no other will come, so that a terminal without graphics costs no waiting.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

WAIT = 2.0
"""Seconds to wait for the last reply: long enough for a line to the other side of the world."""
QUERY_ID = 31
"""The id of the picture that asks for kitty's graphics; the reply repeats it."""

_ASK_KITTY = f"\x1b_Gi={QUERY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_ASK_CELL = "\x1b[16t"
_ASK_ATTRIBUTES = "\x1b[c"
_ASK_COLOURS = "\x1b[?1;1;0S"
_ASK_LARGEST = "\x1b[?2;4;0S"
_SET_COLOURS = "\x1b[?1;3;256S"

_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_CELL = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_KITTY = re.compile(rb"\x1b_G[^\x1b]*;OK\x1b\\")
_COLOURS = re.compile(rb"\x1b\[\?1;0;(\d+)S")
_LARGEST = re.compile(rb"\x1b\[\?2;0;(\d+);(\d+)S")
_SIXEL_ATTRIBUTE = "4"
_SEQUENCE = re.compile(
    rb"\x1b(?:[P_\]^X].*?(?:\x1b\\|\x07|$)|\[[0-?]*[ -/]*[@-~]|O.|[^\x1b]|)", re.DOTALL
)
_ERASES = {"\x7f", "\b"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the terminal said about itself.

    Attributes:
        complete: it answered the last question; otherwise a reply may still come.
        kitty: it shows pictures sent as kitty does.
        sixel: it shows sixels.
        cell: width and height of a character cell in pixels, where it said so.
        colours: how many colours a sixel picture may have.
        sixel_width: how wide it may be in pixels, where the terminal said so; wider ones are not
            shown at all.
        typed: the text that a person typed meanwhile.
    """

    complete: bool = False
    kitty: bool = False
    sixel: bool = False
    cell: tuple[int, int] | None = None
    colours: int = 256
    sixel_width: int | None = None
    typed: str = ""


def ask_terminal(keyboard: int, screen: int, *, graphics: bool, wait: float = WAIT) -> Answers:
    """Ask a terminal what it can show; of what is typed meanwhile the text is kept.

    Args:
        keyboard, screen: file descriptors of the terminal to read from and to write to.
        graphics: ask for kitty's graphics too. Not everything keeps quiet about that question: a
            terminal multiplexer takes it for a window title.
        wait: seconds to wait for the last reply.
    """
    read = b""

    def ask(question: str) -> bytes:
        nonlocal read
        reply = _exchange(keyboard, screen, question + _ASK_ATTRIBUTES, wait)
        read += reply
        return reply

    with _unbuffered(keyboard):
        reply = ask((_ASK_KITTY if graphics else "") + _ASK_CELL)
        attributes = _ATTRIBUTES.search(reply)
        cell = _CELL.search(reply)
        sixel = attributes is not None and (
            _SIXEL_ATTRIBUTE in attributes[1].decode("ascii").split(";")
        )
        answers = Answers(
            complete=attributes is not None,
            kitty=_KITTY.search(reply) is not None,
            sixel=sixel,
            cell=_cell_size(cell) if cell else None,
        )
        if sixel:
            answers = _with_limits(answers, ask)
    return replace(answers, typed=_typed(read))


def _cell_size(match: re.Match[bytes]) -> tuple[int, int] | None:
    height, width = int(match[1]), int(match[2])
    return (width, height) if width and height else None


def _with_limits(answers: Answers, ask: Callable[[str], bytes]) -> Answers:
    """The answers with the limits on sixels, after asking for 256 colours where there are fewer."""
    reply = ask(_ASK_COLOURS + _ASK_LARGEST)
    if largest := _LARGEST.search(reply):
        answers = replace(answers, sixel_width=int(largest[1]) or None)
    colours = _COLOURS.search(reply)
    if colours and int(colours[1]) < answers.colours:
        colours = _COLOURS.search(ask(_SET_COLOURS)) or colours
    if colours:
        answers = replace(answers, colours=min(256, max(2, int(colours[1]))))
    return answers


def _typed(read: bytes) -> str:
    """What was typed between the replies: text alone, as it stands after its backspaces."""
    text: list[str] = []
    for character in _SEQUENCE.sub(b"", read).decode("utf-8", "ignore"):
        if character in _ERASES:
            del text[-1:]
        elif character.isprintable() or character == "\n":
            text.append(character)
    return "".join(text).strip()


def _exchange(keyboard: int, screen: int, question: str, wait: float) -> bytes:
    """Everything that comes until the reply to the last question, or until time is up."""
    os.write(screen, question.encode("ascii"))
    reply = b""
    end = time.monotonic() + wait
    while not _ATTRIBUTES.search(reply):
        left = end - time.monotonic()
        if left <= 0 or not select.select([keyboard], [], [], left)[0]:
            break
        part = os.read(keyboard, 1024)
        if not part:
            break
        reply += part
    return reply


@contextlib.contextmanager
def _unbuffered(keyboard: int) -> Iterator[None]:
    """Let replies through as they come, unseen, instead of a line at a time."""
    if sys.platform == "win32":
        raise OSError("there is no terminal to ask on this system")
    import termios
    import tty

    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSANOW, before)
