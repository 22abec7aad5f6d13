"""Keys that arrive at once act one after another, as if each had been waited for."""

from __future__ import annotations

from pathlib import Path

from tests.fakes import FakeBackend
from tests.ui.harness import Driver, running_app
from unipic_tui.ui.screens.dialogs import TextDialog


async def _drawn(driver: Driver) -> None:
    await driver.burst(*"a star", "ctrl+r")
    await driver.settle()
    driver.screen.workspace.gallery.focus()
    await driver.settle_screen()


async def test_the_prompt_is_run_as_it_stood(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.burst(
            *(*"a red ring", "ctrl+r", *"a star", "ctrl+r", "ctrl+l", *"a cross", "ctrl+r"),
            *("end", *" left", "enter", *"of it", "ctrl+r"),
        )
        await driver.settle()
        prompts = [job.prompt for job in backend.jobs]
        assert prompts == ["a red ring", "a star", "a cross", "a cross left\nof it"]


async def test_what_is_typed_for_a_dialog_goes_there(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        await _drawn(driver)
        await driver.burst("t", *"vase, tin", "enter", "full_stop")
        picture = driver.state.picture
        assert picture is not None and picture.tags == ("tin", "vase") and picture.favourite
        assert driver.on_main and len(backend.jobs) == 1


async def test_the_job_is_kept_before_the_app_is_left(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.app.thread.pause()
        await driver.burst(*"a star", "ctrl+r", "ctrl+q")
        await driver.until(lambda: not driver.app.is_running)
    async with running_app(tmp_path) as driver:
        assert [entry.job.prompt for entry in driver.state.current.entries.values()] == ["a star"]


async def test_a_dialog_that_is_left_gives_the_keys_back(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _drawn(driver)
        await driver.burst("t", "x", "escape", "t")
        assert isinstance(driver.app.screen, TextDialog)
        await driver.burst("escape", "i", *"red")
        assert driver.prompt == "red"


async def test_a_paste_keeps_its_place_among_the_keys(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.burst(*"a ", "paste:red star", *" up", "ctrl+r")
        await driver.settle()
        assert [job.prompt for job in backend.jobs] == ["a red star up"]
