"""Drawing, editing, describing, and what becomes of it, as a person does it with the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import FakeBackend
from tests.ui.harness import running_app
from unipic_tui.job_parts import Turn
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.provenance import read_metadata
from unipic_tui.settings import Settings
from unipic_tui.ui.widgets.greeting import PROMPTS, Starters


async def test_a_first_start_greets_and_draws_with_one_key(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        assert isinstance(driver.app.focused, Starters)
        assert all(prompt in driver.text() for prompt in PROMPTS)
        assert "small model that comes with the program" in driver.text()
        assert "hf download" in driver.text()
        await driver.press("down", "enter")
        await driver.settle()
        (job,) = driver.backend.jobs
        assert job.prompt == PROMPTS[1]
        assert driver.prompt == PROMPTS[1]
        assert driver.state.picture is not None
        assert driver.state.picture.path.exists()
        assert not driver.screen.workspace.has_class("-empty")


@pytest.mark.parametrize("wanted", [True, False])
async def test_pictures_carry_their_job_unless_told_not_to(tmp_path: Path, wanted: bool) -> None:
    settings = Settings(images="blocks", metadata=wanted)
    async with running_app(tmp_path, settings=settings) as driver:
        await driver.write("a ring")
        await driver.press("ctrl+r")
        await driver.settle()
        assert driver.state.picture is not None
        assert (read_metadata(driver.state.picture.path) is not None) is wanted


async def test_typing_at_the_greeting_goes_to_the_prompt(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.type("a red ring")
        assert driver.prompt == "a red ring"


async def test_every_run_key_runs(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        for count, key in enumerate(["ctrl+r", "ctrl+j", "ctrl+enter"], 1):
            await driver.press(key)
            await driver.settle()
            assert [job.prompt for job in driver.backend.jobs] == ["a star"] * count


async def test_text_and_the_run_key_may_come_at_once(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.burst(*"ring", "ctrl+r")
        await driver.settle()
        assert [job.prompt for job in driver.backend.jobs] == ["ring"]


async def test_a_prompt_has_several_lines(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        await driver.press("enter")
        await driver.write("and a ring")
        await driver.press("ctrl+r")
        await driver.settle()
        assert driver.backend.jobs[0].prompt == "a star\nand a ring"


async def test_drawing_editing_describing_makes_a_tree(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        drawn = driver.state.picture
        assert drawn is not None

        await driver.press("f2")
        assert driver.mode == "edit"
        assert driver.prompt == ""
        await driver.write("make it red")
        await driver.press("ctrl+r")
        await driver.settle()
        edited = driver.state.picture
        assert edited is not None
        assert edited.id != drawn.id
        job = driver.backend.jobs[1]
        assert isinstance(job, EditJob)
        assert job.source == str(drawn.path)

        await driver.press("f2")
        await driver.write("what is it")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.write("which colour")
        await driver.press("ctrl+r")
        await driver.settle()
        asked = driver.backend.jobs[3]
        assert isinstance(asked, DescribeJob)
        assert asked.source == str(edited.path)
        assert asked.turns == (Turn("what is it", "A picture of 64 by 64 pixels, answer 1."),)

        assert driver.state.picture == edited
        assert "answer 2." in driver.details()
        assert "what is it" in driver.details()
        depths = [(row.depth, row.entry.job.mode) for row in driver.state.rows() if row.entry]
        assert depths == [(1, "generate"), (2, "edit"), (3, "describe"), (3, "describe")]


async def test_an_empty_question_has_the_picture_described(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("f6", "d")
        assert driver.mode == "describe"
        await driver.press("ctrl+r")
        await driver.settle()
        assert driver.backend.jobs[1].prompt == "Describe the image in detail."
        await driver.press("f6", "u")
        assert driver.mode == "generate"
        assert driver.prompt == "A picture of 64 by 64 pixels, answer 1."


async def test_everything_is_there_after_leaving_and_coming_back(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star seed=4")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("f6", "d")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("ctrl+q")
    async with running_app(tmp_path) as driver:
        assert [row.entry.job.prompt for row in driver.state.rows() if row.entry] == [
            "a star",
            "Describe the image in detail.",
        ]
        assert driver.state.picture is not None
        assert driver.state.picture.path.exists()
        assert "a star" in driver.details()
        assert "answer 1." in driver.details()
        await driver.press("alt+up")
        assert driver.prompt == "Describe the image in detail."
        await driver.press("alt+up")
        assert driver.prompt == "a star"
        await driver.press("alt+down", "alt+down")
        assert driver.prompt == ""


async def test_several_pictures_of_one_job(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.screen.composer.settings.put({"count": "3", "seed": "10"})
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        pictures = list(driver.state.current.pictures.values())
        seeds = [picture.job.seed for picture in pictures]
        assert seeds == [10, 11, 12]
        assert driver.state.picture == pictures[-1]
        assert len(list(tmp_path.rglob("*.png"))) >= 3


async def test_sweeps_and_wildcards_fill_a_contact_sheet(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a {red|blue} star seed=1..3")
        assert "6 pictures in 6 jobs" in driver.text()
        await driver.press("ctrl+r")
        await driver.settle()
        prompts = [job.prompt for job in driver.backend.jobs]
        assert prompts == ["a red star"] * 3 + ["a blue star"] * 3
        await driver.press("f6", "x")
        await driver.settle_screen()
        text = driver.text()
        assert "Contact sheet: 6 pictures" in text
        for label in ("seed 1", "seed 2", "seed 3", "red", "blue"):
            assert label in text
        await driver.press("down", "right", "enter")
        chosen = driver.state.picture
        assert chosen is not None
        assert (chosen.job.prompt, chosen.job.seed) == ("a blue star", 2)


async def test_a_session_is_named_after_its_first_prompt(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a red circle left of a blue square")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("ctrl+n")
        assert driver.screen.workspace.has_class("-empty")
        await driver.press("ctrl+l")
        await driver.write("rings")
        await driver.press("ctrl+r")
        await driver.settle()
        assert [session.name for session in driver.state.sessions] == ["rings", "a red circle"]
    library = Library.open(tmp_path)
    assert {session.pictures for session in library.sessions.all()} == {1}
    library.close()


async def test_generated_pictures_are_what_the_backend_drew(tmp_path: Path) -> None:
    backend = FakeBackend(size=48)
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        picture = driver.state.picture
        assert picture is not None
        assert (picture.width, picture.height) == (48, 48)
        assert isinstance(picture.job, GenerateJob)
        assert picture.job.iterations == 8
        assert "48×48" in driver.details()
