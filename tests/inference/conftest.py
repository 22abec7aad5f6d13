"""A tiny checkpoint and a pipeline on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from unipic_tui.events import BackendOptions

if TYPE_CHECKING:
    from unipic_tui.inference.pipeline import Pipeline


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny native checkpoint."""
    from tests.tiny import make_native

    folder = tmp_path_factory.mktemp("tiny")
    make_native(folder)
    return folder


@pytest.fixture(scope="session")
def pipeline(checkpoint: Path) -> Pipeline:
    """A loaded pipeline that previews at every iteration."""
    from unipic_tui.inference.pipeline import Pipeline

    made = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", preview_seconds=0.0))
    list(made.load())
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of 100×60 pixels."""
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 255, (60, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
