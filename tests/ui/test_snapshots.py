"""How the screen looks: a few pictures of it, held against those kept beside this file.

After a change that is meant, look at the report and keep the new ones with ``--snapshot-update``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import textual
from PIL import Image
from textual.pilot import Pilot

from tests import fakes
from tests.fakes import FakeBackend
from tests.ui.harness import Driver
from unipic_tui.events import BackendOptions
from unipic_tui.settings import Settings
from unipic_tui.ui.app import UnipicApp

MADE_WITH = "8.2.8"

pytestmark = pytest.mark.skipif(
    textual.__version__ != MADE_WITH,
    reason=f"the snapshots were made with textual {MADE_WITH}, which draws a little differently",
)

Steps = Callable[[Driver], Awaitable[None]]


@pytest.fixture
def shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snap_compare: Any
) -> Callable[..., bool]:
    """Compares the screen after some steps."""
    monkeypatch.setattr(fakes, "gradient", _quarters)
    monkeypatch.setattr("unipic_tui.ui.widgets.history.when", lambda *_: "14:32")
    monkeypatch.setattr("unipic_tui.ui.widgets.details.when", lambda *_: "14:32")
    monkeypatch.setattr("unipic_tui.ui.widgets.details.moment", lambda *_: "today 14:32")
    monkeypatch.setattr("unipic_tui.ui.widgets.details.duration", lambda *_: "0.4 s")

    def compare(steps: Steps, size: tuple[int, int], theme: str = "unipic-dark") -> bool:
        backend = FakeBackend()
        app = UnipicApp(
            settings=Settings(images="blocks", theme=theme),
            backend_factory=lambda options: backend,
            options=BackendOptions(),
            library=tmp_path,
        )

        async def before(pilot: Pilot[Any]) -> None:
            driver = Driver(app, pilot, backend)
            await driver.until(lambda: app._main is not None and app.library._library is not None)
            await driver.settle()
            await steps(driver)
            await driver.settle()
            app.clear_notifications()
            await _until_still(driver)

        try:
            return bool(snap_compare(app, terminal_size=size, run_before=before))
        finally:
            app.wind_up()

    return compare


async def _until_still(driver: Driver) -> None:
    """Wait until nothing on the screen changes any more; pictures are drawn in the background."""
    seen: list[str] = []
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        await driver.pilot.pause(0.1)
        seen.append(driver.app.export_screenshot())


def _quarters(width: int, height: int, key: str) -> Image.Image:
    """Four flat colours, told apart by the key: small to keep as a file."""
    code = sum(key.encode())
    colours = [(200, 60, 60), (70, 140, 200), (235, 200, 80), (90, 170, 110)]
    small = Image.new("RGB", (2, 2))
    small.putdata([colours[(code + place) % 4] for place in range(4)])
    return small.resize((width, height), Image.Resampling.NEAREST)


async def _work(driver: Driver) -> None:
    """Draw, edit, ask, and have something wrong to see."""
    await driver.write("a red circle left of a blue square seed=7")
    await driver.press("ctrl+r")
    await driver.settle()
    await driver.press("f2")
    driver.screen.composer.settings.put({"seed": "8"})
    await driver.write("make the circle green")
    await driver.press("ctrl+r")
    await driver.settle()
    await driver.press("f2")
    await driver.write("How many circles are there?")
    await driver.press("ctrl+r")
    await driver.settle()
    await driver.press("f2", "ctrl+l")
    await driver.write("a {red|blue} star cfg=2,3")
    await driver.press("ctrl+r")
    await driver.settle()


async def _greeting(driver: Driver) -> None:
    await driver.settle_screen()


async def _wrong(driver: Driver) -> None:
    await _work(driver)
    driver.screen.composer.settings.put({"guidance": "900"})
    await driver.settle_screen()


async def _conversation(driver: Driver) -> None:
    await _work(driver)
    driver.screen.history.focus()
    await driver.press("end")


async def _sheet(driver: Driver) -> None:
    await _work(driver)
    await driver.press("f6", "x")


async def _help(driver: Driver) -> None:
    await driver.press("f1")


def test_greeting_narrow(shows: Callable[..., bool]) -> None:
    assert shows(_greeting, (80, 24))


def test_working_narrow(shows: Callable[..., bool]) -> None:
    assert shows(_wrong, (80, 24))


def test_working_wide(shows: Callable[..., bool]) -> None:
    assert shows(_conversation, (200, 60))


def test_working_light(shows: Callable[..., bool]) -> None:
    assert shows(_conversation, (120, 36), "unipic-light")


def test_contact_sheet(shows: Callable[..., bool]) -> None:
    assert shows(_sheet, (100, 30))


def test_help(shows: Callable[..., bool]) -> None:
    assert shows(_help, (80, 24))
