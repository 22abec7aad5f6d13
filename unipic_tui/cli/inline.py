"""Pictures in the terminal, between the lines of a command's output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

from PIL import Image

from unipic_tui.terminal import kitty
from unipic_tui.terminal.capabilities import cell_size, detect_protocol, in_tmux, terminal_answers
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
    if protocol == "kitty":
        shown = "".join(_kitty(scaled, columns, rows))
    else:
        colours = terminal_answers().colours
        palette = reduce_colours(scaled, colours, dither=True)
        shown = encode_band(palette, 0, scaled.height, colours) + "\n"
    sys.stdout.write(shown)
    sys.stdout.flush()


def _cells(image: Image.Image) -> tuple[int, int]:
    """Columns and rows for a picture: not wider than it is worth, not higher than the screen."""
    cell = cell_size()
    terminal = shutil.get_terminal_size()
    enlarged = image.width * max(1.0, _SMALLEST_EDGE / max(image.size))
    columns = max(1, min(round(enlarged / cell[0]), _MOST_COLUMNS, terminal.columns - 1))
    rows = max(4, terminal.lines - _LINES_LEFT_FREE)
    return fit_cells(image.size, (columns, rows), cell)


def _kitty(image: Image.Image, columns: int, rows: int) -> Iterator[str]:
    picture = kitty.new_id()
    for sequence in kitty.transmission(kitty.encode_png(image), picture, columns, rows):
        yield kitty.wrapped_for_tmux(sequence) if in_tmux() else sequence
    for row in range(rows):
        yield kitty.placeholder_line(picture, row, columns) + "\n"


def _show_blocks(image: Image.Image) -> None:
    """The picture as half blocks, in the colours there are."""
    from rich.console import Console

    from unipic_tui.terminal.halfblocks import half_block_pixels, half_block_strips

    terminal = shutil.get_terminal_size()
    area = (min(_MOST_COLUMNS, terminal.columns - 1), max(4, terminal.lines - _LINES_LEFT_FREE))
    console = Console(file=sys.stdout)
    if console.color_system == "standard" and os.environ.get("TERM") not in {"linux", "dumb"}:
        # Few terminal names promise 256 colours, but all terminals with windows have them.
        console = Console(file=sys.stdout, color_system="256")
    pixels = half_block_pixels(image, *fit_cells(image.size, area, (1, 2)))
    lines = [strip.render(console) for strip in half_block_strips(pixels, console)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
