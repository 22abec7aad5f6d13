"""Pictures to be shown, and what is sent to the terminal for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.ui.viewing import BLUE, RED
from unipic_tui.terminal.rendering import renderer


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    Image.new("RGB", (64, 64), RED).save(path)
    return path


@pytest.fixture
def blue(tmp_path: Path) -> Path:
    path = tmp_path / "blue.png"
    Image.new("RGB", (32, 64), BLUE).save(path)
    return path


@pytest.fixture
def own_renderer() -> Iterator[None]:
    renderer.cache_clear()
    yield
    renderer.cache_clear()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would go to the terminal beside the screen's own updates."""
    sent: list[str] = []
    monkeypatch.setattr(
        "unipic_tui.terminal.throttle.TerminalWriter._put", lambda _, data: sent.append(data)
    )

    async def deliver(_: object, data: str, written: int = 0) -> None:
        if data:
            sent.append(data)

    monkeypatch.setattr("unipic_tui.terminal.throttle.TerminalWriter._deliver", deliver)
    return sent
