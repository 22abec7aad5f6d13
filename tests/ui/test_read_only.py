"""A library that cannot be written to, in the app."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.library.samples import draw
from tests.ui.harness import running_app
from unipic_tui.library import Library


async def test_a_read_only_library_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(tmp_path)
    draw(library, library.sessions.create("Trip").id, "a red fox")
    library.close()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and mode != os.W_OK)
    async with running_app(tmp_path) as driver:
        assert "a red fox" in driver.text()
        assert "Another window" not in driver.text()
        assert "read-only" in driver.text()
        await driver.write("a star")
        await driver.press("ctrl+r")
        await driver.settle_screen()
        (notice,) = driver.notices()
        assert "is read-only: it can be looked at, searched and exported from" in notice
        assert driver.prompt == "a star"
        assert driver.app.is_running
