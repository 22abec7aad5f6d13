"""What ``transformers`` makes of our weights, to hold our own models against."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from unipic_tui.model.unipic import UniPicModel


def qwen2_of_transformers(model: UniPicModel) -> Any:
    """Its language model."""
    sizes = dataclasses.asdict(model.config.llm)
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": sizes.pop("rope_theta")}
    config = Qwen2Config(**sizes, rope_parameters=rope, tie_word_embeddings=True)
    with torch.random.fork_rng():
        made: Any = Qwen2ForCausalLM(config)
    made.load_state_dict(model.llm.state_dict())
    return made.eval()


def siglip_of_transformers(model: UniPicModel) -> Any:
    """Its vision tower."""
    assert model.config.siglip is not None and model.siglip2 is not None
    made: Any = SiglipVisionModel(SiglipVisionConfig(**dataclasses.asdict(model.config.siglip)))
    made.load_state_dict(model.siglip2.vision_model.state_dict())
    return made.eval()
