"""The pictures of a session, small: a strip where there is little room, a grid where there is more.

There is no widget for each picture: lines are put together from thumbnails of half blocks, and
only those in sight are made, in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from unipic_tui.library.records import StoredPicture
from unipic_tui.text import one_line, printable
from unipic_tui.ui.pictures.rendering import renderer
from unipic_tui.ui.pictures.strips import JoinedStrip
from unipic_tui.ui.pictures.terminal import cell_size
from unipic_tui.ui.pictures.thumbnails import Loader, Thumbnails, load_small
from unipic_tui.ui.widgets.tiles import Tiles

FAVOURITE = "★"
_LEFT_BAR, _RIGHT_BAR = "▐", "▌"
_WAITING, _UNREADABLE = "·", "✗"


class Gallery(ScrollView, can_focus=True):
    """Shows pictures to choose from.

    Attributes:
        cursor: index of the chosen picture; -1 for none.
        text_only: a line of words for each picture instead of a thumbnail.
    """

    DEFAULT_CSS = """
    Gallery {
        height: 1fr;
        overflow-x: auto;
        overflow-y: auto;
        scrollbar-size-horizontal: 0;
        scrollbar-size-vertical: 1;
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
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Left", show=False, id="gallery.left"),
        Binding("right,l", "move(1, 0)", "Right", show=False, id="gallery.right"),
        Binding("up,k", "move(0, -1)", "Up", show=False, id="gallery.up"),
        Binding("down,j", "move(0, 1)", "Down", show=False, id="gallery.down"),
        Binding("pageup", "page(-1)", "Page back", show=False, id="gallery.page-back"),
        Binding("pagedown", "page(1)", "Page on", show=False, id="gallery.page-on"),
        Binding("home", "first", "First", show=False, id="gallery.first"),
        Binding("end", "last", "Last", show=False, id="gallery.last"),
        Binding("enter", "open", "View", show=False, id="gallery.open"),
    ]

    cursor: reactive[int] = reactive(-1, init=False)
    text_only: reactive[bool] = reactive(False, init=False)

    class Selected(Message):
        """The cursor moved to a picture."""

        def __init__(self, picture: StoredPicture) -> None:
            super().__init__()
            self.picture = picture

    class Opened(Message):
        """A picture was chosen to be looked at."""

        def __init__(self, picture: StoredPicture) -> None:
            super().__init__()
            self.picture = picture

    def __init__(
        self,
        load: Loader = load_small,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._pictures: Sequence[StoredPicture] = ()
        self._thumbnails = Thumbnails(load)
        self._tiles = Tiles.fitted(1, 1, 0, text=False)
        self._lines: dict[int, Strip] = {}
        self._wake = asyncio.Event()

    # what it shows

    @property
    def picture(self) -> StoredPicture | None:
        """The chosen picture."""
        return self._pictures[self.cursor] if 0 <= self.cursor < len(self._pictures) else None

    def set_pictures(self, pictures: Sequence[StoredPicture], selected: int | None) -> None:
        """Show these pictures; nothing is posted.

        Args:
            pictures: in order; the sequence must not change afterwards.
            selected: id of the chosen one; one that is not among them chooses none.
        """
        self._pictures = pictures
        cursor = -1
        if selected is not None:
            places = (index for index, picture in enumerate(pictures) if picture.id == selected)
            cursor = next(places, -1)
        with self.prevent(self.Selected):
            self.cursor = cursor
        self._arrange()

    @property
    def load(self) -> Loader:
        """Reads small versions of pictures, in the thumbnails' thread."""
        return self._thumbnails.load

    @load.setter
    def load(self, load: Loader) -> None:
        self._thumbnails.load = load

    def watch_cursor(self) -> None:
        """Bring the chosen picture into sight, and tell."""
        self._changed()
        self._reveal_cursor()
        if picture := self.picture:
            self.post_message(self.Selected(picture))

    def watch_text_only(self) -> None:
        """Words or pictures."""
        self._arrange()

    # moving

    def action_move(self, right: int, down: int) -> None:
        """Move the cursor by tiles."""
        self._go(self.cursor + right + down * self._tiles.across, stay=bool(down))

    def action_page(self, pages: int) -> None:
        """Move the cursor by as much as is seen."""
        tiles = self._tiles
        rows = 1 if tiles.layout == "strip" else max(1, self.size.height // tiles.height)
        across = max(1, self.size.width // tiles.width) if tiles.layout == "strip" else tiles.across
        self._go(self.cursor + pages * rows * across)

    def action_first(self) -> None:
        """To the first picture."""
        self._go(0)

    def action_last(self) -> None:
        """To the last picture."""
        self._go(len(self._pictures) - 1)

    def action_open(self) -> None:
        """Look at the chosen picture."""
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
        self._changed()
        super().watch_scroll_x(old_value, new_value)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other pictures come into sight."""
        self._changed()
        super().watch_scroll_y(old_value, new_value)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different."""
        super().watch_has_focus(has_focus)
        self._changed()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._lines.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are, without what Textual does to each of their many colours."""
        if self.gutter or crop.column_span != (0, self.size.width):
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
        self._tiles = Tiles.fitted(width, height, count, text=self.text_only)
        self.virtual_size = Size(*self._tiles.total(count))
        self._changed()
        self._reveal_cursor()

    def _changed(self) -> None:
        self._lines.clear()
        self.refresh()
        self._wake.set()

    def _line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        x, line = self.scroll_offset.x, y + self.scroll_offset.y
        ground = self.rich_style
        parts: list[Strip] = []
        tiles = self._tiles.row(line, x, width)
        for index in tiles:
            if index < len(self._pictures):
                parts.extend(self._tile(index, line % self._tiles.height))
        if not parts:
            return Strip([Segment(" " * width, ground)], width)
        start = x - self._tiles.place(tiles.start)[0]
        joined = JoinedStrip(parts)
        if start or joined.cell_length > width:
            return _cut(parts, start, width, ground)
        rest = width - joined.cell_length
        return JoinedStrip([*parts, Strip([Segment(" " * rest, ground)], rest)]) if rest else joined

    def _tile(self, index: int, line: int) -> list[Strip]:
        """The parts of one line of a tile."""
        picture = self._pictures[index]
        chosen = index == self.cursor
        rows = self._tiles.picture[1]
        if line == rows or self._tiles.layout == "list":
            return [self._caption(index, picture, chosen)]
        ground = self.rich_style
        bar = Style(color=self._cursor_style().bgcolor, bgcolor=ground.bgcolor)
        left = Strip([Segment(_LEFT_BAR if chosen else " ", bar if chosen else ground)], 1)
        right = Strip([Segment(_RIGHT_BAR if chosen else " ", bar if chosen else ground)], 1)
        return [left, *self._thumbnail_line(picture, line), right]

    def _thumbnail_line(self, picture: StoredPicture, line: int) -> list[Strip]:
        columns, rows = self._tiles.picture
        ground = self.rich_style
        strips = self._thumbnails.get(picture, (columns, rows))
        if not strips:
            sign = _WAITING if strips is None else _UNREADABLE
            words = sign.center(columns) if line == rows // 2 else " " * columns
            style = ground + self.get_component_rich_style("gallery--caption", partial=True)
            return [Strip([Segment(words, style)], columns)]
        at = line - (rows - len(strips)) // 2
        if not 0 <= at < len(strips):
            return [Strip([Segment(" " * columns, ground)], columns)]
        before = (columns - strips[at].cell_length) // 2
        after = columns - strips[at].cell_length - before
        sides = [Strip([Segment(" " * room, ground)], room) for room in (before, after)]
        return [sides[0], strips[at], sides[1]]

    def _caption(self, index: int, picture: StoredPicture, chosen: bool) -> Strip:
        width = self._tiles.width
        style = self.rich_style + self.get_component_rich_style("gallery--caption", partial=True)
        star = self.rich_style + self.get_component_rich_style("gallery--favourite", partial=True)
        if chosen:
            style = star = self._cursor_style()
        mark = FAVOURITE if picture.favourite else " "
        words = f"{index + 1} {picture.job.prompt}"
        if self._tiles.layout == "list":
            facts = f"  {picture.width}×{picture.height}  {printable(picture.path.name)}"
            words = one_line(words, max(0, width - len(facts) - 2)) + facts
        words = set_cell_size(one_line(words, width - 2), max(0, width - 1))
        return Strip([Segment(mark, star), Segment(words, style)], width)

    def _cursor_style(self) -> Style:
        name = "gallery--cursor" if self.has_focus else "gallery--cursor-blurred"
        return self.get_component_rich_style(name)

    async def _make_thumbnails(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            size = self._tiles.picture
            missing = self._missing()
            if not missing or self.text_only or not self.is_on_screen:
                continue
            make = partial(self._thumbnails.make_some, missing, size, cell_size(), self.app.console)
            made = await renderer().thumbnails.run(make)
            self._thumbnails.keep(missing, size, made)
            self._changed()

    def _missing(self) -> list[StoredPicture]:
        """What is in sight and has no thumbnail, the chosen picture first."""
        width, height = self.size
        size = self._tiles.picture
        x, y = self.scroll_offset
        wanted = [self.cursor] if self.picture else []
        for line in range(y, y + height, self._tiles.height):
            wanted += self._tiles.row(line, x, width)
        if height and height % self._tiles.height:
            wanted += self._tiles.row(y + height - 1, x, width)
        there = (at for at in dict.fromkeys(wanted) if 0 <= at < len(self._pictures))
        pictures = (self._pictures[at] for at in there)
        return [picture for picture in pictures if self._thumbnails.get(picture, size) is None]


def _cut(parts: Sequence[Strip], start: int, width: int, ground: Style) -> Strip:
    """The strips side by side, from a column on; those cut through lose their own writing."""
    kept: list[Strip] = []
    end = start + width
    at = 0
    for part in parts:
        left, right = max(start - at, 0), min(end - at, part.cell_length)
        if left < right:
            kept.append(part.crop(left, right))
        at += part.cell_length
    rest = width - sum(part.cell_length for part in kept)
    if rest > 0:
        kept.append(Strip([Segment(" " * rest, ground)], rest))
    return JoinedStrip(kept)
