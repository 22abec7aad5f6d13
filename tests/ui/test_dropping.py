"""Files that are dropped on the app, or whose paths are pasted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual import events

from tests.fakes import gradient
from tests.ui.harness import Driver, running_app


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Driver]:
    async with running_app(tmp_path / "library") as driver:
        yield driver


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "dropped here"
    gradient(32, 48, "x").save(file, "PNG")
    return file


async def drop(driver: Driver, text: str) -> None:
    """As the terminal does: the app decides who gets it."""
    driver.app.post_message(events.Paste(text))
    await driver.flush_keys()
    await driver.settle_screen()


def opened(driver: Driver) -> list[str]:
    return [picture.path.name for picture in driver.state.current.pictures.values()]


@pytest.mark.parametrize("place", ["greeting", "prompt", "gallery", "history", "nowhere"])
async def test_a_picture_opens_wherever_it_is_dropped(
    driver: Driver, picture: Path, place: str
) -> None:
    screen = driver.screen
    assert driver.focuses(screen.query_one("#starters"))
    if place != "greeting":
        await driver.write("a cup")
        await driver.press("ctrl+r")
        await driver.settle()
    widgets = {
        "prompt": screen.composer.prompt,
        "gallery": screen.workspace.gallery,
        "history": screen.history,
    }
    if place in widgets:
        widgets[place].focus()
    elif place == "nowhere":
        screen.set_focus(None)
    await driver.flush()
    before = len(opened(driver))
    await drop(driver, f"'{picture}'")
    assert len(opened(driver)) == before + 1
    assert driver.state.picture is not None
    assert (driver.state.picture.width, driver.state.picture.height) == (32, 48)
    assert (driver.mode, driver.prompt) == ("edit", "")
    assert driver.focuses(screen.composer.prompt)
    assert driver.notices() == []
    await drop(driver, "/no/such/file.png")
    await drop(driver, f"{picture.parent}")
    assert len(opened(driver)) == before + 1
    assert driver.prompt == ""
    missing, folder = driver.notices()
    assert "/no/such/file.png" in missing
    assert str(picture.parent) in folder


async def test_several_pictures_at_once(driver: Driver, picture: Path, tmp_path: Path) -> None:
    others = [tmp_path / f"{place} other.jpe" for place in range(3)]
    for place, other in enumerate(others):
        gradient(32, 32, str(place)).save(other, "JPEG")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    paths = [picture, *others, bad]
    await drop(driver, "\n".join(path.as_uri() for path in paths))
    assert len(opened(driver)) == 4
    assert [str(bad) in notice for notice in driver.notices()] == [True]
    assert driver.state.picture is not None
    assert driver.state.picture.height == 48
    missing = " ".join(f"/no/such/{number}.png" for number in range(9))
    await drop(driver, missing)
    assert len(driver.notices()) == 5
    assert "6 more" in driver.notices()[-1]


async def test_a_file_that_is_refused_makes_no_session(driver: Driver, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    await drop(driver, bad.as_uri())
    assert [str(bad) in notice for notice in driver.notices()] == [True]
    assert driver.state.sessions == []


async def test_text_with_a_path_in_it_is_a_prompt(driver: Driver, picture: Path) -> None:
    await drop(driver, f"like {picture}")
    assert driver.prompt == f"like {picture}"
    await driver.press("ctrl+l")
    driver.screen.workspace.gallery.focus()
    await drop(driver, f"{picture} but blue\n\x1b[31mand round")
    assert driver.prompt == f"{picture} but blue\n␛[31mand round"
    assert opened(driver) == []


async def test_dropping_on_other_screens(driver: Driver, picture: Path) -> None:
    await drop(driver, str(picture))
    driver.screen.perform("picture.view")
    await driver.until(lambda: not driver.on_main)
    await drop(driver, str(picture))
    assert driver.on_main
    assert len(opened(driver)) == 2
    await driver.press("f1")
    assert not driver.on_main
    await drop(driver, str(picture))
    assert driver.on_main
    assert len(opened(driver)) == 3
    assert driver.notices() == []


async def test_a_quoted_path_in_the_dialog(driver: Driver, picture: Path) -> None:
    await driver.press("ctrl+o")
    driver.app.screen.query_one("PathLine").value = ""  # type: ignore[attr-defined]
    await drop(driver, f"{picture.as_uri()}\n")
    await driver.press("enter")
    await driver.settle_screen()
    assert len(opened(driver)) == 1


@pytest.mark.parametrize("text", ["word " * 20_000, "/" + "x" * 100_000])
async def test_a_text_without_end_is_refused(driver: Driver, text: str) -> None:
    for widget in (driver.screen.composer.prompt, driver.screen.workspace.gallery):
        widget.focus()
        await drop(driver, text)
        assert driver.prompt == ""
        assert f"{len(text):,} characters" in driver.notices()[-1]
