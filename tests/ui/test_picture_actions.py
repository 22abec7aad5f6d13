"""What can be done with the chosen picture."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from tests.fakes import gradient
from tests.ui.harness import Driver, running_app
from unipic_tui.job_parts import Region
from unipic_tui.jobs import EditJob, GenerateJob, Job
from unipic_tui.ui.screens.path_screen import common_start, complete
from unipic_tui.ui.screens.viewer import ViewerScreen


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Driver]:
    """The app with two pictures; the gallery has the focus, the second is chosen."""
    async with running_app(tmp_path / "library") as driver:
        await driver.write("a {star|ring} seed=7 cfg=2")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("ctrl+l", "f6", "end")
        assert driver.state.picture is not None
        assert driver.state.picture.job.prompt == "a ring"
        yield driver


def last_job(driver: Driver) -> Job:
    return driver.backend.jobs[-1]


async def test_remix_and_variations_change_the_seed_alone(driver: Driver) -> None:
    await driver.press("v")
    await driver.settle()
    job = last_job(driver)
    assert isinstance(job, GenerateJob)
    assert (job.seed, job.count) == (8, 4)
    seeds = [picture.job.seed for picture in driver.state.current.pictures.values()]
    assert seeds == [7, 7, 8, 9, 10, 11]
    await driver.press("r")
    await driver.settle()
    job = last_job(driver)
    assert isinstance(job, GenerateJob)
    assert (job.prompt, job.guidance, job.width, job.count) == ("a ring", 2.0, 64, 1)
    assert job.seed not in seeds


async def test_looking_at_a_picture_changes_no_setting(driver: Driver) -> None:
    before = driver.screen.composer.settings.texts
    await driver.press("left", "right", "enter")
    await driver.press("escape")
    assert driver.screen.composer.settings.texts == before
    assert driver.prompt == ""


async def test_prompt_seed_and_all_settings_can_be_recalled(driver: Driver) -> None:
    await driver.press("p")
    assert driver.prompt == "a ring"
    assert driver.screen.composer.settings.texts["guidance"] == ""
    await driver.press("f6", "s")
    assert driver.screen.composer.settings.texts["seed"] == "7"
    await driver.press("a")
    texts = driver.screen.composer.settings.texts
    assert (texts["guidance"], texts["iterations"], texts["size"]) == ("2", "8", "64×64")
    await driver.press("ctrl+r")
    await driver.settle()
    assert driver.state.picture is not None
    made = driver.state.picture.job
    first = list(driver.state.current.pictures.values())[1].job
    assert made == first


async def test_edit_takes_the_chosen_picture(driver: Driver) -> None:
    await driver.press("left", "e")
    assert driver.screen.composer.mode == "edit"
    assert "“a star”" in driver.text()
    await driver.write("make it blue")
    await driver.press("ctrl+r")
    await driver.settle()
    job = last_job(driver)
    assert isinstance(job, EditJob)
    assert "a-star" in job.source
    await driver.press("f6", "r")
    await driver.settle()
    again = last_job(driver)
    assert isinstance(again, EditJob)
    assert again == dataclasses.replace(
        job,
        seed=again.seed,
        iterations=8,
        order="random",
        head_steps=10,
        guidance=3.0,
        size=64,
    )
    depths = [row.depth for row in driver.state.rows() if row.entry]
    assert depths == [1, 2, 3, 3, 2]  # the run, its first job with two edits, its second


async def test_a_region_is_drawn_anew(driver: Driver) -> None:
    source = driver.state.picture
    assert source is not None
    await driver.press("g")
    await driver.press("home")
    await driver.press("left", "left", "left", "up", "up", "up", "shift+left")
    await driver.press("enter")
    assert driver.screen.composer.mode == "generate"
    assert "redraws" in driver.text()
    await driver.write("a cross")
    await driver.press("ctrl+r")
    await driver.settle()
    job = last_job(driver)
    assert isinstance(job, GenerateJob)
    assert job.source == str(source.path)
    assert isinstance(job.region, Region)
    assert (job.region.x, job.region.y) == (0, 0)
    assert job.prompt == "a cross"
    assert "redraws" not in driver.text()
    assert [row.depth for row in driver.state.rows() if row.entry] == [1, 2, 2, 3]

    driver.screen.workspace.gallery.focus()
    await driver.press("g", "escape")
    assert "redraws" not in driver.text()
    assert driver.app.focused is driver.screen.workspace.gallery


async def test_favourites_tags_notes_and_copies(driver: Driver, tmp_path: Path) -> None:
    await driver.press("full_stop")
    await driver.press("t")
    await driver.write("shapes, round")
    await driver.press("enter")
    await driver.press("n")
    await driver.write("the best one")
    await driver.press("enter")
    picture = driver.state.picture
    assert picture is not None
    assert picture.favourite
    assert set(picture.tags) == {"shapes", "round"}
    assert picture.note == "the best one"
    assert "★" in driver.details()
    assert "the best one" in driver.details()
    await driver.press("full_stop")
    assert driver.state.picture is not None
    assert not driver.state.picture.favourite

    picture = driver.state.picture
    assert picture is not None
    await driver.press("y")
    assert driver.app.clipboard == str(picture.path)
    await driver.press("w")
    line = driver.app.screen.query_one(Input)
    target = tmp_path / "copy.png"
    line.value = str(tmp_path / "nowhere" / "copy.png")
    await driver.press("enter")
    assert "There is no folder" in driver.text()
    line.value = str(target)
    await driver.press("enter")
    await driver.until(target.exists)
    assert target.read_bytes() == picture.path.read_bytes()


async def test_trash_and_undo(driver: Driver) -> None:
    await driver.press("delete")
    assert [p.job.prompt for p in driver.state.current.pictures.values()] == ["a star"]
    assert driver.state.picture is not None
    assert driver.state.picture.job.prompt == "a star"
    await driver.press("z")
    assert len(driver.state.current.pictures) == 2
    await driver.press("z")
    assert "The trash is empty." in driver.notices()


async def test_moving_to_another_session(driver: Driver) -> None:
    await driver.press("m")
    assert "There is no other session yet." in driver.text()
    await driver.press("escape", "ctrl+n")
    await driver.write("rings")
    await driver.press("ctrl+r")
    await driver.settle()
    await driver.press("f6", "m", "enter")
    await driver.settle_screen()
    counts = {session.name: session.pictures for session in driver.state.sessions}
    assert counts == {"rings": 0, "a {star|ring} seed=7 cfg=2": 3} or counts["rings"] == 0


async def test_the_viewer_opens_and_compares(driver: Driver) -> None:
    await driver.press("enter")
    viewer = driver.app.screen
    assert isinstance(viewer, ViewerScreen)
    await driver.press("left", "escape")
    assert driver.on_main
    assert driver.state.picture is not None
    assert driver.state.picture.job.prompt == "a star"
    await driver.press("c")
    viewer = driver.app.screen
    assert isinstance(viewer, ViewerScreen)
    assert viewer.comparison == "side"


async def test_keys_of_the_viewer_act_on_the_library(driver: Driver) -> None:
    await driver.press("enter", "full_stop")
    assert driver.state.picture is not None
    assert driver.state.picture.favourite
    await driver.press("delete")
    await driver.settle_screen()
    assert len(driver.state.current.pictures) == 1
    await driver.press("a")
    assert driver.on_main
    assert driver.prompt == "a star"


async def test_opening_a_file_with_completion(driver: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    gradient(32, 48, "x").save(folder / "holiday.png")
    (folder / "notes.txt").write_text("no picture")
    await driver.press("ctrl+o")
    line = driver.app.screen.query_one(Input)
    line.value = f"{tmp_path}/my"
    await driver.until(lambda: "my pictures/" in driver.text())
    await driver.press("tab")
    assert line.value == f"{folder}/"
    await driver.until(lambda: "holiday.png" in driver.text())
    assert "notes.txt" not in driver.text()
    await driver.press("down", "enter")
    await driver.settle_screen()
    picture = driver.state.picture
    assert picture is not None
    assert (picture.width, picture.height) == (32, 48)
    assert driver.screen.composer.mode == "edit"
    assert (folder / "holiday.png").exists()

    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no picture at all")
    await driver.press("ctrl+o")
    line = driver.app.screen.query_one(Input)
    line.value = str(tmp_path / "missing.png")
    await driver.press("enter")
    assert "There is no file" in driver.text()
    line.value = str(wrong)
    await driver.press("enter")
    await driver.settle_screen()
    assert any("wrong.png" in said for said in driver.notices())
    assert len(driver.state.current.pictures) == 3


def test_completion(tmp_path: Path) -> None:
    (tmp_path / "alpha").mkdir()
    (tmp_path / "alps.png").touch()
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "text.txt").touch()
    gradient(8, 8, "x").save(tmp_path / "beta", "PNG")
    found = complete(f"{tmp_path}/", "picture")
    assert found == ["alpha/", "alps.png", "beta"]
    assert (
        common_start(f"{tmp_path}/AL", complete(f"{tmp_path}/AL", "picture")) == f"{tmp_path}/alp"
    )
    assert common_start(f"{tmp_path}/alph", complete(f"{tmp_path}/alph", "folder")).endswith(
        "alpha/"
    )
    assert len(complete(f"{tmp_path}/", "any")) == 4
    assert complete(f"{tmp_path}/nowhere/", "any") == []
    assert complete("\0/", "any") == []
    assert common_start("x", []) == "x"


async def test_without_a_picture_the_commands_say_so(tmp_path: Path) -> None:
    async with running_app(tmp_path / "library") as driver:
        for identifier in ("picture.edit", "picture.remix", "picture.view", "picture.recall"):
            driver.screen.perform(identifier)
        await driver.settle_screen()
        assert set(driver.notices()) == {"Choose a picture first."}
        assert driver.on_main
        assert len(driver.app.screen.query(OptionList)) == 1
