"""The app with the model that comes with the program: draw, edit, describe, leave, come back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.ui.harness import Driver
from unipic_tui.events import BackendOptions
from unipic_tui.inference.pipeline import create_backend
from unipic_tui.settings import Settings
from unipic_tui.ui.app import UnipicApp


def _app(library: Path) -> UnipicApp:
    return UnipicApp(
        settings=Settings(images="blocks"),
        backend_factory=create_backend,
        options=BackendOptions(device="cpu", preview_seconds=0.05),
        library=library,
    )


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take a while to load torch."""
    monkeypatch.setattr("tests.ui.harness.PATIENCE", 300.0)


@pytest.mark.usefixtures("patience")
async def test_draw_edit_describe_leave_and_find_it_again(tmp_path: Path) -> None:
    app = _app(tmp_path)
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.state.info is not None)
            await driver.settle_screen()
            assert "small model that comes with the program" in driver.text()

            await driver.write("a red circle left of a blue square seed=3")
            await driver.press("ctrl+r")
            await driver.settle()
            drawn = driver.state.picture
            assert drawn is not None
            with Image.open(drawn.path) as image:
                assert image.size == (drawn.width, drawn.height)
                colours = image.convert("RGB").getcolors(image.width * image.height)
            assert colours is not None
            assert len(colours) > 20
            assert drawn.job.prompt == "a red circle left of a blue square"

            await driver.press("f6", "e")
            await driver.write("make the circle green")
            await driver.press("ctrl+r")
            await driver.settle()
            edited = driver.state.picture
            assert edited is not None
            assert edited.id != drawn.id
            assert (edited.width, edited.height) == (drawn.width, drawn.height)

            await driver.press("f6", "d")
            await driver.write("How many circles?")
            await driver.press("ctrl+r")
            await driver.settle()
            answer = driver.state.answer()
            assert answer.strip()
            assert "How many circles?" in driver.details()
            await driver.press("ctrl+q")
    finally:
        app.wind_up()

    app = _app(tmp_path)
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app._main is not None and app.library._library is not None)
            await driver.settle_screen()
            prompts = [row.entry.job.prompt for row in driver.state.rows() if row.entry]
            assert prompts == [
                "a red circle left of a blue square",
                "make the circle green",
                "How many circles?",
            ]
            assert driver.state.answer() == answer
            await driver.press("ctrl+f")
            await driver.type("green")
            await driver.press("down", "down", "enter")
            assert driver.state.picture == edited
    finally:
        app.wind_up()


def test_importing_the_app_loads_no_torch() -> None:
    code = (
        "import sys, unipic_tui.ui.app, unipic_tui.ui.screens.viewer; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
