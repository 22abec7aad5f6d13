"""Draws one tile of a gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.strips import JoinedStrip
from unipic_tui.text import one_line, printable
from unipic_tui.ui.widgets.tile_layout import TileLayout

FAVOURITE = "★"
_LEFT_BAR, _RIGHT_BAR = "▐", "▌"
_WIDE = 90
"""Cells from which a list has room for names of files."""
_WAITING, _UNREADABLE = "·", "✗"


@dataclass(frozen=True, slots=True)
class TileLook:
    """The styles of tiles: the ground, captions, the mark of favourites, and the chosen tile."""

    ground: Style
    caption: Style
    favourite: Style
    chosen: Style


def tile_lines(
    picture: StoredPicture,
    place: int,
    label: str,
    tiles: TileLayout,
    thumbnail: Sequence[Strip] | None,
    *,
    chosen: bool,
    look: TileLook,
) -> list[Strip]:
    """A tile's lines, all as wide as the tile.

    Args:
        place: what the caption calls it, counted from 1.
        label: what tells it from those it was made with; empty where the prompt does.
        thumbnail: lines of one width that fit into ``tiles.picture``; none where the picture cannot
            be read; ``None`` where it is still to be made.
        chosen: whether the cursor is on it.
    """
    caption = _caption(picture, place, label, tiles, chosen, look)
    if tiles.layout == "list":
        return [caption]
    bar = Style(color=look.chosen.bgcolor, bgcolor=look.ground.bgcolor) if chosen else look.ground
    left = _cells(_LEFT_BAR if chosen else " ", bar)
    right = _cells(_RIGHT_BAR if chosen else " ", bar)
    columns, rows = tiles.picture
    lines: list[Strip] = []
    for line in range(rows):
        at = line - (rows - len(thumbnail or ())) // 2
        if not thumbnail:
            sign = _WAITING if thumbnail is None else _UNREADABLE
            words = sign.center(columns) if line == rows // 2 else " " * columns
            middle = [_cells(words, look.caption)]
        elif 0 <= at < len(thumbnail):
            room = columns - thumbnail[at].cell_length
            before = _cells(" " * (room // 2), look.ground)
            middle = [before, thumbnail[at], _cells(" " * (room - room // 2), look.ground)]
        else:
            middle = [_cells(" " * columns, look.ground)]
        lines.append(JoinedStrip([left, *middle, right]))
    return [*lines, caption]


def _caption(
    picture: StoredPicture, place: int, label: str, tiles: TileLayout, chosen: bool, look: TileLook
) -> Strip:
    width, prompt = tiles.width, picture.job.prompt
    if tiles.layout == "list":
        name = printable(picture.path.name)
        facts = f"  {picture.width}×{picture.height}" + (f"  {name}" if width >= _WIDE else "")
        words = f"{place} {f'{label} · ' if label else ''}{prompt}"
        words = one_line(words, max(0, width - len(facts) - 2)) + facts
    elif len(f"{place} {label}") > width - 2 and label:
        # The values alone, and what changes fastest first: ``3 purple`` of ``purple, guidance 3``.
        words = " ".join(part.rpartition(" ")[2] for part in reversed(label.split(", ")))
    else:
        words = f"{place} {label or prompt}"
    words = set_cell_size(one_line(words, width - 2), max(0, width - 1))
    mark = FAVOURITE if picture.favourite else " "
    return Strip(
        [
            Segment(mark, look.chosen if chosen else look.favourite),
            Segment(words, look.chosen if chosen else look.caption),
        ],
        width,
    )


@lru_cache(maxsize=256)
def _cells(text: str, style: Style) -> Strip:
    """Cells of one style: the same few are everywhere."""
    return Strip([Segment(text, style)] if text else [], len(text))
