"""Commands: their keys, the palette, the help screen, remapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input

from tests.ui.harness import Driver, running_app
from unipic_tui.settings import Settings
from unipic_tui.ui.app import ALL_COMMANDS
from unipic_tui.ui.commands import Command, hints, keys_of, remapping, shown_key
from unipic_tui.ui.screens.help import HelpScreen
from unipic_tui.ui.screens.queue_screen import QueueScreen
from unipic_tui.ui.screens.viewer import ViewerScreen


def test_what_is_declared_is_sound() -> None:
    ids = [command.id for command in ALL_COMMANDS]
    assert len(set(ids)) == len(ids)
    assert remapping({}, ALL_COMMANDS) == ({}, [])
    for command in ALL_COMMANDS:
        assert command.help.endswith("."), command.id
        assert command.title[0].isupper(), command.id
        assert command.keys or command.place == "main", command.id


def test_single_letters_are_not_for_where_text_is_typed() -> None:
    for command in ALL_COMMANDS:
        letters = [key for key in keys_of(command, {}) if len(key) == 1]
        assert not letters or command.place not in {"app", "main"}, command.id


def test_remapping_says_what_is_wrong() -> None:
    keys = {"run": "f7", "fly": "x", "picture.edit": "d"}
    keymap, complaints = remapping(keys, ALL_COMMANDS)
    assert keymap == {"run": "f7", "picture.edit": "d"}
    assert len(complaints) == 2
    assert "'fly'" in complaints[0]
    assert "given to both 'picture.edit' and 'picture.describe'" in complaints[1]


@pytest.mark.parametrize(
    ("keys", "clashes"),
    [
        ({"viewer.next": "v"}, []),  # the gallery's variations are not in the viewer
        ({"viewer.next": "r"}, ["'viewer.next' and 'viewer.remix'"]),
        ({"jobs.hold": "g", "history.open": "x"}, ["'picture.sheet' and 'history.open'"]),
        ({"gallery.open": "v"}, ["'picture.variations' and 'gallery.open'"]),
        ({"viewer.pan-left": "ctrl+q"}, ["'quit' and 'viewer.pan-left'"]),
        ({"picture.note": "?"}, ["'picture.note' and 'help'"]),
        ({"picture.view": "enter,f11"}, []),
    ],
)
def test_keys_clash_only_where_both_act(keys: dict[str, str], clashes: list[str]) -> None:
    _, complaints = remapping(keys, ALL_COMMANDS)
    assert len(complaints) == len(clashes), complaints
    for said, clash in zip(complaints, clashes, strict=True):
        assert clash in said


def test_a_line_of_keys_joins_what_belongs_together() -> None:
    jobs = [command for command in ALL_COMMANDS if command.place == "queue"]
    assert _line(jobs, {}) == (
        "Shift+↑↓ Order · Space Hold · c Cancel · r Run again · p Pause · Esc Close"
    )
    remapped = {"jobs.earlier": "a", "jobs.hold": "ctrl+h"}
    assert _line(jobs, remapped).startswith("a/Shift+↓ Order · Ctrl+H Hold · c Cancel")
    region = [command for command in ALL_COMMANDS if command.place == "region"]
    assert _line(region, {}) == "Enter Take · arrows Move · Shift+arrows Resize · Esc Leave"


def _line(commands: list[Command], keymap: dict[str, str]) -> str:
    return " · ".join(f"{hint.keys} {hint.words}" for hint in hints(commands, keymap))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("ctrl+r", "Ctrl+R"),
        ("alt+up", "Alt+↑"),
        ("f1", "F1"),
        ("full_stop", "."),
        ("question_mark", "?"),
        ("e", "e"),
        ("R", "R"),
        ("escape", "Esc"),
        ("ctrl+enter", "Ctrl+Enter"),
    ],
)
def test_keys_are_shown_as_people_write_them(key: str, shown: str) -> None:
    assert shown_key(key) == shown


async def _drawn(driver: Driver) -> None:
    await driver.write("a star")
    await driver.press("ctrl+r")
    await driver.settle()


async def test_letters_are_letters_while_text_is_typed(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _drawn(driver)
        await driver.press("ctrl+l")
        letters = "".join(map(chr, range(0x20, 0x7F)))
        await driver.type(letters)
        assert driver.prompt == letters
        assert len(driver.backend.jobs) == 1
        await driver.press("ctrl+f")
        await driver.type("rdz.")
        assert driver.screen.query_one("#search", Input).value == "rdz."
        assert len(driver.backend.jobs) == 1
        await driver.press("ctrl+z", "delete")
        assert driver.state.picture is not None


async def test_the_palette_finds_and_runs_commands(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.press("ctrl+p")
        await driver.until(lambda: "Draw, edit or describe, as" in driver.text())
        await driver.type("light or dark")
        await driver.until(lambda: "Switch between the light" in driver.text())
        assert "Draw, edit or describe, as" not in driver.text()
        await driver.press("enter")
        await driver.until(lambda: driver.on_main)
        await driver.until(lambda: driver.app.theme == "unipic-light")


async def test_the_palette_offers_all_themes(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.press("ctrl+p")
        await driver.type("choose a theme")
        await driver.until(lambda: "Change the colours." in driver.text())
        await driver.press("enter")
        await driver.until(lambda: "Search for themes" in driver.text())
        await driver.type("solarized-light")
        await driver.press("down", "enter")
        await driver.until(lambda: driver.app.theme == "solarized-light")


async def test_the_help_screen_lists_everything(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(120, 400)) as driver:
        await driver.press("f1")
        assert isinstance(driver.app.screen, HelpScreen)
        text = driver.text()
        for command in ALL_COMMANDS:
            assert command.title in text
            assert f" {command.id} " in text
        for identifier in ("viewer.flip", "gallery.left", "history.fold", "region.take"):
            assert f" {identifier} " in text
        await driver.press("escape")
        assert driver.on_main


async def test_keys_can_be_remapped(tmp_path: Path) -> None:
    settings = Settings(images="blocks", keys={"run": "f7", "picture.remix": "Q", "quit": "f10"})
    async with running_app(tmp_path, settings=settings) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        assert driver.backend.jobs == []
        assert "F7 Run" in driver.text()
        await driver.press("f7")
        await driver.settle()
        assert len(driver.backend.jobs) == 1
        await driver.press("f6", "r")
        await driver.settle()
        assert len(driver.backend.jobs) == 1
        await driver.press("Q")
        await driver.settle()
        assert len(driver.backend.jobs) == 2
        await driver.press("f10")
        assert driver.app.return_code == 0


async def _shows(driver: Driver, kind: type[Screen[Any]]) -> None:
    await driver.until(lambda: isinstance(driver.app.screen, kind))


async def test_keys_of_other_screens_can_be_remapped(tmp_path: Path) -> None:
    keys = {
        "viewer.back": "f7",
        "viewer.pan-right": "W",
        "gallery.left": "ctrl+b",
        "region.take": "T",
        "jobs.close": "Z",
        "history.up": "U",
    }
    settings = Settings(images="blocks", keys=keys)
    async with running_app(tmp_path, size=(140, 45), settings=settings) as driver:
        await driver.write("a star seed=1..2")
        await driver.press("ctrl+r")
        await driver.settle()
        first, last = driver.state.current.pictures
        await driver.press("f6", "end")
        assert driver.state.picture_id == last
        await driver.press("left")
        assert driver.state.picture_id == last, "the old key does nothing"
        await driver.press("ctrl+b")
        assert driver.state.picture_id == first
        await driver.press("end", "enter")
        await _shows(driver, ViewerScreen)
        viewer = driver.app.screen
        assert isinstance(viewer, ViewerScreen)
        await driver.press("left")
        assert viewer.picture.id == last
        await driver.press("plus", "W")
        assert viewer.zoom.x > 0.5
        await driver.press("left")
        assert viewer.zoom.x == pytest.approx(0.5), "other keys that pan still do"
        await driver.press("f7")
        assert viewer.picture.id == first
        await driver.press("escape", "g")
        await driver.until(lambda: "T Take" in driver.lines()[-1])
        await driver.press("T")
        assert driver.screen.composer.chosen_region is not None
        await driver.press("f8")
        await _shows(driver, QueueScreen)
        assert "Z Close" in driver.text()
        await driver.press("escape")
        assert not driver.on_main
        await driver.press("Z")
        assert driver.on_main
        driver.screen.history.focus()
        await driver.press("end")
        at = driver.screen.history.cursor
        await driver.press("U")
        assert driver.screen.history.cursor == at - 1


async def test_wrong_keys_in_the_settings_are_said_and_the_rest_works(tmp_path: Path) -> None:
    settings = Settings(images="blocks", theme="no-such-theme", keys={"fly": "f7"})
    async with running_app(tmp_path, settings=settings) as driver:
        said = " ".join(driver.notices())
        assert "'fly'" in said
        assert "no-such-theme" in said
        assert driver.app.theme in {"unipic-dark", "unipic-light"}


async def test_a_hint_can_be_clicked(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        column = driver.lines()[-1].index("F2 Mode")
        await driver.pilot.click("KeyHints", offset=(column, 0))
        await driver.settle_screen()
        assert driver.screen.composer.mode == "edit"
