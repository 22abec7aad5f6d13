"""The widget that lines of pictures are written from."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from unipic_tui.terminal.strips import Band, PictureStrip


class Canvas(Widget, can_focus=False):
    """Shows one picture, centred, or a few words. It must have no border and no padding.

    Attributes:
        bands: the bands of the picture that is shown, to be marked as `Band.shown` when the
            terminal has them.
    """

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1fr; }"

    class Resized(Message):
        """The canvas has another size; what it shows no longer fits."""

    def __init__(self) -> None:
        super().__init__()
        self.bands: list[Band] = []
        self._blocks: Sequence[Strip] = ()
        self._note = ""
        self._words = ""
        self._lines: list[Strip] | None = None
        self._written: dict[int, tuple[int, str | None]] = {}

    @property
    def picture_region(self) -> Region:
        """Where in the widget the picture is, in cells; empty where there is none."""
        if not self._blocks:
            return Region()
        width, height = self._blocks[0].cell_length, len(self._blocks)
        room = self.size.height - (1 if self._note else 0)
        return Region((self.size.width - width) // 2, max(0, room - height) // 2, width, height)

    def show(self, blocks: Sequence[Strip], bands: list[Band], note: str = "") -> None:
        """Show a picture, as lines are written from now on; `write` has them written.

        Args:
            blocks: its lines, of one width, no larger than the widget.
            bands: together as high as the picture; empty for half blocks only.
            note: a line of text below it.
        """
        self._blocks, self.bands, self._note, self._words = blocks, bands, note, ""
        self._lines = None

    def say(self, words: str) -> None:
        """Show a few words, or nothing, in place of a picture."""
        self._blocks, self.bands, self._note, self._words = (), [], "", words
        self._lines = None
        self._written.clear()
        self.refresh()

    def band(self, top: int, height: int, sequence: str, *, erases: bool) -> Band:
        """A band that has itself written again when it was spoilt."""
        return Band(top, height, sequence, erases=erases, repair=self._repair)

    def write(self, top: int, height: int) -> None:
        """Have lines of the widget written."""
        console = self.app.console
        for y, line in enumerate(self._current()[top : top + height], top):
            plain = line.plain(console) if isinstance(line, PictureStrip) else None
            if plain is None:
                self._written.pop(y, None)
            else:
                self._written[y] = (self.picture_region.x, plain)
        self.refresh(Region(0, top, self.size.width, height))

    def changed_lines(self) -> list[tuple[int, int]]:
        """The lines that differ from what was written last, each with its bytes."""
        console = self.app.console
        x = self.picture_region.x
        changed: list[tuple[int, int]] = []
        for y, line in enumerate(self._current()):
            if not isinstance(line, PictureStrip):
                changed.append((y, line.cell_length))
            elif self._written.get(y) != (x, line.plain(console)):
                changed.append((y, line.weight(console)))
        return changed

    def write_band(self, band: Band) -> None:
        """Have a band's lines written."""
        self.write(self.picture_region.y + band.top, band.height)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines themselves: what Textual does to lines on their way undoes pictures."""
        lines = self._current()
        if crop == self.size.region:
            return lines
        lines = lines[crop.y : crop.bottom]
        # Only a part is seen. A plain strip has the half blocks alone.
        return [Strip(list(line), self.size.width).crop(crop.x, crop.right) for line in lines]

    def render_line(self, y: int) -> Strip:
        """One line, as half blocks; Textual asks for it when it looks for text under the mouse."""
        return self.render_lines(Region(0, y, self.size.width, 1))[0]

    def on_resize(self) -> None:
        """What was fitted to the old size no longer fits."""
        self._lines = None
        self._written.clear()
        self.post_message(self.Resized())

    def notify_style_update(self) -> None:
        """The theme changed, and with it the ground around the picture."""
        super().notify_style_update()
        self._lines = None
        self._written.clear()

    def _current(self) -> list[Strip]:
        if self._lines is None:
            self._lines = self._framed()
        return self._lines

    def _repair(self, band: Band) -> None:
        def check() -> None:
            if band.broken and band.whole and band in self.bands:
                self.write_band(band)

        # The update that spoilt it may go on to make it whole.
        self.call_later(check)

    def _framed(self) -> list[Strip]:
        width, height = self.size
        ground = self.visual_style.rich_style
        blank = Strip([Segment(" " * width, ground)], width) if width else Strip([])
        lines = [blank] * height
        if self._words:
            self._put_words(lines, self._words, max(0, height // 2 - 1))
        if self._note and height:
            self._put_words(lines, self._note, height - 1)
        area = self.picture_region
        if not area or area.right > width or area.bottom > height:
            return lines
        before = [Segment(" " * area.x, ground)] if area.x else []
        right = width - area.right
        after = [Segment(" " * right, ground)] if right else []
        plain = self.band(0, area.height, "", erases=False)
        for band in self.bands or [plain]:
            # A sixel picture that reaches the last line of the screen would scroll it.
            bottom = self.region.y + area.y + band.top + band.height
            scrolls = not band.erases and bottom >= self.screen.size.height
            for line in range(band.height):
                at = band.top + line
                lines[area.y + at] = PictureStrip(
                    self._blocks[at],
                    plain if scrolls else band,
                    line,
                    before=before,
                    after=after,
                    ground=ground,
                )
        return lines

    def _put_words(self, lines: list[Strip], words: str, top: int) -> None:
        width = self.size.width
        if not width:
            return
        console = self.app.console
        options = console.options.update(width=width, height=None, highlight=False)
        text = Text(words, style=self.visual_style.rich_style, justify="center", overflow="fold")
        rendered = console.render_lines(text, options, style=self.visual_style.rich_style)
        for at, segments in enumerate(rendered[: len(lines) - top], top):
            lines[at] = Strip(segments, width)
