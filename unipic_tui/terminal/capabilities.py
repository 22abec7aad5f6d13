"""The terminal the app runs in: prepared before Textual is imported, and what it can show.

Nothing here imports Textual, which reads its environment when it is imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal, TextIO, get_args

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.streams import open_lenient
from unipic_tui.terminal.probe import Answers, ask_terminal

Protocol = Literal["kitty", "sixel", "blocks", "none"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
DEFAULT_CELL = (10, 20)
"""Width and height of a cell, in pixels, of a terminal that does not say."""

_LOG_NAME = "terminal.log"
# Terminals that print the question for kitty's graphics instead of ignoring it.
_DUMB_TERMINALS = {"dumb", "unknown", ""}
_PLAIN_TERMINALS = {"linux", *_DUMB_TERMINALS}


class _Terminal:
    """What was found out about this process's terminal, once."""

    answers: Answers | None = None
    parted = False


def prepare_terminal(log_file: Path | None = None) -> None:
    """Make ready for the app: call it once, before Textual is imported.

    It asks the terminal what it can show, lets Textual use 24-bit colours where the terminal shows
    pictures (an SSH session does not hear of them otherwise, and kitty's pictures stay blank
    without), and sends what C code writes on descriptor 2 to a log file, because Textual draws on
    that descriptor.

    Args:
        log_file: where that goes; a file in the program's log folder by default.
    """
    answers = terminal_answers()
    if not _says_truecolor() and (answers.kitty or answers.sixel or in_tmux()):
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "truecolor")
    _part_errors_from_screen(log_file)


def detect_protocol(requested: str) -> Protocol:
    """How pictures are shown.

    Args:
        requested: ``auto`` takes the best the terminal said it can, blocks inside a terminal
            multiplexer, nothing where it can only show text; anything in `PROTOCOLS` is taken at
            its word.

    Raises:
        InputError: the name is unknown.
    """
    if requested == "auto":
        return _best_protocol()
    for protocol in PROTOCOLS:
        if requested == protocol:
            return protocol
    raise InputError(
        f"Pictures cannot be shown as {requested!r}: use one of auto, {', '.join(PROTOCOLS)}."
    )


def is_dumb() -> bool:
    """Whether ``TERM`` promises no more than lines of text: it is ``dumb``, or not set."""
    term = os.environ.get("TERM", "").strip().lower()
    # Windows has no TERM, nor has what textual-serve runs in a browser.
    return (
        term in _DUMB_TERMINALS and sys.platform != "win32" and not os.environ.get("TEXTUAL_DRIVER")
    )


def terminal_answers() -> Answers:
    """What the terminal said. It is asked once, which must be before the app takes the keyboard."""
    if _Terminal.answers is None:
        _Terminal.answers = _ask()
    return _Terminal.answers


def cell_size() -> tuple[int, int]:
    """Width and height of a character cell in pixels, as it is now."""
    said = _Terminal.answers.cell if _Terminal.answers else None
    return _measured_cell() or said or _told_cell() or DEFAULT_CELL


def in_tmux() -> bool:
    """Whether the app runs inside tmux, which passes kitty's pictures on only when wrapped."""
    return bool(os.environ.get("TMUX")) or os.environ.get("TERM", "").startswith("tmux")


def _in_multiplexer() -> bool:
    return (
        in_tmux()
        or bool(os.environ.get("STY"))
        or os.environ.get("TERM", "").startswith(("screen", "tmux"))
    )


def _best_protocol() -> Protocol:
    """Sixel before kitty: who offers both (WezTerm, Konsole) lacks what kitty's needs here."""
    if is_dumb():
        return "none"
    if _in_multiplexer():
        return "blocks"
    answers = terminal_answers()
    if answers.sixel:
        return "sixel"
    return "kitty" if answers.kitty else "blocks"


def _ask() -> Answers:
    screen = _tty()
    term = os.environ.get("TERM", "")
    keyboard = _descriptor(sys.__stdin__)
    if screen is None or keyboard is None or not os.isatty(keyboard) or is_dumb():
        return Answers()
    try:
        return ask_terminal(
            keyboard, screen, graphics=not _in_multiplexer() and term not in _PLAIN_TERMINALS
        )
    except OSError:
        return Answers()


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError):  # closed, or not backed by a file
        return None


def _tty() -> int | None:
    """The descriptor that Textual draws on, or standard output, if that is a terminal."""
    for stream in (sys.__stderr__, sys.__stdout__):
        descriptor = _descriptor(stream)
        if descriptor is not None and os.isatty(descriptor):
            return descriptor
    return None


def _says_truecolor() -> bool:
    return os.environ.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}


def _measured_cell() -> tuple[int, int] | None:
    """The cell as the terminal's driver knows it; many say 0."""
    screen = _tty()
    if screen is None or sys.platform == "win32":
        return None
    import fcntl
    import struct
    import termios

    try:
        reply = fcntl.ioctl(screen, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("4H", reply)
    if not (rows and columns and width // columns and height // rows):
        return None
    return width // columns, height // rows


def _told_cell() -> tuple[int, int] | None:
    """The cell as textual-serve tells it to what it runs in a browser."""
    try:
        width = int(os.environ["TEXTUAL_CELL_WIDTH"])
        height = int(os.environ["TEXTUAL_CELL_HEIGHT"])
    except (KeyError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _part_errors_from_screen(log_file: Path | None) -> None:
    """Point descriptor 2 at a file; Python's own ``stderr`` stays on the terminal."""
    if _Terminal.parted or not os.isatty(2):
        return
    _Terminal.parted = True
    if sys.stderr is not None:
        sys.stderr.flush()
    # Textual's thread that draws must outlive a closed terminal, or the app waits for it for ever.
    terminal = open_lenient(os.dup(2))
    log = _open_log(log_file or paths.log_dir() / _LOG_NAME)
    os.dup2(log, 2)
    os.close(log)
    # Textual draws on `sys.__stderr__`; `sys.stderr` prints what is said before and after.
    sys.__stderr__ = terminal  # type: ignore[misc]
    sys.stderr = terminal


def _open_log(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError:  # a log is not worth refusing to start
        return os.open(os.devnull, os.O_WRONLY)
