"""An empty library in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from unipic_tui.library import Library


@pytest.fixture(scope="package", autouse=True)
def _disk_is_not_waited_for() -> Iterator[None]:
    """Nobody cuts the power in these tests, and they run several times as fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unipic_tui.library.database.SYNCHRONOUS", "OFF")
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    opened = Library.open(folder)
    yield opened
    opened.close()
