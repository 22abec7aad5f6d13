"""Sessions and the library behind them: searching, another window, text from outside."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input, OptionList

from tests.fakes import FakeBackend
from tests.ui.harness import Driver, running_app, states
from unipic_tui.events import Backend, BackendOptions, Picture
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.ui.screens.dialogs import QuestionDialog


async def test_sessions_are_made_renamed_opened_and_trashed(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        for prompt in ("a star", "a ring"):
            await driver.press("ctrl+n", "ctrl+l")
            await driver.write(prompt)
            await driver.press("ctrl+r")
            await driver.settle()
        driver.screen.perform("session.rename")
        await driver.until(lambda: not driver.on_main)
        driver.app.screen.query_one(Input).value = ""
        await driver.press("enter")
        assert "Give the session a name." in driver.text()
        await driver.write("Rings")
        await driver.press("enter")
        assert [session.name for session in driver.state.sessions] == ["Rings", "a star"]
        assert "Rings" in driver.lines()[0]

        driver.screen.history.focus()
        await driver.press("end", "left", "enter")
        assert driver.state.current.session is not None
        assert driver.state.current.session.name == "a star"

        driver.screen.perform("session.trash")
        await driver.until(lambda: not driver.on_main)
        await driver.press("enter")
        assert [session.name for session in driver.state.sessions] == ["Rings"]
        driver.screen.perform("undo")
        await driver.settle_screen()
        assert len(driver.state.sessions) == 2


async def test_the_history_is_searched_as_you_type(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a {red star|blue ring|green star}")
        await driver.press("ctrl+r")
        await driver.settle()
        await driver.press("ctrl+f")
        await driver.type("star")
        await driver.settle_screen()
        found = [
            row.entry.job.prompt for row in driver.screen.history.rows if row.entry and not row.run
        ]
        assert sorted(found) == ["a green star", "a red star"]
        await driver.press("down", "down", "enter")
        assert driver.state.picture is not None
        assert "star" in driver.state.picture.job.prompt
        await driver.press("ctrl+f", "escape")
        assert len(driver.screen.history.rows) == 5
        await driver.type("seed:notanumber")
        await driver.settle_screen()
        assert driver.app.is_running


async def test_another_window_adds_to_the_library(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle()
        other = Library.open(tmp_path)
        session = other.sessions.all()[0]
        entry = other.entries.add(session.id, GenerateJob(prompt="from elsewhere"))
        backend = FakeBackend()
        list(backend.load())
        for event in backend.run(entry.job):
            if isinstance(event, Picture):
                other.pictures.add(entry.id, event)
        other.entries.set_state(entry.id, "cancelled")
        other.close()
        await driver.until(lambda: len(driver.state.current.pictures) == 2)
        await driver.settle()
        assert "from elsewhere" in driver.text()


async def test_a_second_window_leaves_the_queue_to_the_first(tmp_path: Path) -> None:
    first = Library.open(tmp_path)
    assert first.queue.claim()
    async with running_app(tmp_path) as driver:
        assert "Another window runs the queue" in driver.text()
        await driver.write("a star")
        await driver.press("ctrl+r")
        assert states(driver) == {"a star": "queued"}
        first.close()
        await driver.until(lambda: states(driver) == {"a star": "done"})
        assert "Another window" not in driver.text()


async def test_a_library_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    backend = FakeBackend()
    from unipic_tui.settings import Settings
    from unipic_tui.ui.app import UnipicApp

    def factory(options: BackendOptions) -> Backend:
        return backend

    app = UnipicApp(
        settings=Settings(images="blocks"),
        backend_factory=factory,
        options=BackendOptions(),
        library=file / "library",
    )
    try:
        async with app.run_test() as pilot:
            driver = Driver(app, pilot, backend)
            await driver.until(lambda: isinstance(app.screen, QuestionDialog))
            await driver.flush()
            assert "library" in driver.text()
            await driver.key("enter")
            await driver.until(lambda: app.return_code is not None)
            assert app.return_code == 2
    finally:
        app.wind_up()


async def test_text_from_outside_is_shown_harmless(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("[red]bold[/] \x1b[31mred \u202eevil")
        await driver.press("ctrl+r")
        await driver.settle()
        text = driver.text()
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[red]bold[/]" in text
        await driver.press("ctrl+f")
        await driver.write("a\x1b[2Jb\nc")
        assert driver.screen.query_one("#search", Input).value == "a␛[2Jb"
        assert len(driver.app.screen.query(OptionList)) == 1
