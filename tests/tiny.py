"""Tiny models of the real architecture with random weights, and checkpoints made of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from unipic_tui.defaults import Defaults
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.checkpoint import UNUSED
from unipic_tui.model.config import LlmConfig, MarConfig, SiglipConfig, UniPicConfig, VaeConfig
from unipic_tui.model.native import save_native
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.tokenizer import save_tokenizer, train_tokenizer

TEXTS = ["a red circle left of a blue square", "Describe the image in detail.", "make it green"]
CONFIG = UniPicConfig(
    name="tiny",
    vae=VaeConfig(channels=4, multipliers=(1, 1, 1, 1, 2), blocks=1, norm_groups=2),
    mar=MarConfig(
        encoder_width=24,
        encoder_depth=2,
        encoder_heads=2,
        decoder_width=32,
        decoder_depth=2,
        decoder_heads=4,
        head_depth=2,
        head_width=16,
        grid=4,
        buffer=3,
    ),
    llm=LlmConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
    ),
    siglip=SiglipConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
    ),
    defaults=Defaults(
        width=64, height=64, guidance=2.0, iterations=5, head_steps=4, edit_guidance=1.5
    ),
)
PRESETS = {CONFIG.name: CONFIG}


def make_model(config: UniPicConfig = CONFIG, seed: int = 0) -> UniPicModel:
    """A model whose every weight is random, so that no part of it is idle."""
    torch.manual_seed(seed)
    model = UniPicModel(config).eval().requires_grad_(False)
    for value in model.parameters():
        if value.ndim < 2:
            value.copy_(1 + 0.1 * torch.randn_like(value))
        else:
            value.copy_(torch.randn_like(value) * value[0].numel() ** -0.5)
    return model


def assert_alike(one: Image.Image | np.ndarray, other: Image.Image | np.ndarray) -> None:
    """See that pictures are the same within rounding, which may move a colour by one."""
    first, second = (np.asarray(image).astype(int) for image in (one, other))
    assert first.shape == second.shape
    different = np.abs(first - second)
    assert different.max() <= 1
    assert (different > 0).mean() < 0.01


def make_tokenizer(folder: Path) -> PromptCodec:
    """A byte-level tokenizer in ``folder``."""
    save_tokenizer(train_tokenizer(TEXTS, 300), folder)
    return PromptCodec.load(folder / "tokenizer.json")


def make_native(folder: Path, config: UniPicConfig = CONFIG) -> UniPicModel:
    """A checkpoint of our own format."""
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder)
    model = make_model(config)
    save_native(model, (folder / "tokenizer.json").read_bytes(), folder)
    return model


def make_published(folder: Path, config: UniPicConfig = CONFIG) -> UniPicModel:
    """A download: flat state dict without the autoencoder, ``kl16.ckpt``, Qwen's folder."""
    model = make_model(config)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    autoencoder = {
        key.removeprefix("vae."): state.pop(key) for key in list(state) if key.startswith("vae.")
    }
    autoencoder["loss.logvar"] = torch.zeros(1)
    state[UNUSED[0]] = torch.zeros(10, config.mar.encoder_width)
    qwen = folder / "Qwen2.5-1.5B-Instruct"
    qwen.mkdir(parents=True)
    make_tokenizer(qwen)
    (qwen / "config.json").write_text(json.dumps(dataclasses.asdict(config.llm)))
    torch.save(state, folder / "pytorch_model.bin")
    torch.save({"model": autoencoder}, folder / "kl16.ckpt")
    return model
