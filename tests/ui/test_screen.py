"""The screen at other sizes, in other themes, without pictures."""

from __future__ import annotations

from pathlib import Path

from textual.widget import Widget

from tests.ui.harness import Driver, running_app
from unipic_tui.jobs import GenerateJob
from unipic_tui.settings import Settings
from unipic_tui.ui.widgets.bars import KeyHints, StatusLine, TitleBar
from unipic_tui.ui.widgets.composer import Composer, ModeBar
from unipic_tui.ui.widgets.details import Details
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.history import HistoryTree
from unipic_tui.ui.widgets.picture_view import PictureView
from unipic_tui.ui.widgets.settings import Choice, FieldBox


async def _drawn(driver: Driver) -> None:
    await driver.write("a star seed=1..3")
    await driver.press("ctrl+r")
    await driver.settle()


def assert_nothing_is_cut_off(driver: Driver, *kinds: type[Widget]) -> None:
    width, height = driver.app.size
    for kind in kinds:
        for widget in driver.screen.query(kind):
            if not widget.is_on_screen or not widget.display:
                continue
            region = widget.region
            assert region.width > 0 and region.height > 0, widget
            assert region.right <= width and region.bottom <= height, (widget, region)


SIZES = [(80, 24), (100, 30), (140, 45), (200, 60)]
ALWAYS: tuple[type[Widget], ...] = (TitleBar, Composer, ModeBar, StatusLine, KeyHints)


async def test_every_size_shows_everything_that_matters(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=SIZES[0]) as driver:
        await _drawn(driver)
        for size in [*SIZES, *reversed(SIZES)]:
            await driver.pilot.resize_terminal(*size)
            await driver.settle_screen()
            assert_nothing_is_cut_off(driver, *ALWAYS, PictureView, Gallery, Details, FieldBox)
            view = driver.screen.workspace.view
            assert view.size.height >= 8, size
            assert len(driver.screen.query(".fields FieldBox")) > 10
            assert "Quality" in driver.text()
            assert "F1 Help" in driver.text()
            assert driver.screen.history.is_on_screen == (size[0] >= 100)


async def test_a_narrow_screen_shows_history_in_place_of_details(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await _drawn(driver)
        assert not driver.screen.history.is_on_screen
        await driver.press("f3")
        assert driver.focuses(driver.screen.history)
        assert_nothing_is_cut_off(driver, *ALWAYS, PictureView, HistoryTree)
        await driver.press("f3")
        assert driver.screen.query_one(Details).is_on_screen
        assert driver.focuses(driver.screen.composer.prompt)
    async with running_app(tmp_path, size=(140, 45)) as driver:
        assert driver.screen.history.is_on_screen
        await driver.press("f3")
        assert not driver.screen.history.is_on_screen


async def test_searching_opens_the_history(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await driver.press("ctrl+f")
        assert driver.screen.history.is_on_screen
        assert driver.app.focused is driver.screen.query_one("#search")


async def test_text_first_says_in_words_what_is_seen(tmp_path: Path) -> None:
    settings = Settings(text_first=True)
    async with running_app(tmp_path, size=(80, 24), settings=settings) as driver:
        await _drawn(driver)
        assert not driver.screen.query_one(PictureView).is_on_screen
        assert driver.screen.query_one(Details).is_on_screen
        text = driver.text()
        assert "▀" not in text
        assert "a star" in text
        assert str(tmp_path)[:20] in text
        driver.screen.perform("view.text")
        await driver.settle_screen()
        await driver.until(lambda: "▀" in driver.text())
        driver.screen.perform("view.text")
        await driver.settle_screen()
        assert "▀" not in driver.text()
        driver.screen.perform("picture.region")
        await driver.settle_screen()
        assert any("switch pictures on" in said for said in driver.notices())


async def test_no_pictures_in_the_settings_means_text_first(tmp_path: Path) -> None:
    async with running_app(tmp_path, settings=Settings(images="none")) as driver:
        assert driver.screen.workspace.text_first


async def test_the_theme_is_switched_and_taken_from_the_settings(tmp_path: Path) -> None:
    settings = Settings(images="blocks", theme="nord")
    async with running_app(tmp_path, settings=settings) as driver:
        assert driver.app.theme == "nord"
        driver.screen.perform("view.theme")
        await driver.settle_screen()
        assert driver.app.theme == "unipic-light"
        driver.screen.perform("view.theme")
        await driver.settle_screen()
        assert driver.app.theme == "unipic-dark"


async def test_focus_goes_round_the_parts(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _drawn(driver)
        parts = [driver.app.focused]
        for _ in range(3):
            await driver.press("f6")
            parts.append(driver.app.focused)
        screen = driver.screen
        prompt = screen.composer.prompt
        assert parts == [prompt, screen.workspace.gallery, screen.history, prompt]


async def test_settings_are_checked_as_they_are_typed(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        box = driver.screen.query_one("#field-guidance", FieldBox)
        box.editor.focus()
        await driver.type("9")
        assert not box.has_class("-wrong")
        await driver.type("00")
        assert box.has_class("-wrong")
        assert "Guidance is 0 to 100, not 900." in driver.text()
        await driver.press("i", "ctrl+r")
        await driver.settle()
        assert driver.backend.jobs == []
        await driver.press("backspace", "backspace", "backspace")
        assert not driver.screen.query_one("#field-guidance", FieldBox).has_class("-wrong")


async def test_choices_go_round(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        choice = driver.screen.query_one("#field-quality", FieldBox).editor
        assert isinstance(choice, Choice)
        choice.focus()
        values = []
        for key in ("right", "space", "enter", "left"):
            await driver.press(key)
            values.append(choice.value)
        assert values == ["fast", "full", "exact", "full"]
        assert driver.backend.jobs == []


async def test_settings_of_the_settings_file_are_the_first(tmp_path: Path) -> None:
    settings = Settings(images="blocks", quality="fast", seed="locked")
    async with running_app(tmp_path, settings=settings) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        (job,) = driver.backend.jobs
        assert isinstance(job, GenerateJob)
        assert job.seed == 0
        assert job.quality == "fast"


async def test_further_settings_and_reset(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        further = driver.screen.query_one("#advanced-fields")
        assert not further.display
        await driver.press("f4")
        assert further.display
        assert_nothing_is_cut_off(driver, *ALWAYS, FieldBox)
        await driver.press("f4")
        assert not further.display
        await driver.press("ctrl+g")
        assert driver.screen.composer.settings.texts["seed"] == "0"
        driver.screen.composer.settings.put({"guidance": "4", "quality": "exact"})
        driver.screen.perform("settings.reset")
        await driver.settle_screen()
        texts = driver.screen.composer.settings.texts
        assert (texts["seed"], texts["guidance"], texts["quality"]) == ("", "", "balanced")


async def test_modes_by_mouse(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        for mode, column in (("describe", 15), ("edit", 8), ("generate", 1)):
            await driver.pilot.click(ModeBar, offset=(column, 0))
            await driver.settle_screen()
            assert driver.screen.composer.mode == mode
            assert_nothing_is_cut_off(driver, *ALWAYS, FieldBox)


async def test_each_mode_keeps_its_own_prompt(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        await driver.press("f2")
        await driver.write("make it red")
        await driver.press("f2", "f2")
        assert driver.prompt == "a star"
        await driver.press("f2")
        assert driver.prompt == "make it red"


async def test_the_mouse_chooses_in_the_history(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await _drawn(driver)
        history = driver.screen.history
        await driver.pilot.click(history, offset=(6, 3))
        await driver.settle_screen()
        assert history.cursor == 3, "the second of a run of three"
        assert driver.state.picture is not None
        assert driver.state.picture.job.seed == 2
        await driver.pilot.click(history, offset=(2, 0))
        await driver.settle_screen()
        assert len(history.rows) == 1
