"""The gallery: its layouts, its cursor, and the thumbnails that are made in the background."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

import pytest
from PIL import Image
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from tests.ui.viewing import until
from unipic_tui.errors import InputError
from unipic_tui.jobs import GenerateJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.ui import thumbnail_cache
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.tiles import FAVOURITE, TileLayout


def stored(number: int, *, prompt: str = "", favourite: bool = False) -> StoredPicture:
    return StoredPicture(
        id=1000 + number,
        entry=1,
        session=1,
        index=number,
        path=Path(f"/nowhere/{number}.png"),
        width=64,
        height=64,
        job=GenerateJob(prompt=prompt or f"picture {number}"),
        model="nano",
        created=datetime.now(UTC),
        favourite=favourite,
        tags=(),
        note="",
    )


class Loads:
    """Makes pictures whose colour tells their number; every fifth cannot be read."""

    def __init__(self) -> None:
        self.loaded: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, picture: StoredPicture, side: int) -> Image.Image:
        number = picture.id - 1000
        self.loaded.append(number)
        self.threads.add(threading.current_thread().name)
        if number % 5 == 4:
            raise InputError("It is damaged.")
        return Image.new("RGB", (64, 32 if number == 3 else 64), (4 * (number % 60), 100, 200))


class Browsing(App[None]):
    CSS = "Gallery { height: 6; } Input { height: 3; }"

    def __init__(self, pictures: Sequence[StoredPicture], selected: int | None) -> None:
        super().__init__()
        self.loads = Loads()
        self.gallery = Gallery(self.loads)
        self.pictures, self.selected = pictures, selected
        self.told: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield self.gallery
        yield Input()

    def on_mount(self) -> None:
        self.gallery.set_pictures(self.pictures, self.selected)
        self.gallery.focus()

    def on_gallery_selected(self, message: Gallery.Selected) -> None:
        self.told.append(("selected", message.picture.id - 1000))

    def on_gallery_opened(self, message: Gallery.Opened) -> None:
        self.told.append(("opened", message.picture.id - 1000))

    def lines(self) -> list[str]:
        gallery = self.gallery
        return [line.text for line in gallery.render_lines(gallery.size.region)]

    def colours(self) -> set[int]:
        """Numbers of the pictures whose thumbnails are seen."""
        lines = self.gallery.render_lines(self.gallery.size.region)
        found = (
            s.style.bgcolor.triplet for line in lines for s in line if s.style and s.style.bgcolor
        )
        return {colour[0] // 4 for colour in found if colour and colour[1:] == (100, 200)}


@asynccontextmanager
async def browsing(
    pictures: Sequence[StoredPicture] | int,
    selected: int | None = None,
    *,
    height: int = 6,
    width: int = 61,  # with the scrollbar
) -> AsyncIterator[tuple[Browsing, Pilot[Any]]]:
    if isinstance(pictures, int):
        pictures = [stored(number) for number in range(pictures)]
    app = Browsing(pictures, None if selected is None else 1000 + selected)
    app.gallery.styles.height = height
    async with app.run_test(size=(width, 50)) as pilot:
        await pilot.pause()
        yield app, pilot


# layouts


def test_a_low_gallery_is_a_strip() -> None:
    tiles = TileLayout.fitted(60, 6, 100, text=False)
    assert tiles == TileLayout("strip", width=12, height=6, across=100)
    assert tiles.total(100) == (1200, 6)
    assert tiles.place(7) == (84, 0)
    assert tiles.at(85, 3) == 7


def test_a_high_gallery_is_a_grid() -> None:
    tiles = TileLayout.fitted(60, 20, 100, text=False)
    assert tiles == TileLayout("grid", width=12, height=6, across=5)
    assert tiles.total(100) == (60, 120)
    assert tiles.place(7) == (24, 6)
    assert tiles.at(25, 7) == 7
    assert tiles.at(60, 7) is None
    assert tiles.row(7, 0, 60) == range(5, 10)
    assert tiles.row(7, 20, 12) == range(6, 8)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 30), (300, 100)])
def test_every_size_has_a_layout(size: tuple[int, int]) -> None:
    tiles = TileLayout.fitted(*size, 10, text=False)
    assert tiles.across >= 1
    assert min(tiles.picture) >= 1
    for index in range(10):
        assert tiles.at(*tiles.place(index)) == index


# the cursor


async def test_setting_pictures_tells_nothing_and_selects() -> None:
    async with browsing(10, selected=3) as (app, pilot):
        await pilot.pause()
        assert app.gallery.cursor == 3
        assert app.gallery.picture is not None and app.gallery.picture.id == 1003
        assert app.told == []
        app.gallery.set_pictures(app.pictures, 999)
        assert app.gallery.cursor == -1
        assert app.gallery.picture is None


async def test_the_cursor_moves_and_tells() -> None:
    async with browsing(10, selected=3) as (app, pilot):
        await pilot.press("right", "l", "left", "h", "end", "right", "home", "left")
        numbers = [number for _, number in app.told]
        # At either end nothing moves, and nothing is told.
        assert numbers == [4, 5, 4, 3, 9, 0]


async def test_the_cursor_moves_by_rows_in_a_grid() -> None:
    async with browsing(13, selected=6, height=20) as (app, pilot):
        await pilot.press("down", "down", "k", "up", "up")
        # Below 11 there is nothing in the last row's place, and above 1 no row.
        assert [number for _, number in app.told] == [11, 6, 1]


async def test_pages_are_what_is_seen() -> None:
    async with browsing(100, selected=0, height=20) as (app, pilot):
        await pilot.press("pagedown", "pagedown", "pageup")
        assert [number for _, number in app.told] == [15, 30, 15]


async def test_enter_opens() -> None:
    async with browsing(10, selected=3) as (app, pilot):
        await pilot.press("enter")
        assert app.told == [("opened", 3)]


async def test_keys_without_pictures_do_nothing() -> None:
    async with browsing(0) as (app, pilot):
        await pilot.press("right", "end", "pagedown", "enter", "up")
        assert app.told == []


async def test_a_click_selects_and_two_open() -> None:
    async with browsing(10, selected=0) as (app, pilot):
        await pilot.click(Gallery, offset=(30, 2))
        assert app.told == [("selected", 2)]
        await pilot.click(Gallery, offset=(30, 2), times=2)
        assert app.told[-1] == ("opened", 2)
        await pilot.click(Gallery, offset=(59, 2))
        assert app.told[-1] == ("selected", 4)


async def test_the_cursor_stays_in_sight() -> None:
    async with browsing(1000, selected=0) as (app, pilot):
        await pilot.press("end")
        await pilot.pause()
        assert app.gallery.scroll_offset.x == 1000 * 12 - 60
        assert "1000" in app.lines()[-1]
        await pilot.press("home")
        await pilot.pause()
        assert app.gallery.scroll_offset.x == 0


async def test_a_clicked_picture_is_the_one_that_is_seen_after_scrolling() -> None:
    async with browsing(1000, selected=500) as (app, pilot):
        await pilot.pause()
        start = app.gallery.scroll_offset.x
        await pilot.click(Gallery, offset=(2, 2))
        assert app.told == [("selected", (start + 2) // 12)]


async def test_the_wheel_moves_a_strip_sideways() -> None:
    async with browsing(1000, selected=0) as (app, pilot):
        await pilot._post_mouse_events([events.MouseScrollDown], Gallery)
        await pilot.pause()
        assert app.gallery.scroll_offset.x == 24


# what is seen


async def test_thumbnails_come_and_are_not_read_on_the_event_loop() -> None:
    async with browsing(4, selected=0) as (app, _):
        await until(lambda: app.colours() == {0, 1, 2, 3})
        assert app.loads.threads == {"unipic-thumbnails"}
        assert sorted(app.loads.loaded) == [0, 1, 2, 3]


async def test_only_what_is_in_sight_is_read() -> None:
    async with browsing(100_000, selected=50_000) as (app, pilot):
        await until(lambda: len(app.loads.loaded) >= 5)
        await pilot.pause()
        assert all(abs(number - 50_000) < 10 for number in app.loads.loaded)
        assert app.loads.loaded[0] == 50_000


async def test_a_thumbnail_is_read_once() -> None:
    async with browsing(100, selected=0) as (app, pilot):
        await until(lambda: 0 in app.colours())
        await pilot.press("end")
        await until(lambda: 98 in app.loads.loaded)
        await pilot.press("home")
        await until(lambda: 0 in app.colours())
        assert app.loads.loaded.count(0) == 1


async def test_thumbnails_that_were_not_seen_for_long_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thumbnail_cache, "KEPT", 8)
    async with browsing(100, selected=0) as (app, pilot):
        await until(lambda: 0 in app.colours())
        await pilot.press("end")
        await until(lambda: app.colours() & {95 % 60, 98 % 60})
        await pilot.press("home")
        await until(lambda: app.loads.loaded.count(0) == 2)


async def test_wide_pictures_keep_their_shape() -> None:
    async with browsing(4, selected=0, height=7) as (app, _):
        await until(lambda: 3 in app.colours())
        lines = app.gallery.render_lines(app.gallery.size.region)
        column = 3 * 14 + 7

        def inked(line: Strip) -> bool:
            style = next(iter(line.crop(column, column + 1))).style
            colour = style.bgcolor.triplet if style and style.bgcolor else None
            return colour is not None and colour[1:] == (100, 200)

        assert [inked(line) for line in lines] == [False, True, True, True, False, False, False]


async def test_an_unreadable_picture_is_marked() -> None:
    async with browsing(6, selected=0, width=80) as (app, _):
        await until(lambda: any("✗" in line for line in app.lines()))
        (line,) = (line for line in app.lines() if "✗" in line)
        assert 4 * 12 < line.index("✗") < 5 * 12
        assert line.count("✗") == 1


async def test_the_cursor_and_favourites_are_marked() -> None:
    pictures = [stored(number, favourite=number == 1) for number in range(4)]
    async with browsing(pictures, selected=2) as (app, pilot):
        caption = app.gallery.render_lines(app.gallery.size.region)[5]
        assert caption.text.index(FAVOURITE) == 12
        focused = next(iter(caption.crop(24, 25))).style
        assert app.lines()[0][24] == "▐" and app.lines()[0][35] == "▌"
        assert app.lines()[0][12] == " "
        app.query_one(Input).focus()
        await pilot.pause()
        caption = app.gallery.render_lines(app.gallery.size.region)[5]
        assert next(iter(caption.crop(24, 25))).style != focused


async def test_captions_are_harmless_and_fit() -> None:
    pictures = [
        stored(0, prompt="\x1b[31mred [bold]x[/] \u202eabc"),
        stored(1, prompt="紅い円" * 9),
    ]
    async with browsing(pictures, selected=0, height=8) as (app, _):
        caption = app.gallery.render_lines(app.gallery.size.region)[7]
        assert "\x1b" not in caption.text
        assert "\u202e" not in caption.text
        assert caption.cell_length == 61
        assert "\x1b[31m" not in caption.render(app.console).replace("\x1b[38;", "")


async def test_words_alone() -> None:
    async with browsing(30, selected=0, height=8) as (app, pilot):
        app.gallery.text_only = True
        await pilot.pause()
        assert [line.split()[:3] for line in app.lines()[:2]] == [
            ["1", "picture", "0"],
            ["2", "picture", "1"],
        ]
        assert "64×64" in app.lines()[0]
        before = len(app.loads.loaded)
        await pilot.press("down", "pagedown")
        assert [number for _, number in app.told] == [1, 9]
        assert len(app.loads.loaded) == before


async def test_a_border_is_kept() -> None:
    async with browsing(10, selected=0, height=8) as (app, pilot):
        app.gallery.styles.border = ("round", "white")
        await pilot.pause()
        assert app.lines()[0].startswith("╭")
        await until(lambda: 0 in app.colours())


async def test_it_follows_its_size() -> None:
    async with browsing(100, selected=50) as (app, pilot):
        app.gallery.styles.height = 20
        await pilot.pause()
        assert app.gallery.virtual_size.width == 60
        assert any("51 " in line for line in app.lines())
        await pilot.resize_terminal(30, 50)
        await pilot.pause()
        assert all(len(line) == 30 for line in app.lines())
        assert any("51 " in line for line in app.lines())


class Lazy(Sequence[StoredPicture]):
    """A hundred thousand pictures that are only made when they are asked for."""

    def __init__(self) -> None:
        self.asked: set[int] = set()

    def __len__(self) -> int:
        return 100_000

    @overload
    def __getitem__(self, at: int) -> StoredPicture: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[StoredPicture]: ...
    def __getitem__(self, at: int | slice) -> StoredPicture | Sequence[StoredPicture]:
        assert isinstance(at, int)
        self.asked.add(at)
        return stored(at)

    def __iter__(self) -> Iterator[StoredPicture]:
        raise AssertionError("all of them were asked for")


async def test_of_very_many_pictures_only_those_in_sight_are_touched() -> None:
    pictures = Lazy()
    async with browsing(pictures) as (app, pilot):
        await until(app.colours)
        await pilot.press("end")
        await until(lambda: 99_998 in app.loads.loaded)
        assert len(app.children) == 0 or all(
            "ScrollBar" in type(child).__name__ for child in app.gallery.children
        )
    assert len(pictures.asked) < 50
