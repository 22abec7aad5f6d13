"""The table of commands: keys, palette, help, remapping."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.harness import Driver, running_app
from unipic_tui.settings import Settings
from unipic_tui.ui.commands import COMMANDS, keys_of, remapping, shown_key
from unipic_tui.ui.screens.help import HelpScreen

IDS = [command.id for command in COMMANDS]


def test_the_table_is_sound() -> None:
    assert len(set(IDS)) == len(IDS)
    assert remapping({}, IDS) == ({}, [])
    for command in COMMANDS:
        assert command.help.endswith(".")
        assert command.title[0].isupper()
        assert command.scope != "pictures" or command.keys


def test_single_letters_are_for_the_pictures_alone() -> None:
    for command in COMMANDS:
        letters = [key for key in keys_of(command, {}) if len(key) == 1]
        assert not letters or command.scope == "pictures", command.id


def test_remapping_says_what_is_wrong() -> None:
    keymap, complaints = remapping({"run": "f7", "fly": "x", "picture.edit": "d"}, IDS)
    assert keymap == {"run": "f7", "picture.edit": "d"}
    assert len(complaints) == 2
    assert "'fly'" in complaints[0]
    assert "given to both 'picture.edit' and 'picture.describe'" in complaints[1]


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


async def test_every_command_is_done_by_the_screen(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        assert driver.screen.handled == set(IDS) - {"palette", "quit"}


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
        assert driver.studio.picture is not None


async def test_the_palette_finds_and_runs_commands(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.press("ctrl+p")
        await driver.until(lambda: "Draw, change or describe" in driver.text())
        await driver.type("light or dark")
        await driver.until(lambda: "Switch between the light" in driver.text())
        assert "Draw, change or describe" not in driver.text()
        await driver.press("enter")
        await driver.until(lambda: driver.on_main)
        await driver.until(lambda: driver.app.theme == "unipic-light")


async def test_the_help_screen_lists_everything(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(120, 200)) as driver:
        await driver.press("f1")
        assert isinstance(driver.app.screen, HelpScreen)
        text = driver.text()
        for command in COMMANDS:
            assert command.title in text
            assert command.id in text
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
