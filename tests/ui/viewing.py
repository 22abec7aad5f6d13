"""An app that shows one picture, for tests of the view, and how such tests wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from unipic_tui.terminal.canvas import Canvas
from unipic_tui.ui.widgets.picture_view import PictureView

RED, BLUE = (200, 0, 0), (0, 0, 200)


class Dialog(ModalScreen[None]):
    DEFAULT_CSS = "Dialog { align: center middle; } Dialog Static { width: 10; height: 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [("x", "dismiss(None)", "")]

    def compose(self) -> ComposeResult:
        yield Static("a dialog")


class Viewing(App[None]):
    CSS = """
    Screen { layers: base above; }
    #cover { layer: above; offset: 2 1; width: 6; height: 1; display: none; }
    Input { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Message] = []
        self.view = PictureView()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield self.view
            yield Input()
        yield Static("cover!", id="cover")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_picture_view_shown(self, message: PictureView.Shown) -> None:
        self.told.append(message)

    def on_picture_view_region_chosen(self, message: PictureView.RegionChosen) -> None:
        self.told.append(message)

    def on_picture_view_region_cancelled(self, message: PictureView.RegionCancelled) -> None:
        self.told.append(message)

    @property
    def shown(self) -> list[tuple[int, int]]:
        return [told.size for told in self.told if isinstance(told, PictureView.Shown)]

    @property
    def canvas(self) -> Canvas:
        return self.query_one(Canvas)

    def words(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())

    def written(self) -> str:
        """What the screen is written as, all of it."""
        return self.screen._compositor.render_full_update().render_segments(self.console)

    def colours(self) -> set[tuple[int, ...]]:
        return {
            tuple(style.bgcolor.triplet)
            for strip in self.canvas.render_lines(self.canvas.size.region)
            for _, style, _ in strip
            if style is not None and style.bgcolor is not None and style.bgcolor.triplet
        }


@asynccontextmanager
async def viewing() -> AsyncIterator[tuple[Viewing, Pilot[Any]]]:
    app = Viewing()
    async with app.run_test(size=(60, 20)) as pilot:
        yield app, pilot


async def until(condition: Callable[[], object]) -> None:
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it never came true")


async def times_shown(app: Viewing, times: int) -> None:
    await until(lambda: len(app.shown) == times)
