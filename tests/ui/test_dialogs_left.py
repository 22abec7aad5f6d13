"""Dialogs that are left while something they asked for is on its way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.widgets import OptionList

from tests.ui.harness import PATIENCE, running_app
from unipic_tui.ui.screens import path_screen
from unipic_tui.ui.screens.path_screen import complete
from unipic_tui.ui.screens.queue_screen import QueueScreen
from unipic_tui.ui.state import Change


async def test_what_arrives_while_a_dialog_is_taken_down_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Textual takes down a screen's children first, and its workers only then."""
    folder, let_go = tmp_path / "big-model", threading.Event()
    folder.mkdir()

    def slow(text: str, kind: path_screen.Kind) -> list[str]:
        let_go.wait(PATIENCE)
        return complete(text, kind)

    async with running_app(tmp_path / "library") as driver:
        driver.screen.perform("queue")
        await driver.until(lambda: isinstance(driver.app.screen, QueueScreen))
        await driver.settle_screen()
        queue = driver.app.screen
        assert isinstance(queue, QueueScreen)
        await queue.query_one(OptionList).remove()
        queue.state_changed(Change.QUEUE)
        await driver.settle_screen()
        await driver.press("escape")

        monkeypatch.setattr(path_screen, "complete", slow)
        driver.screen.perform("model")
        await driver.until(lambda: isinstance(driver.app.screen, path_screen.PathScreen))
        asking = driver.app.screen
        await asking.query_one(OptionList).remove()
        let_go.set()
        await driver.settle_screen()
        assert driver.app.screen is asking


async def test_leaving_while_a_path_is_looked_at_leaves_one_screen(tmp_path: Path) -> None:
    began, let_go = threading.Event(), threading.Event()

    def slow(path: Path) -> str | None:
        began.set()
        let_go.wait(PATIENCE)
        return None

    async with running_app(tmp_path / "library") as driver:
        driver.app.push_screen(
            path_screen.PathScreen("Where?", "folder", str(tmp_path), check=slow)
        )
        await driver.until(lambda: not driver.on_main)
        await driver.settle_screen()
        await driver.key("enter")
        await driver.until(began.is_set)
        await driver.key("escape")
        await driver.until(lambda: driver.on_main)
        let_go.set()
        await driver.settle_screen()
        assert driver.on_main
