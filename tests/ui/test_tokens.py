"""Tokens over a picture, and the choosing of a region of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.viewing import RED, Viewing, times_shown, until, viewing
from unipic_tui.events import Progress
from unipic_tui.terminal.canvas import Canvas
from unipic_tui.ui.widgets.picture_view import PictureView

pytestmark = pytest.mark.usefixtures("own_renderer")

# tokens


def known(rows: int, columns: int, *tokens: int) -> Progress:
    flags = tuple(index in tokens for index in range(rows * columns))
    return Progress(0, 1, 1, 8, flags, rows, columns, None, 1 / 8)


async def test_tokens_are_seen_over_a_picture_on_demand(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.show_file(red)
        await times_shown(app, 1)
        app.view.show_tokens(known(2, 2, 0))
        app.view.overlay = True
        await times_shown(app, 2)
        area = app.canvas.picture_region
        lines = app.canvas.render_lines(app.canvas.size.region)

        def colour(x: int, y: int) -> tuple[int, ...]:
            style = next(iter(lines[area.y + y].crop(area.x + x, area.x + x + 1))).style
            assert style is not None and style.bgcolor is not None and style.bgcolor.triplet
            return tuple(style.bgcolor.triplet)

        assert colour(0, 0) == RED
        assert max(colour(area.width - 1, 0)) < 100
        app.view.overlay = False
        await times_shown(app, 3)
        assert app.colours() & {RED} and not any(max(c) < 80 and c[2] > 40 for c in app.colours())


async def test_tokens_are_seen_alone_before_the_first_preview() -> None:
    async with viewing() as (app, _):
        app.view.show_tokens(known(4, 4, 5))
        await until(lambda: app.canvas.picture_region)
        assert any(colour[2] > 180 for colour in app.colours())
        app.view.show_tokens(None)
        await until(lambda: not app.canvas.picture_region)


# regions


def chosen(app: Viewing) -> list[str]:
    return [str(told.region) for told in app.told if isinstance(told, PictureView.RegionChosen)]


async def test_a_region_is_chosen_with_keys(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.start_region(rows=4, columns=8)
        await until(lambda: "4×2 tokens at 2,1" in app.words())
        await pilot.press("left", "up", "shift+right", "shift+down", "shift+down")
        await until(lambda: "5×4 tokens at 1,0" in app.words())
        await pilot.press("enter")
        await until(lambda: chosen(app) == ["1,0,5,4"])
        await until(lambda: "tokens at" not in app.words())
        assert app.focused is app.query_one(Input)
        await pilot.press("h")
        assert app.query_one(Input).value == "h"


async def test_a_region_stays_on_the_picture(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.start_region(rows=4, columns=4)
        await pilot.pause()
        await pilot.press(*["right", "down"] * 5, *["shift+left", "shift+up"] * 5, "enter")
        await until(lambda: chosen(app) == ["2,2,1,1"])
        app.view.start_region(rows=4, columns=4)
        await pilot.pause()
        await pilot.press(*["left", "up"] * 5, *["shift+right", "shift+down"] * 9, "enter")
        await until(lambda: chosen(app) == ["2,2,1,1", "0,0,4,4"])


async def test_a_region_can_be_left(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.start_region(rows=4, columns=4)
        await pilot.pause()
        await pilot.press("escape")
        await until(lambda: any(isinstance(t, PictureView.RegionCancelled) for t in app.told))
        assert not chosen(app)


async def test_a_region_is_drawn_with_the_mouse(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.start_region(rows=4, columns=4)
        await until(lambda: "tokens at" in app.words())
        area = app.canvas.picture_region  # 32 columns, 16 lines: a token is 8 by 4 cells
        assert (area.width, area.height) == (32, 16)
        await pilot.mouse_down(Canvas, offset=(area.x + 9, area.y + 5))
        await pilot.hover(Canvas, offset=(area.x + 25, area.y + 9))
        await pilot.mouse_up(Canvas, offset=(area.x + 25, area.y + 9))
        await pilot.press("enter")
        await until(lambda: chosen(app) == ["1,1,3,2"])


async def test_a_region_is_drawn_on_half_blocks_in_every_terminal(
    red: Path, sent: list[str]
) -> None:
    async with viewing() as (app, pilot):
        app.view.protocol = "kitty"
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.start_region(rows=4, columns=4)
        await until(lambda: "tokens at" in app.words())
        assert "\U0010eeee" not in app.written()
        await pilot.press("escape")
        await until(lambda: "\U0010eeee" in app.written())
