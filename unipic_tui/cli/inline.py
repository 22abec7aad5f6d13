"""Pictures in the terminal, between the lines of a command's output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

from PIL import Image

from unipic_tui.terminal import kitty
from unipic_tui.terminal.capabilities import (
    cell_size,
    detect_protocol,
    in_tmux,
    terminal_answers,
)
from unipic_tui.terminal.geometry import fit_cells
from unipic_tui.terminal.sixel import encode_band, reduce_colours

_MOST_COLUMNS = 64
_SMALLEST_EDGE = 256
"""Pixels that the longer side of a small picture is enlarged to."""
_LINES_LEFT_FREE = 4


def show(image: Image.Image, images: str) -> None:
    """Show a picture on the standard output, where that is a terminal.

    Args:
        image: RGB.
        images: ``auto`` for the best the terminal can do, ``kitty``, ``sixel``, ``blocks``, or
            ``none`` for nothing.
    """
    if images == "none" or not sys.stdout.isatty():
        return
    protocol = detect_protocol(images)
    if protocol == "none":
        return
    if protocol == "blocks":
        _show_blocks(image)
        return
    columns, rows = _cells(image)
    cell = cell_size()
    pixels = (columns * cell[0], rows * cell[1])
    enlarges = pixels[0] > image.width
    scaled = image.resize(
        pixels, Image.Resampling.NEAREST if enlarges else Image.Resampling.LANCZOS
    )
    parts = _kitty(scaled, columns, rows) if protocol == "kitty" else _sixel(scaled)
    sys.stdout.write("".join(parts))
    sys.stdout.flush()


def _cells(image: Image.Image) -> tuple[int, int]:
    """Columns and rows for a picture: not wider than it is worth, not higher than the screen."""
    cell = cell_size()
    terminal = shutil.get_terminal_size()
    enlarged = image.width * max(1.0, _SMALLEST_EDGE / max(image.size))
    columns = max(1, min(round(enlarged / cell[0]), _MOST_COLUMNS, terminal.columns - 1))
    rows = max(4, terminal.lines - _LINES_LEFT_FREE)
    return fit_cells(image.size, (columns, rows), cell)


def _sixel(image: Image.Image) -> Iterator[str]:
    colours = terminal_answers().colours
    yield encode_band(reduce_colours(image, colours, dither=True), 0, image.height, colours)
    yield "\n"


def _kitty(image: Image.Image, columns: int, rows: int) -> Iterator[str]:
    picture = kitty.new_id()
    for sequence in kitty.transmission(kitty.encode_png(image), picture, columns, rows):
        yield kitty.wrapped_for_tmux(sequence) if in_tmux() else sequence
    for row in range(rows):
        yield kitty.placeholder_line(picture, row, columns) + "\n"


def _show_blocks(image: Image.Image) -> None:
    """The picture as half blocks, two pixels a cell, in the colours there are."""
    from rich.console import Console
    from rich.text import Text

    terminal = shutil.get_terminal_size()
    area = (min(_MOST_COLUMNS, terminal.columns - 1), max(4, terminal.lines - _LINES_LEFT_FREE))
    columns, rows = fit_cells(image.size, area, (1, 2))
    pixels = image.convert("RGB").resize((columns, 2 * rows), Image.Resampling.BOX).tobytes()
    text = Text(no_wrap=True, end="\n")
    for row in range(rows):
        for column in range(columns):
            upper = 3 * (2 * row * columns + column)
            lower = upper + 3 * columns
            ink = ",".join(map(str, pixels[upper : upper + 3]))
            ground = ",".join(map(str, pixels[lower : lower + 3]))
            text.append("▀", style=f"rgb({ink}) on rgb({ground})")
        if row + 1 < rows:
            text.append("\n")
    console = Console(file=sys.stdout)
    if console.color_system == "standard" and os.environ.get("TERM") not in {"linux", "dumb"}:
        # Few terminal names promise 256 colours, but all terminals with windows have them.
        console = Console(file=sys.stdout, color_system="256")
    console.print(text)
