"""The embedded model, as training takes it up."""

from pathlib import Path

import pytest

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano import train
from unipic_tui.paths import EMBEDDED_CHECKPOINT


@pytest.fixture
def model(tmp_path: Path) -> UniPic:
    return train.take_up(EMBEDDED_CHECKPOINT, tmp_path).requires_grad_(False)


@pytest.fixture
def codec(model: UniPic, tmp_path: Path) -> PromptCodec:
    return PromptCodec.load(tmp_path / "tokenizer.json")
