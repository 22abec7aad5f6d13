"""The full-screen viewer."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from tests.ui.viewing import until
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.canvas import Canvas
from unipic_tui.terminal.rendering import renderer
from unipic_tui.terminal.sixel import MAX_BANDS
from unipic_tui.ui.screens.viewer import ViewerScreen
from unipic_tui.ui.widgets.captioned_picture import CaptionedPicture

Colour = tuple[int, int, int]
COLOURS: list[Colour] = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]


class Looking(App[None]):
    def __init__(self, pictures: list[StoredPicture], index: int, protocol: str) -> None:
        super().__init__()
        self.viewer = ViewerScreen(pictures, index, protocol, self.act)
        self.actions: list[tuple[str, int]] = []
        self.result: int | str | None = "open"
        self.shown = 0

    def on_mount(self) -> None:
        self.push_screen(self.viewer, self.closed)

    def closed(self, result: int | None) -> None:
        self.result = result

    def act(self, identifier: str, picture: StoredPicture) -> None:
        self.actions.append((identifier, picture.id))

    def on_picture_view_shown(self) -> None:
        self.shown += 1

    def panes(self) -> list[CaptionedPicture]:
        return [pane for pane in self.viewer.query(CaptionedPicture) if pane.display]

    def captions(self) -> list[str]:
        return [str(pane.query_one(Static).content) for pane in self.panes()]

    def colours(self) -> list[set[Colour]]:
        """The colours of the picture in each pane."""
        found: list[set[Colour]] = []
        for pane in self.panes():
            canvas = pane.query_one(Canvas)
            area = canvas.picture_region
            lines = canvas.render_lines(canvas.size.region)[area.y : area.bottom]
            styles = (s.style for line in lines for s in line.crop(area.x, area.right) if s.style)
            colours = (style.bgcolor.triplet for style in styles if style.bgcolor)
            found.append({(c.red, c.green, c.blue) for c in colours if c})
        return found

    async def sees(self, *colours: set[Colour]) -> None:
        await until(lambda: self.colours() == list(colours))


@pytest.fixture
def pictures(tmp_path: Path) -> list[StoredPicture]:
    renderer.cache_clear()
    made: list[StoredPicture] = []
    for index, colour in enumerate(COLOURS):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (64, 64), colour).save(path)
        made.append(
            StoredPicture(
                id=10 + index,
                entry=1,
                session=1,
                index=index,
                path=path,
                width=64,
                height=64,
                job=GenerateJob(prompt=f"colour [b]{index}[/b]", seed=40 + index, guidance=3),
                model="nano",
                created=datetime.now(UTC),
                favourite=False,
                tags=(),
                note="",
            )
        )
    return made


@asynccontextmanager
async def looking(
    pictures: list[StoredPicture], index: int = 0, protocol: str = "blocks"
) -> AsyncIterator[tuple[Looking, Pilot[Any]]]:
    app = Looking(pictures, index, protocol)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        yield app, pilot


async def test_it_begins_with_the_chosen_picture(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 2) as (app, _):
        await app.sees({COLOURS[2]})
        assert app.captions() == ["3/4  colour [b]2[/b] · 64×64 · seed 42 · guidance 3 · nano"]


async def test_next_and_previous_stop_at_the_ends(pictures: list[StoredPicture]) -> None:
    async with looking(pictures) as (app, pilot):
        await pilot.press("left")
        await app.sees({COLOURS[0]})
        await pilot.press("right")
        await app.sees({COLOURS[1]})
        await pilot.press("n", "l", "right", "right")
        await app.sees({COLOURS[3]})
        await pilot.press("pageup")
        await app.sees({COLOURS[2]})
        await pilot.press("home")
        await app.sees({COLOURS[0]})


@pytest.mark.parametrize("key", ["escape", "q", "enter"])
async def test_it_comes_back_with_what_was_seen_last(
    pictures: list[StoredPicture], key: str
) -> None:
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press("right", key)
        await until(lambda: app.result == 2)


async def test_keys_have_things_done(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press("r", "s")
        await until(lambda: app.actions == [("picture.remix", 11), ("picture.seed", 11)])
        assert app.result == "open"


@pytest.mark.parametrize(("key", "command"), [("p", "picture.prompt"), ("a", "picture.recall")])
async def test_what_goes_into_the_editor_closes_it(
    pictures: list[StoredPicture], key: str, command: str
) -> None:
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press(key)
        await until(lambda: app.result is None)
        assert app.actions == [(command, 11)]


async def test_a_favourite_is_marked_at_once(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press("full_stop")
        await until(lambda: app.captions()[0].startswith("2/4  ★ "))
        await pilot.press("full_stop")
        await until(lambda: "★" not in app.captions()[0])
        assert app.actions == [("picture.favourite", 11), ("picture.favourite", 11)]


async def test_trash_goes_on_to_the_next_and_keeps_indices(
    pictures: list[StoredPicture],
) -> None:
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press("delete")
        await app.sees({COLOURS[2]})
        assert app.captions()[0].startswith("3/4 ")
        assert app.actions == [("trash", 11)]
        await pilot.press("left")
        await app.sees({COLOURS[0]})
        await pilot.press("right", "escape")
        await until(lambda: app.result == 2)


async def test_trash_of_the_last_one_goes_back(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 3) as (app, pilot):
        await pilot.press("delete")
        await app.sees({COLOURS[2]})


async def test_with_nothing_left_it_closes(pictures: list[StoredPicture]) -> None:
    async with looking(pictures[:1]) as (app, pilot):
        await pilot.press("c")
        assert app.viewer.comparison == "none"
        await pilot.press("delete")
        await until(lambda: app.result is None)


async def test_news_of_a_picture_are_shown(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 1) as (app, _):
        app.viewer.update_picture(dataclasses.replace(pictures[1], favourite=True))
        await until(lambda: "★" in app.captions()[0])


# close up


@pytest.fixture
def halves(pictures: list[StoredPicture]) -> list[StoredPicture]:
    image = Image.new("RGB", (64, 64), COLOURS[0])
    image.paste(COLOURS[1], (32, 0, 64, 64))
    image.save(pictures[0].path)
    return pictures


async def test_close_up_the_arrow_keys_move_over_the_picture(
    halves: list[StoredPicture],
) -> None:
    async with looking(halves) as (app, pilot):
        await until(lambda: {COLOURS[0], COLOURS[1]} <= app.colours()[0])
        await pilot.press(*["plus"] * 6)
        await until(lambda: app.captions()[0].startswith("1/4  8× "))
        await pilot.press(*["left"] * 12)
        await app.sees({COLOURS[0]})
        await pilot.press(*["right"] * 24)
        await app.sees({COLOURS[1]})
        assert app.captions()[0].startswith("1/4")
        await pilot.press("0")
        await until(lambda: {COLOURS[0], COLOURS[1]} <= app.colours()[0])
        await pilot.press("right")
        await app.sees({COLOURS[1]})
        assert app.captions()[0].startswith("2/4")


async def test_another_picture_is_seen_whole(halves: list[StoredPicture]) -> None:
    async with looking(halves, 1) as (app, pilot):
        await pilot.press("plus", "plus", "n")
        await until(lambda: app.viewer.picture.id == 12)
        assert app.viewer.zoom.factor == 1


async def test_both_panes_look_at_the_same_part(halves: list[StoredPicture]) -> None:
    async with looking(halves, 1) as (app, pilot):
        await pilot.press("c", "plus", "right")
        await pilot.pause()
        first, second = (pane.view for pane in app.panes())
        assert first.zoom == second.zoom
        assert first.zoom.factor > 1


# two against each other


async def test_compare_shows_two_side_by_side(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 2) as (app, pilot):
        await pilot.press("c")
        await app.sees({COLOURS[1]}, {COLOURS[2]})
        assert [caption[:5] for caption in app.captions()] == ["A 2/4", "B 3/4"]
        widths = {pane.query_one(Canvas).size.width for pane in app.panes()}
        assert len(widths) == 1
        await pilot.press("right")
        await app.sees({COLOURS[1]}, {COLOURS[3]})
        await pilot.press("escape")
        await app.sees({COLOURS[3]})
        assert app.result == "open"


async def test_two_sixel_pictures_share_what_xterm_keeps(
    pictures: list[StoredPicture],
) -> None:
    async with looking(pictures, 2, "sixel") as (app, pilot):
        await until(lambda: app.shown >= 1)
        await pilot.press("c")
        await until(lambda: len(app.panes()) == 2 and app.shown >= 3)

        def bands() -> list[int]:
            return [len(pane.query_one(Canvas).bands) for pane in app.panes()]

        await until(lambda: all(1 < count <= MAX_BANDS // 2 for count in bands()))


async def test_an_edit_is_compared_with_its_source(pictures: list[StoredPicture]) -> None:
    job = EditJob(prompt="make it yellow", source=str(pictures[0].path))
    pictures[3] = dataclasses.replace(pictures[3], job=job)
    async with looking(pictures, 3) as (app, pilot):
        await pilot.press("c")
        await app.sees({COLOURS[0]}, {COLOURS[3]})


async def test_the_first_is_compared_with_the_second(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 0) as (app, pilot):
        await pilot.press("c")
        await app.sees({COLOURS[1]}, {COLOURS[0]})


async def test_flipping_shows_them_in_turns(pictures: list[StoredPicture]) -> None:
    async with looking(pictures, 2) as (app, pilot):
        await pilot.press("space")
        assert app.viewer.comparison == "none"
        await pilot.press("c", "space")
        await app.sees({COLOURS[1]})
        assert app.captions()[0].startswith("A ")
        await pilot.press("f")
        await app.sees({COLOURS[2]})
        assert app.captions()[0].startswith("B ")
        await pilot.press("b")
        await app.sees({COLOURS[1]}, {COLOURS[2]})


async def test_the_difference_is_amplified(pictures: list[StoredPicture], tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (100, 100, 100)).save(pictures[0].path)
    Image.new("RGB", (64, 64), (110, 100, 60)).save(pictures[1].path)
    async with looking(pictures, 1) as (app, pilot):
        await pilot.press("c", "d")
        await app.sees({(40, 0, 160)})
        assert app.captions()[0].startswith("Difference ×4 between A 1/4 and B 2/4")
        await pilot.press("right_square_bracket")
        await app.sees({(80, 0, 252)})
        await pilot.press("left_square_bracket", "left_square_bracket")
        await app.sees({(20, 0, 80)})
        await pilot.press("d")
        await until(lambda: len(app.panes()) == 2)


async def test_an_unreadable_picture_is_said_and_the_rest_goes_on(
    pictures: list[StoredPicture],
) -> None:
    pictures[1].path.unlink()
    async with looking(pictures) as (app, pilot):
        await pilot.press("right")
        await until(
            lambda: (
                "cannot be read"
                in " ".join(
                    " ".join(strip.text for strip in app.screen._compositor.render_strips()).split()
                )
            )
        )
        await pilot.press("right")
        await app.sees({COLOURS[2]})


async def test_flipping_keeps_both_in_a_kitty_terminal(
    pictures: list[StoredPicture], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def deliver(_: object, data: str, written: int = 0) -> None:
        sent.append(data)

    monkeypatch.setattr("unipic_tui.terminal.throttle.TerminalWriter._deliver", deliver)
    async with looking(pictures, 1, "kitty") as (app, pilot):
        await until(lambda: app.shown >= 1)
        await pilot.press("c", "space")
        await until(lambda: app.captions()[0].startswith("A ") and len(app.panes()) == 1)
        await pilot.pause()

        async def flip() -> int:
            """How many pictures were sent by then."""
            count = app.shown
            await pilot.press("space")
            await until(lambda: app.shown > count)
            return len([data for data in sent if ",m=0;" in data])

        await flip()
        before = await flip()  # by now each was sent at this size
        for _ in range(3):
            assert await flip() == before


async def test_the_keys_are_told(pictures: list[StoredPicture]) -> None:
    async with looking(pictures) as (app, pilot):

        def footer() -> str:
            lines = app.screen._compositor.render_strips()
            return lines[-1].text

        await until(lambda: "Close" in footer() and "Compare" in footer())
        assert "Flip" not in footer()
        await pilot.press("c")
        await until(lambda: "Flip" in footer() and "Difference" in footer())
