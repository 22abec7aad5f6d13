"""The picture view: what it shows and what it sends."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.screen import Screen
from textual.widgets import Input

from tests.ui.viewing import BLUE, RED, Dialog, Viewing, times_shown, until, viewing
from unipic_tui.terminal import capabilities, kitty, painter, rendering, sixel
from unipic_tui.terminal.geometry import Zoom
from unipic_tui.terminal.probe import Answers
from unipic_tui.terminal.throttle import writer_of
from unipic_tui.ui.widgets.picture_view import PictureView

pytestmark = pytest.mark.usefixtures("own_renderer")


def ids(sequences: list[str], pattern: str) -> list[int]:
    return [int(number) for text in sequences for number in re.findall(pattern, text)]


TRANSMITTED = r"\x1b_Gi=(\d+),f=100,q=2,m=0"
FREED = r"\x1b_Ga=d,d=I,i=(\d+),q=2\x1b"


async def test_a_file_is_shown_centred(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.show_file(red)
        await until(lambda: app.shown == [(64, 64)])
        area = app.canvas.picture_region
        assert (area.width, area.height) == (34, 17)
        assert area.x == 13
        assert RED in app.colours()


async def test_no_picture_is_nothing(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.show_file(red)
        await until(lambda: app.shown)
        app.view.show_file(None)
        await until(lambda: not app.canvas.picture_region)
        assert RED not in app.colours()


async def test_a_file_written_anew_is_another_picture(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.show_file(red)
        await until(lambda: app.shown)
        Image.new("RGB", (64, 64), BLUE).save(red)
        os.utime(red, ns=(1, 1))
        app.view.redraw()
        await times_shown(app, 2)
        assert BLUE in app.colours()


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n cut short"])
async def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, red: Path) -> None:
    broken = tmp_path / "bro\x1b[31mken.png"
    broken.write_bytes(content)
    async with viewing() as (app, _):
        app.view.show_file(broken)
        await until(lambda: "bro" in app.words())
        assert "\x1b[31m" not in app.words()
        app.view.show_file(red)
        await until(lambda: app.shown)


async def test_a_missing_file_is_said(tmp_path: Path) -> None:
    async with viewing() as (app, _):
        app.view.show_file(tmp_path / "gone.png")
        await until(lambda: "gone.png" in "".join(app.words().split()))


async def test_without_pictures_there_are_words(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "none"
        app.view.show_file(red)
        await until(lambda: "turned off" in app.words())
        assert RED not in app.colours()


async def test_a_border_is_kept(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.styles.border = ("round", "white")
        app.view.show_file(red)
        await until(lambda: app.shown)
        await pilot.pause()
        assert app.words().startswith("╭")


async def test_it_follows_the_size(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.show_file(red)
        await until(lambda: app.shown)
        await pilot.resize_terminal(20, 20)
        await until(lambda: app.canvas.picture_region.width == 20)
        assert app.canvas.picture_region.height == 10


async def test_decoding_and_scaling_leave_the_event_loop_alone(
    red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    for name in ("shoot", "png"):
        method = getattr(rendering.Renderer, name)

        def noted(self: object, *arguments: object, method: Any = method) -> object:
            threads.add(threading.current_thread().name)
            return method(self, *arguments)

        monkeypatch.setattr(rendering.Renderer, name, noted)
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        app.view.show_file(red)
        await until(lambda: app.shown)
    assert threads == {"unipic-pictures"}


async def test_a_picture_is_encoded_once(
    red: Path, blue: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[int, int]] = []
    encode = kitty.encode_png

    def noted(image: Image.Image) -> list[str]:
        encoded.append(image.size)
        return encode(image)

    monkeypatch.setattr(kitty, "encode_png", noted)
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        for number, path in enumerate([red, blue, red, blue], 1):
            app.view.show_file(path)
            await times_shown(app, number)
    assert encoded == [(64, 64), (32, 64)]
    assert len(ids(sent, TRANSMITTED)) == 4


async def test_previews_that_come_late_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []
    go_on = threading.Event()
    shoot = rendering.Renderer.shoot

    def slow_shoot(self: rendering.Renderer, source: Any, *rest: Any) -> Any:
        go_on.wait(20)
        drawn.append(source.image.size)
        return shoot(self, source, *rest)

    monkeypatch.setattr(rendering.Renderer, "shoot", slow_shoot)
    async with viewing() as (app, pilot):
        await pilot.pause()
        app.view.show_image(Image.new("RGB", (16, 16)))
        await pilot.pause()
        for side in (32, 48, 64):
            app.view.show_image(Image.new("RGB", (side, side)))
        go_on.set()
        await until(lambda: app.shown and app.shown[-1] == (64, 64))
        # The one that was begun is finished: on a slow line nothing would ever be seen otherwise.
        assert app.shown == [(16, 16), (64, 64)]
    assert drawn == [(16, 16), (64, 64)]


async def test_a_file_does_not_wait_for_a_preview(red: Path, sent: list[str]) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        app.view.show_image(Image.new("RGB", (16, 16)))
        app.view.show_file(red)
        await until(lambda: app.shown)
        assert app.shown == [(64, 64)]
        assert len(ids(sent, TRANSMITTED)) == 1


async def test_kitty_shows_placeholders_of_what_was_sent(red: Path, sent: list[str]) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        app.view.show_file(red)
        await until(lambda: app.shown)
        (number,) = ids(sent, TRANSMITTED)
        colour = f"38;2;{number >> 16};{number >> 8 & 255};{number & 255}m\U0010eeee"
        assert app.written().count(colour) == app.canvas.picture_region.height


async def test_kitty_frees_what_is_replaced_hidden_and_left(
    red: Path, blue: Path, sent: list[str]
) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        app.view.show_file(red)
        await times_shown(app, 1)
        first = ids(sent, TRANSMITTED)[-1]
        assert not ids(sent, FREED)
        app.view.show_file(blue)
        await times_shown(app, 2)
        second = ids(sent, TRANSMITTED)[-1]
        assert ids(sent, FREED) == [first]
        app.view.display = False
        await until(lambda: ids(sent, FREED) == [first, second])
        app.view.display = True
        await times_shown(app, 3)
        third = ids(sent, TRANSMITTED)[-1]
        await app.push_screen(Screen())
        await until(lambda: ids(sent, FREED)[-1] == third)
        await app.pop_screen()
        await times_shown(app, 4)
        fourth = ids(sent, TRANSMITTED)[-1]
        await app.view.remove()
        assert ids(sent, FREED)[-1] == fourth
    assert sorted(ids(sent, FREED)) == sorted(ids(sent, TRANSMITTED))


async def test_kitty_keeps_what_a_dialog_lies_over(red: Path, sent: list[str]) -> None:
    async with viewing() as (app, pilot):
        app.view.protocol = "kitty"
        app.view.show_file(red)
        await times_shown(app, 1)
        await app.push_screen(Dialog())
        await pilot.pause()
        assert "\U0010eeee" not in app.written()
        await pilot.press("x")
        await times_shown(app, 2)
        assert "\U0010eeee" in app.written()
        assert len(ids(sent, TRANSMITTED)) == 1
        assert not ids(sent, FREED)


async def test_kitty_may_hold_two_to_flip_between(red: Path, blue: Path, sent: list[str]) -> None:
    async with viewing() as (app, _):
        view = PictureView(keep=2)
        await app.view.remove()
        await app.query_one("#box").mount(view, before=0)
        view.protocol = "kitty"
        for number, path in enumerate([red, blue, red, blue], 1):
            view.show_file(path)
            await times_shown(app, number)
        assert len(ids(sent, TRANSMITTED)) == 2
        assert not ids(sent, FREED)


async def test_kitty_gives_up_what_is_no_longer_wanted(
    red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    started, go_on = asyncio.Event(), asyncio.Event()

    async def deliver(_: object, data: str, written: int = 0) -> None:
        if "\x1b_G" in data:
            sent.append(data)
            started.set()
            await go_on.wait()

    monkeypatch.setattr("unipic_tui.terminal.throttle.TerminalWriter._deliver", deliver)
    monkeypatch.setattr(
        "unipic_tui.terminal.throttle.TerminalWriter._put", lambda _, data: sent.append(data)
    )
    large = tmp_path / "large.png"
    Image.effect_noise((600, 600), 90).convert("RGB").save(large)
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        app.view.show_file(large)
        await asyncio.wait_for(started.wait(), 20)
        app.view.show_file(red)
        go_on.set()
        await until(lambda: app.shown == [(64, 64)])
    stopped = next(text for text in sent if re.search(FREED, text))
    number = int(re.search(FREED, stopped)[1])  # type: ignore[index]
    # The transmission is ended before anything else is said, and the picture forgotten.
    assert stopped.startswith(f"\x1b_Gi={number},q=2,m=0\x1b\\")
    assert number not in ids(sent, TRANSMITTED)


async def test_sixels_are_written_with_the_screen(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        written = app.written()
        assert written.count("\x1bP") == len(app.canvas.bands) > 1
        assert "\U0010eeee" not in written


async def test_something_over_a_sixel_picture_turns_its_band_to_blocks(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        bands = len(app.canvas.bands)
        cover = app.query_one("#cover")
        cover.styles.offset = (app.canvas.picture_region.x + 2, 1)
        cover.display = True
        await pilot.pause()
        covered = app.written()
        assert covered.count("\x1bP") == bands - 1
        assert "cover!" in covered
        cover.display = False
        await pilot.pause()
        assert app.written().count("\x1bP") == bands


async def test_a_band_spoilt_by_what_lay_over_it_is_written_again(
    red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with viewing() as (app, pilot):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        cover = app.query_one("#cover")
        cover.styles.offset = (app.canvas.picture_region.x + 2, 0)
        cover.display = True
        await pilot.pause()
        repaired: list[int] = []
        monkeypatch.setattr(app.canvas, "write_band", lambda band: repaired.append(band.top))
        cover.display = False
        await pilot.pause()
        # Headless, nothing is made into bytes by itself. This is the part that was covered.
        first = app.canvas.render_lines(app.canvas.size.region)[0]
        first.crop(0, app.canvas.picture_region.x + 8)
        await until(lambda: repaired == [0])


async def test_a_dialog_leaves_half_blocks_behind_it(red: Path) -> None:
    async with viewing() as (app, pilot):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        await app.push_screen(Dialog())
        await pilot.pause()
        assert "\x1bP" not in app.written()
        await pilot.press("x")
        await pilot.pause()
        assert "\x1bP" in app.written()


async def test_snapshots_have_half_blocks(red: Path) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        assert "#c80000" in app.export_screenshot().lower()


async def test_a_sixel_picture_never_scrolls_the_screen(red: Path) -> None:
    async with viewing() as (app, _):
        await app.query_one(Input).remove()
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown and app.canvas.picture_region.bottom == 20)
        await until(lambda: all(band.shown for band in app.canvas.bands))
        assert app.written().count("\x1bP") == len(app.canvas.bands) - 1


async def test_sixels_are_no_wider_than_the_terminal_shows(
    red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capabilities._Terminal, "answers", Answers(sixel=True, sixel_width=205))
    async with viewing() as (app, _):
        app.view.protocol = "sixel"
        app.view.show_file(red)
        await until(lambda: app.shown)
        assert app.canvas.picture_region.width == 20
        assert '"1;1;200;' in app.written()


async def test_a_slow_line_gets_fewer_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    reduce = sixel.reduce_colours

    def noted(image: Image.Image, colours: int, *, dither: bool = True) -> Image.Image:
        asked.append(colours if not dither else -colours)
        return reduce(image, colours, dither=dither)

    monkeypatch.setattr(sixel, "reduce_colours", noted)
    path = tmp_path / "noise.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(path)
    async with viewing() as (app, _):
        app.view.protocol = "sixel"
        app.view.show_file(path)
        await times_shown(app, 1)
        writer_of(app).slow = True
        app.view.redraw()
        await times_shown(app, 2)
    assert asked == [-256, painter._FEW_COLOURS]


def test_an_app_has_one_writer_which_dies_with_it() -> None:
    app = Viewing()
    assert writer_of(app) is writer_of(app)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


async def test_on_a_slow_line_previews_are_half_blocks(red: Path, sent: list[str]) -> None:
    async with viewing() as (app, _):
        app.view.protocol = "kitty"
        writer_of(app).slow = True
        app.view.show_image(Image.new("RGB", (64, 64), BLUE))
        await times_shown(app, 1)
        assert BLUE in app.colours()
        assert not ids(sent, TRANSMITTED)
        app.view.show_file(red)
        await times_shown(app, 2)
        assert len(ids(sent, TRANSMITTED)) == 1


async def test_zoom_shows_a_part(tmp_path: Path) -> None:
    path = tmp_path / "halves.png"
    image = Image.new("RGB", (64, 64), RED)
    image.paste(BLUE, (32, 0, 64, 64))
    image.save(path)
    async with viewing() as (app, _):
        app.view.show_file(path)
        await times_shown(app, 1)
        assert {RED, BLUE} <= app.colours()
        app.view.zoom = Zoom(4.0, 1.0, 0.5)
        await times_shown(app, 2)
        assert BLUE in app.colours()
        assert RED not in app.colours()
