"""One picture, shown as well as the terminal can, and the choosing of tokens on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL.Image import Image
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from unipic_tui.events import Progress
from unipic_tui.job_parts import Region
from unipic_tui.terminal.canvas import Canvas
from unipic_tui.terminal.geometry import FITTED, Pair, Zoom
from unipic_tui.terminal.painter import Painter, PaintRequest
from unipic_tui.terminal.sources import FileSource, ImageSource, PictureSource
from unipic_tui.ui.commands import REGION, key_bindings
from unipic_tui.ui.overlays import known_alone, known_over, region_over


class Selection:
    """Moves and grows a rectangle within a token grid.

    It starts in the middle, half as wide and high as the grid.

    Args:
        rows, columns: the grid, each at least 1.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        width, height = max(1, columns // 2), max(1, rows // 2)
        self.region = Region((columns - width) // 2, (rows - height) // 2, width, height)

    def move(self, right: int, down: int) -> None:
        """Move it by tokens, as far as the grid goes."""
        region = self.region
        x = min(max(0, region.x + right), self.columns - region.width)
        y = min(max(0, region.y + down), self.rows - region.height)
        self.region = Region(x, y, region.width, region.height)

    def grow(self, right: int, down: int) -> None:
        """Move its lower right corner by tokens; it keeps at least one."""
        region = self.region
        width = min(max(1, region.width + right), self.columns - region.x)
        height = min(max(1, region.height + down), self.rows - region.y)
        self.region = Region(region.x, region.y, width, height)

    def span(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Make it reach from one token to another, both included.

        Args:
            start, end: column and row; outside of the grid, the nearest token counts.
        """
        (left, right) = sorted(min(max(0, at), self.columns - 1) for at in (start[0], end[0]))
        (top, bottom) = sorted(min(max(0, at), self.rows - 1) for at in (start[1], end[1]))
        self.region = Region(left, top, right - left + 1, bottom - top + 1)


class PictureView(Widget):
    """Shows one picture, and lets a rectangle of its tokens be chosen.

    Args:
        keep: how many pictures a kitty terminal may hold for this view; those seen last.

    Attributes:
        protocol: ``kitty``, ``sixel``, ``blocks``, or ``none`` for no picture at all.
        overlay: draw which tokens are known over the picture, as `show_tokens` tells.
        zoom: which part is seen.
    """

    DEFAULT_CSS = "PictureView { width: 1fr; height: 1fr; }"
    protocol: reactive[str] = reactive("blocks", init=False)
    overlay: reactive[bool] = reactive(False, init=False)
    zoom: reactive[Zoom] = reactive(FITTED, init=False)

    @dataclass
    class RegionChosen(Message):
        """A rectangle of tokens was chosen."""

        region: Region

    class RegionCancelled(Message):
        """The choosing was left without a choice."""

    @dataclass
    class Shown(Message):
        """A picture is on the screen as well as it can be.

        Attributes:
            size: the picture's width and height in pixels.
        """

        size: Pair

    def __init__(self, *, keep: int = 1) -> None:
        super().__init__()
        self._keep = keep
        self._canvas = Canvas()
        self._source: PictureSource | None = None
        self._progress: Progress | None = None
        self._selection: Selection | None = None
        self._pressed: tuple[int, int] | None = None
        self._focus_before: Widget | None = None
        self._painter: Painter | None = None

    # what to show

    def show_file(self, path: Path | None) -> None:
        """Show a picture file, or nothing."""
        self.show_source(None if path is None else FileSource(path))

    def show_image(self, image: Image) -> None:
        """Show a preview. Of those that come while one is being drawn, only the last is drawn."""
        drawing_preview = isinstance(self._source, ImageSource)
        self._source = ImageSource(image)
        self._ask(give_up=not drawing_preview)

    def show_source(self, source: PictureSource | None) -> None:
        """Show a picture from anywhere, or nothing."""
        if source is not None and source == self._source:
            return
        self._source = source
        self._ask()

    def show_tokens(self, progress: Progress | None) -> None:
        """Tell which tokens are known; it is seen while `overlay` is on, or without a picture."""
        self._progress = progress
        if self.overlay or self._source is None:
            self._ask(give_up=False)

    def redraw(self) -> None:
        """Send the picture again, for a terminal that lost it."""
        self._free()
        self._ask()

    def watch_protocol(self) -> None:
        """Draw it another way."""
        self._free()
        self._ask()

    def watch_overlay(self) -> None:
        """Draw the tokens, or no longer."""
        if self._progress is not None:
            self._ask()

    def watch_zoom(self) -> None:
        """Draw another part."""
        self._ask()

    # choosing a region

    def start_region(self, rows: int, columns: int) -> None:
        """Let a rectangle of tokens be chosen with the arrow keys or the mouse.

        It ends with `RegionChosen` or `RegionCancelled`.

        Args:
            rows, columns: the picture's token grid.
        """
        self._selection = Selection(rows, columns)
        self._focus_before = self.screen.focused
        self.can_focus = True
        self.focus()
        self._ask()

    @REGION.command("region.take", "enter", "Take the region", hint="Take")
    def action_take_region(self) -> None:
        """Redraw this region with the next prompt."""
        if self._selection:
            region = self._selection.region
            self._end_region()
            self.post_message(self.RegionChosen(region))

    @REGION.command("region.leave", "escape", "Leave the region", hint="Leave", rank=9)
    def action_leave_region(self) -> None:
        """Choose no region."""
        if self._selection:
            self._end_region()
            self.post_message(self.RegionCancelled())

    @REGION.command("region.left", "left,h", "Left", args=(-1, 0), hint="Move")
    @REGION.command("region.right", "right,l", "Right", args=(1, 0), hint="Move")
    @REGION.command("region.up", "up,k", "Up", args=(0, -1), hint="Move")
    @REGION.command("region.down", "down,j", "Down", args=(0, 1), hint="Move")
    def action_move_region(self, right: int, down: int) -> None:
        """Move the region by one token."""
        if self._selection:
            self._selection.move(right, down)
            self._ask(give_up=False)

    @REGION.command("region.narrower", "shift+left,H", "Narrower", args=(-1, 0), hint="Resize")
    @REGION.command("region.wider", "shift+right,L", "Wider", args=(1, 0), hint="Resize")
    @REGION.command("region.lower", "shift+up,K", "Shorter", args=(0, -1), hint="Resize")
    @REGION.command("region.higher", "shift+down,J", "Taller", args=(0, 1), hint="Resize")
    def action_grow_region(self, right: int, down: int) -> None:
        """Resize the region by one token."""
        if self._selection:
            self._selection.grow(right, down)
            self._ask(give_up=False)

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys for regions are free for others while none is chosen."""
        if action.endswith("_region"):
            return self._selection is not None
        return super().check_action(action, parameters)

    def _end_region(self) -> None:
        self._selection = None
        self._pressed = None
        self.release_mouse()
        before, self._focus_before = self._focus_before, None
        if self.has_focus:
            self.screen.set_focus(before if before is not None and before.is_attached else None)
        self.can_focus = False
        self._ask()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """One corner of a region."""
        token = self._token_at(event)
        if self._selection and token:
            event.stop()
            self.capture_mouse()
            self._pressed = token
            self._selection.span(token, token)
            self._ask(give_up=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The other corner, until the button is let go."""
        token = self._token_at(event)
        if self._selection and self._pressed and token:
            event.stop()
            self._selection.span(self._pressed, token)
            self._ask(give_up=False)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The region is drawn; Enter takes it."""
        if self._pressed:
            event.stop()
            self._pressed = None
            self.release_mouse()

    def _token_at(self, event: events.MouseEvent) -> tuple[int, int] | None:
        """Column and row of the token under the mouse, on or beside the picture."""
        area = self._canvas.picture_region
        if self._selection is None or not area:
            return None
        x = event.screen_x - self._canvas.region.x - area.x
        y = event.screen_y - self._canvas.region.y - area.y
        column = int(x * self._selection.columns // area.width)
        return column, int(y * self._selection.rows // area.height)

    # drawing

    def compose(self) -> ComposeResult:
        """The canvas fills whatever room the border leaves."""
        yield self._canvas

    def on_mount(self) -> None:
        """Draw from now on."""
        self._painter = Painter(self._canvas, self._told_shown, self._keep)
        self.run_worker(self._painter.run(), group="pictures", name="picture")
        # Raised when another screen comes over this one, and when it goes.
        self.watch(self.screen, "stack_updates", self._screen_changed, init=False)
        self.app.app_resume_signal.subscribe(self, lambda _: self.redraw())
        self._ask()

    def on_unmount(self) -> None:
        """The terminal keeps nothing."""
        self._free()

    def on_hide(self) -> None:
        """The terminal keeps nothing that is not seen."""
        self._free()

    def on_show(self) -> None:
        """Draw it again."""
        self._ask()

    def on_canvas_resized(self) -> None:
        """Draw it at the new size."""
        self._ask()

    def _screen_changed(self) -> None:
        if self._painter is None:
            return
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else []
        if any(screen.styles.background.a == 1 for screen in above):
            self._painter.free()
            return
        # A dialog leaves the picture in sight, and the terminal keeps it for when it goes.
        self._painter.forget_sent()
        if self.screen.is_active:
            self._ask()

    def _told_shown(self, size: Pair) -> None:
        self.post_message(self.Shown(size))

    def _free(self) -> None:
        if self._painter:
            self._painter.free()

    def _ask(self, give_up: bool = True) -> None:
        if self._painter is None:
            return
        request = PaintRequest(self._source, self.protocol, self.zoom)
        progress, chosen = self._progress, self._selection
        if not self.overlay and self._source is not None:
            progress = None
        if chosen is not None:
            request = replace(request, zoom=FITTED, note=_note(chosen.region))
        if progress is not None or chosen is not None:
            shape = (progress.columns, progress.rows) if progress is not None else None
            alone = self._source is None
            overlay = partial(_overlaid, progress=progress, selection=chosen, alone=alone)
            request = replace(request, overlay=overlay, shape=shape)
        self._painter.ask(request, give_up=give_up)


def _note(region: Region) -> str:
    return f"{region.width}×{region.height} tokens at {region.x},{region.y}"


def _overlaid(
    pixels: np.ndarray, *, progress: Progress | None, selection: Selection | None, alone: bool
) -> np.ndarray:
    if progress is not None:
        pixels = known_alone(pixels, progress) if alone else known_over(pixels, progress)
    if selection is not None:
        pixels = region_over(pixels, selection.region, selection.rows, selection.columns)
    return pixels
