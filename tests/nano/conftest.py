"""The embedded model, as training takes it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.paths import EMBEDDED_CHECKPOINT

if TYPE_CHECKING:
    from unipic_tui.model.unipic import UniPicModel


@pytest.fixture
def model(tmp_path: Path) -> UniPicModel:
    from unipic_tui.nano.train import __main__ as train

    return train.load_trained(EMBEDDED_CHECKPOINT, tmp_path).requires_grad_(False)


@pytest.fixture
def codec(model: UniPicModel, tmp_path: Path) -> PromptCodec:
    return PromptCodec.load(tmp_path / "tokenizer.json")
