"""The pictures of a session, small: a strip where there is little room, a grid where there is more.

There is no widget for each picture: lines are put together from thumbnails of half blocks, and
only those in sight are made, in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.capabilities import cell_size
from unipic_tui.terminal.rendering import renderer
from unipic_tui.terminal.strips import JoinedStrip
from unipic_tui.ui.commands import GALLERY, key_bindings
from unipic_tui.ui.thumbnail_cache import Loader, ThumbnailCache
from unipic_tui.ui.widgets.tiles import TileLayout, TileLook, tile_lines

_KEPT_TILES = 600


class Gallery(ScrollView, can_focus=True):
    """Shows pictures to choose from.

    Attributes:
        cursor: index of the chosen picture; -1 for none.
        thumbnails: where they come from.
        text_only: a line of words for each picture instead of a thumbnail.
    """

    DEFAULT_CSS = """
    Gallery {
        height: 1fr;
        overflow-x: auto;
        overflow-y: auto;
        scrollbar-size-horizontal: 0;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
    }
    Gallery .gallery--caption { color: $text-muted; }
    Gallery .gallery--favourite { color: $warning; }
    Gallery .gallery--cursor {
        color: $block-cursor-foreground; background: $block-cursor-background;
    }
    Gallery .gallery--cursor-blurred {
        color: $block-cursor-blurred-foreground; background: $block-cursor-blurred-background;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "gallery--caption",
        "gallery--favourite",
        "gallery--cursor",
        "gallery--cursor-blurred",
    }
    cursor: reactive[int] = reactive(-1, init=False)
    text_only: reactive[bool] = reactive(False, init=False)

    @dataclass
    class Selected(Message):
        """The cursor moved to a picture."""

        picture: StoredPicture

    @dataclass
    class Opened(Message):
        """A picture was chosen to be looked at."""

        picture: StoredPicture

    def __init__(self, load: Loader) -> None:
        super().__init__()
        self._pictures: Sequence[StoredPicture] = ()
        self._labels: Mapping[int, str] = {}
        self.thumbnails = ThumbnailCache(load)
        self._tiles = TileLayout.fitted(1, 1, 0, text=False)
        self._look: TileLook | None = None
        self._drawn: dict[int, list[Strip]] = {}
        self._lines: dict[int, Strip] = {}
        self._wake = asyncio.Event()

    # what it shows

    @property
    def picture(self) -> StoredPicture | None:
        """The chosen picture."""
        return self._pictures[self.cursor] if 0 <= self.cursor < len(self._pictures) else None

    def set_pictures(
        self,
        pictures: Sequence[StoredPicture],
        selected: int | None,
        labels: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """Show these pictures; nothing is posted.

        Args:
            pictures: in order; the sequence must not change afterwards.
            selected: id of the chosen one; one that is not among them chooses none.
            labels: captions by picture, of those that their prompt does not tell apart.
        """
        self._pictures, self._labels = pictures, labels
        cursor = -1
        if selected is not None:
            places = (index for index, picture in enumerate(pictures) if picture.id == selected)
            cursor = next(places, -1)
        with self.prevent(self.Selected):
            self.cursor = cursor
        self._arrange()

    def watch_cursor(self, before: int, now: int) -> None:
        """Bring the chosen picture into sight, and tell."""
        self._redraw([before, now])
        self._wake.set()
        self._reveal_cursor()
        if picture := self.picture:
            self.post_message(self.Selected(picture))

    def watch_text_only(self) -> None:
        """Words or pictures."""
        self._arrange()

    # moving

    @GALLERY.command("gallery.left", "left,h", "Left", args=(-1, 0))
    @GALLERY.command("gallery.right", "right,l", "Right", args=(1, 0))
    @GALLERY.command("gallery.up", "up,k", "Up", args=(0, -1))
    @GALLERY.command("gallery.down", "down,j", "Down", args=(0, 1))
    def action_move(self, right: int, down: int) -> None:
        """Go to the next picture in that direction."""
        self._go(self.cursor + right + down * self._tiles.across, stay=bool(down))

    @GALLERY.command("gallery.page-back", "pageup", "Page back", args=(-1,))
    @GALLERY.command("gallery.page-on", "pagedown", "Page forward", args=(1,))
    def action_page(self, pages: int) -> None:
        """Go on or back by as many pictures as are in sight."""
        tiles = self._tiles
        rows = 1 if tiles.layout == "strip" else max(1, self.size.height // tiles.height)
        across = max(1, self.size.width // tiles.width) if tiles.layout == "strip" else tiles.across
        self._go(self.cursor + pages * rows * across)

    @GALLERY.command("gallery.first", "home", "First")
    def action_first(self) -> None:
        """Go to the first picture."""
        self._go(0)

    @GALLERY.command("gallery.last", "end", "Last")
    def action_last(self) -> None:
        """Go to the last picture."""
        self._go(len(self._pictures) - 1)

    @GALLERY.command("gallery.open", "enter", "View", hint="View", rank=1)
    def action_open(self) -> None:
        """Look at the picture full screen."""
        if picture := self.picture:
            self.post_message(self.Opened(picture))

    def _go(self, index: int, *, stay: bool = False) -> None:
        """Move the cursor; beyond the ends it stops there, or stays where it is."""
        last = len(self._pictures) - 1
        if last < 0 or (stay and not 0 <= index <= last and self.cursor >= 0):
            return
        self.cursor = min(max(0, index), last)

    def on_click(self, event: events.Click) -> None:
        """Choose a picture, and open it at the second click."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = self._tiles.at(offset.x + self.scroll_offset.x, offset.y + self.scroll_offset.y)
        if index is None or index >= len(self._pictures):
            return
        event.stop()
        self.cursor = index
        if event.chain == 2:
            self.action_open()

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A strip goes on to the right, and most wheels only turn one way."""
        if self._tiles.layout == "strip":
            event.stop()
            self.scroll_relative(x=2 * self._tiles.width, animate=False)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Back to the left."""
        if self._tiles.layout == "strip":
            event.stop()
            self.scroll_relative(x=-2 * self._tiles.width, animate=False)

    def _reveal_cursor(self) -> None:
        if self.cursor >= 0 and self.size:
            x, y = self._tiles.place(self.cursor)
            tile = Region(x, y, self._tiles.width, self._tiles.height)
            self.scroll_to_region(tile, animate=False, force=True)

    # drawing

    def on_mount(self) -> None:
        """Make thumbnails from now on."""
        self.run_worker(self._make_thumbnails(), group="thumbnails", name="thumbnails")

    def on_resize(self) -> None:
        """Another size may want another layout."""
        self._arrange()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Other pictures come into sight."""
        self._scrolled()
        super().watch_scroll_x(old_value, new_value)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other pictures come into sight."""
        self._scrolled()
        super().watch_scroll_y(old_value, new_value)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different."""
        super().watch_has_focus(has_focus)
        self._look = None
        self._redraw([self.cursor])

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._look = None
        self._drawn.clear()
        self._lines.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are, without what Textual does to each of their many colours."""
        if self.styles.gutter or crop.column_span != (0, self.size.width):
            return super().render_lines(crop)
        return [self.render_line(y) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        """One line of all the tiles it crosses."""
        line = self._lines.get(y)
        if line is None:
            line = self._lines[y] = self._line(y)
        return line

    def _arrange(self) -> None:
        width, height = self.scrollable_content_region.size
        count = len(self._pictures)
        self._tiles = TileLayout.fitted(width, height, count, text=self.text_only)
        self.virtual_size = Size(*self._tiles.total(count))
        self._drawn.clear()
        self._lines.clear()
        self.refresh()
        self._wake.set()
        self._reveal_cursor()

    def _scrolled(self) -> None:
        self._lines.clear()
        self._wake.set()

    def _redraw(self, indices: Sequence[int]) -> None:
        """Redraw some tiles."""
        height = self._tiles.height
        tops = set()
        for index in indices:
            self._drawn.pop(index, None)
            tops.add(self._tiles.place(max(0, index))[1] - self.scroll_offset.y)
        for top in tops:
            for y in range(top, top + height):
                self._lines.pop(y, None)
            self.refresh(Region(0, top + self.styles.gutter.top, self.size.width, height))

    def _line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        x, line = self.scroll_offset.x, y + self.scroll_offset.y
        ground = self._styles().ground
        tiles = self._tiles.row(line, x, width)
        parts = [
            self._tile(index)[line % self._tiles.height]
            for index in tiles
            if index < len(self._pictures)
        ]
        start = x - self._tiles.place(tiles.start)[0]
        rest = start + width - sum(part.cell_length for part in parts)
        if rest > 0:
            parts.append(Strip([Segment(" " * rest, ground)], rest))
        if start or rest < 0:
            parts = _cut(parts, start, width)
        if under_scrollbar := self.size.width - width - self.styles.gutter.width:
            parts.append(Strip([Segment(" " * under_scrollbar, ground)], under_scrollbar))
        return JoinedStrip(parts)

    def _tile(self, index: int) -> list[Strip]:
        drawn = self._drawn.get(index)
        if drawn is None:
            if len(self._drawn) > _KEPT_TILES:
                self._drawn.clear()
            picture = self._pictures[index]
            drawn = self._drawn[index] = tile_lines(
                picture,
                index + 1,
                self._labels.get(picture.id, ""),
                self._tiles,
                self.thumbnails.get(picture, self._tiles.picture),
                chosen=index == self.cursor,
                look=self._styles(),
            )
        return drawn

    def _styles(self) -> TileLook:
        if self._look is None:
            ground = self.rich_style
            cursor = "gallery--cursor" if self.has_focus else "gallery--cursor-blurred"
            self._look = TileLook(
                ground,
                ground + self.get_component_rich_style("gallery--caption", partial=True),
                ground + self.get_component_rich_style("gallery--favourite", partial=True),
                self.get_component_rich_style(cursor),
            )
        return self._look

    async def _make_thumbnails(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            size = self._tiles.picture
            missing = self._missing()
            if not missing or self.text_only or not self.is_on_screen:
                continue
            pictures = [self._pictures[index] for index in missing]
            make = partial(self.thumbnails.make_some, pictures, size, cell_size(), self.app.console)
            made = await renderer().thumbnails.run(make)
            self.thumbnails.keep(pictures, size, made)
            self._redraw(missing[: len(made)])
            self._wake.set()

    def _missing(self) -> list[int]:
        """Indices of what is in sight and has no thumbnail, the chosen picture first."""
        width, height = self.size
        size = self._tiles.picture
        x, y = self.scroll_offset
        wanted = [self.cursor] if self.picture else []
        for line in range(y, y + height, self._tiles.height):
            wanted += self._tiles.row(line, x, width)
        if height and height % self._tiles.height:
            wanted += self._tiles.row(y + height - 1, x, width)
        there = (at for at in dict.fromkeys(wanted) if 0 <= at < len(self._pictures))
        return [at for at in there if self.thumbnails.get(self._pictures[at], size) is None]


def _cut(parts: Sequence[Strip], start: int, width: int) -> list[Strip]:
    """The strips from a column on; those cut through lose their own writing."""
    kept: list[Strip] = []
    end = start + width
    at = 0
    for part in parts:
        left, right = max(start - at, 0), min(end - at, part.cell_length)
        if left < right:
            kept.append(part.crop(left, right))
        at += part.cell_length
    return kept
