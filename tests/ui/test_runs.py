"""Jobs that were started together: how the history, the gallery and the details tell them apart."""

from __future__ import annotations

from pathlib import Path

from tests.ui.harness import Driver, running_app
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.ui.open_session import MOST_OPEN, OpenSession


async def _draw(driver: Driver, prompt: str) -> None:
    await driver.press("ctrl+l")
    await driver.write(prompt)
    await driver.press("ctrl+r")
    await driver.settle()


def _labels(driver: Driver) -> list[str]:
    return [row.label for row in driver.state.rows() if row.entry and row.run is None]


async def test_a_sweep_is_one_run_whose_rows_say_what_differs(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a {red|blue} star cfg=2,3 seed=7")
        rows = driver.state.rows()
        assert [row.depth for row in rows] == [0, 1, 2, 2, 2, 2]
        assert rows[1].run is not None and rows[1].run.title == "a … star"
        expected = ["red, guidance 2", "red, guidance 3", "blue, guidance 2", "blue, guidance 3"]
        assert _labels(driver) == expected
        assert "a … star" in driver.text() and "×4" in driver.text()
        assert "red, guidance 2" in driver.details()


async def test_pictures_of_one_job_have_rows_of_their_own(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.screen.composer.settings.put({"count": "3"})
        await _draw(driver, "a star seed=5")
        assert _labels(driver) == ["seed 5", "seed 6", "seed 7"]
        history = driver.screen.history
        assert history.row is not None and history.row.label == "seed 7"
        history.focus()
        await driver.press("up")
        assert driver.state.picture is not None and driver.state.picture.job.seed == 6
        driver.screen.composer.settings.put({"count": ""})
        await driver.press("e")
        await driver.write("make it red")
        await driver.press("ctrl+r")
        await driver.settle()
        depths = [row.depth for row in driver.state.rows()]
        assert depths == [0, 1, 2, 2, 3, 2], "the edit is below the second picture"


async def test_runs_one_after_the_other_are_not_one_run(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a star")
        await driver.press("ctrl+r")
        await driver.settle()
        assert [row.run for row in driver.state.rows()] == [None] * 3
        assert _labels(driver) == ["", ""]


def test_a_sweep_of_an_older_version_is_one_run(tmp_path: Path) -> None:
    """It gave every job the millisecond it was kept at."""
    library = Library.open(tmp_path)
    session = library.sessions.create("old").id

    def add(seconds: str, seed: int) -> None:
        job = GenerateJob(prompt="a star", seed=seed, width=64, height=64)
        library.entries.add(session, job, created=f"2026-11-26T23:08:{seconds}+00:00")

    for seconds in ("30.126", "30.153", "30.158"):
        add(seconds, int(seconds[-3:]))
    add("30.900", 1)
    for seconds in ("40.000001", "40.005001"):
        add(seconds, int(seconds[-3:]))
    runs = OpenSession.load(library, library.sessions.get(session)).runs()
    library.close()
    assert [len(run.entries) for run in runs] == [3, 1, 1, 1]


async def test_a_run_is_closed_and_opened(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a star seed=1..3")
        history = driver.screen.history
        history.focus()
        await driver.press("home", "down", "left")
        assert len(history.rows) == 2
        await driver.press("f6", "f6", "home")
        assert history.row is not None and history.row.run is not None, "the run stands for them"
        history.focus()
        await driver.press("enter")
        assert len(history.rows) == 5
        await driver.press("left", "right")
        assert len(history.rows) == 5


async def test_a_long_run_begins_closed(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, f"a star seed=1..{MOST_OPEN + 1}")
        assert len(driver.state.rows()) == 2
        await _draw(driver, f"a ring seed=1..{MOST_OPEN}")
        assert len(driver.state.rows()) == 2 + 1 + MOST_OPEN


async def test_a_run_says_how_far_it_is(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.state.thread.pause()
        await driver.write("a star seed=1..3")
        await driver.press("ctrl+r")
        await driver.until(lambda: "0 of 3" in driver.text())
        driver.state.thread.resume()
        await driver.settle()
        assert "×3" in driver.text() and "of 3" not in driver.text()


async def test_a_search_keeps_runs_together(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a {red|blue} star seed=7")
        await driver.press("ctrl+f")
        await driver.write("star")
        await driver.until(lambda: driver.state.found is not None)
        assert _labels(driver) == ["red", "blue"]


async def test_the_best_of_several_is_named(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.screen.composer.settings.put({"best_of": "3"})
        await _draw(driver, "a ring seed=1")
        lines = [line for line in driver.lines() if "best" in line and "seed" in line]
        assert len(lines) == 1
        details = driver.details()
        assert details.index("Mark 0.") < details.index("Size"), "in sight on a small screen"


async def test_narrow_captions_say_what_differs(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await _draw(driver, "a {red|blue} star cfg=2,3 seed=7")
        assert all(words in driver.text() for words in ("2·red", "3·red", "2·blue", "3·blue"))


async def test_what_was_made_from_a_picture_stands_beside_it(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a star")
        assert driver.state.picture is not None
        source = driver.state.picture.id
        await driver.press("f6", "e")
        await driver.write("make it red")
        await driver.press("ctrl+r")
        await driver.settle()
        assert "Made from it" not in driver.details()
        driver.state.choose_picture(source)
        await driver.settle_screen()
        assert driver.details().endswith("Made from it\n~ make it red")


async def test_the_prompt_stays_selected_after_every_kind_of_run(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a star")
        prompt = driver.screen.composer.prompt
        assert driver.prompt == prompt.selected_text == "a star"
        for mode, words in (("e", "make it red"), ("d", "What is it?")):
            await driver.press("f6", mode)
            await driver.write(words)
            await driver.press("ctrl+r")
            await driver.settle()
            assert driver.prompt == prompt.selected_text == words
        await driver.type("Why?")
        assert driver.prompt == "Why?"


async def test_alt_up_after_a_run_goes_to_the_prompt_before(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _draw(driver, "a star")
        await _draw(driver, "two rings")
        await driver.press("alt+up")
        assert driver.prompt == "a star"
        await driver.press("alt+down")
        assert driver.prompt == "two rings"


async def test_key_lines_say_how_to_leave_at_80_columns(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await _draw(driver, "a star seed=1,2")
        last = driver.lines()[-1]
        assert "F6 Pictures" in last and "F3 History" in last and last.rstrip().endswith("F1 Help")
        await driver.press("f6")
        assert all(word in driver.lines()[-1] for word in ("Remix", "Trash", "Prompt", "F1 Help"))
        await driver.press("g")
        assert "Shift+arrows Resize" in driver.lines()[-1]
        await driver.press("escape", "enter")
        assert "Esc Close" in driver.lines()[-1] and "Flip" not in driver.lines()[-1]
        await driver.press("c")
        assert "Flip" in driver.lines()[-1] and driver.lines()[-1].rstrip().endswith("Esc Close")


async def test_a_click_on_a_key_of_the_viewer_does_it(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await _draw(driver, "a star")
        await driver.press("f6", "enter")
        await driver.pilot.click("KeyHints", offset=(driver.lines()[-1].index("Close"), 0))
        await driver.settle_screen()
        assert driver.on_main
