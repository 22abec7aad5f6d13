"""What a person can read: contrast, words where there is nothing, the right keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color
from rich.segment import Segment

from tests.fakes import FakeBackend
from tests.ui.harness import Driver, running_app
from unipic_tui.settings import Settings
from unipic_tui.ui.screens.queue_screen import QueueScreen

LEAST_CONTRAST = 4.5
"""Of text on its ground, as WCAG 2 (AA) asks for."""
_DRAWN = set(" ▀▄█▌▐━│┃╸╺◆▁▂▃▅▆▇·●╱")
"""Cells of pictures, bars and signs, which are not read."""


def _luminance(colour: Color) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [value / 255 for value in colour.get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(segment: Segment) -> float:
    style = segment.style
    assert style is not None and style.color is not None and style.bgcolor is not None
    dark, light = sorted(map(_luminance, (style.color, style.bgcolor)))
    return (light + 0.05) / (dark + 0.05)


def _faint(driver: Driver) -> list[str]:
    """What on the screen is hard to read; of a dialog, not what it covers."""
    strips = driver.app.screen._compositor.render_strips()
    texts = [segment for strip in strips for segment in strip if set(segment.text) - _DRAWN]
    return [segment.text for segment in texts if _contrast(segment) < LEAST_CONTRAST]


@pytest.mark.parametrize("theme", ["unipic-dark", "unipic-light"])
async def test_all_words_can_be_read(tmp_path: Path, theme: str) -> None:
    settings = Settings(images="blocks", theme=theme)
    async with running_app(tmp_path, settings=settings, size=(160, 48)) as driver:
        assert _faint(driver) == []
        await driver.write("a {red|blue} star cfg=2,3 seed=7")
        await driver.press("ctrl+r")
        await driver.settle()
        driver.app.clear_notifications()
        driver.screen.composer.settings.put({"guidance": "900"})
        for keys in ((), ("f6",), ("f6",), ("x",)):
            await driver.press(*keys)
            assert _faint(driver) == [], keys


async def test_the_history_names_its_own_keys(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        driver.screen.history.focus()
        await driver.settle_screen()
        assert "Enter Open" not in driver.lines()[-1], "there is nothing to open"
        driver.screen.composer.prompt.focus()
        await driver.write("a star seed=1,2")
        await driver.press("ctrl+r")
        await driver.settle()
        driver.screen.history.focus()
        await driver.settle_screen()
        assert "Enter Open" in driver.lines()[-1] and "View" not in driver.lines()[-1]
        await driver.press("f6", "f6")
        assert "Enter View" in driver.lines()[-1] and "Enter Open" not in driver.lines()[-1]


async def test_an_empty_history_says_so(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        assert "Nothing yet." in driver.text()
        await driver.press("ctrl+f")
        await driver.write("zzz")
        await driver.until(lambda: "Nothing is found." in driver.text())
        assert "Esc Clear" in driver.lines()[-1]


async def test_the_queue_tells_a_sweep_apart_and_says_when_it_is_empty(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with running_app(tmp_path, backend=backend) as driver:
        await driver.press("f8")
        assert "waits here" in driver.text() and "Hold" not in driver.text()
        await driver.press("escape")
        driver.state.thread.pause()
        driver.screen.composer.prompt.focus()
        await driver.write("a star seed=1,2")
        await driver.press("ctrl+r", "f8")
        assert isinstance(driver.app.screen, QueueScreen)
        assert "seed 1 · a star" in driver.text() and "Space Hold" in driver.text()
        await driver.press("escape")
        driver.state.thread.resume()
        await driver.settle()


async def test_help_lines_go_on_under_their_words(tmp_path: Path) -> None:
    async with running_app(tmp_path, size=(80, 24)) as driver:
        await driver.press("f1")
        await driver.press(*["pagedown"] * 2)
        lines = driver.lines()
        begun = next(at for at, line in enumerate(lines) if "Describe the chosen picture" in line)
        assert lines[begun + 1].index("it.") == lines[begun].index("Describe")
