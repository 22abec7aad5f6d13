"""The embedded model, as training takes it up."""

from pathlib import Path

import pytest

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.train import __main__ as train
from unipic_tui.paths import EMBEDDED_CHECKPOINT


@pytest.fixture
def model(tmp_path: Path) -> UniPicModel:
    return train.load_trained(EMBEDDED_CHECKPOINT, tmp_path).requires_grad_(False)


@pytest.fixture
def codec(model: UniPicModel, tmp_path: Path) -> PromptCodec:
    return PromptCodec.load(tmp_path / "tokenizer.json")
