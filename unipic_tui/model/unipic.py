"""The whole model: language model, MAR, VAE, projections, and how they are joined.

The visual sequence the language model sees is the visible tokens in raster order, then the buffer
tokens. What it makes of them is projected back and added to the encoder's output, which the MAR
decoder turns into conditions for the diffusion head (Harmon, Wu et al. 2025, section 3).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.config import LlmConfig, SiglipConfig, UniPicConfig
from unipic_tui.model.layers import projection
from unipic_tui.model.mar import Mar, Positions
from unipic_tui.model.vae import Vae

# Not in the configs' signatures, so not in the keywords a type checker sees.
_SDPA: dict[str, Any] = {"attn_implementation": "sdpa"}


def _qwen2(config: LlmConfig) -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            max_position_embeddings=config.max_position_embeddings,
            rms_norm_eps=config.rms_norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            tie_word_embeddings=True,
            **_SDPA,
        )
    )


class SiglipTower(nn.Module):
    """The vision tower under the name that published weights give it."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.vision_model = SiglipVisionModel(
            SiglipVisionConfig(
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                num_hidden_layers=config.num_hidden_layers,
                num_attention_heads=config.num_attention_heads,
                image_size=config.image_size,
                patch_size=config.patch_size,
                **_SDPA,
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, h, w) in [-1, 1] to the last hidden state (batch, patches, width)."""
        return cast("Tensor", self.vision_model(pixel_values=images).last_hidden_state)


class UniPicModel(nn.Module):
    """Every part, under the published names, so that published state dicts fit as they are."""

    def __init__(self, config: UniPicConfig) -> None:
        super().__init__()
        self.config = config
        self.vae = Vae(config.vae)
        self.llm = _qwen2(config.llm)
        self.mar = Mar(config.mar)
        width, inner = config.llm.hidden_size, config.mar.encoder_width
        self.proj_in = projection(inner, width, width)
        self.proj_out = projection(width, width, inner)
        self.siglip2: SiglipTower | None = None
        self.siglip2_proj: nn.Sequential | None = None
        if config.siglip is not None:
            self.siglip2 = SiglipTower(config.siglip)
            self.siglip2_proj = projection(config.siglip.hidden_size, width, width)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mar.mask_token.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return self.mar.mask_token.dtype

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (batch, length) to embeddings (batch, length, width)."""
        return cast("Tensor", self.llm.model.embed_tokens(ids))

    def look(self, encoded: Tensor) -> Tensor:
        """What the language model sees of an encoded image: buffer tokens go to the end."""
        buffer = self.config.mar.buffer
        return cast(
            "Tensor", self.proj_in(torch.cat([encoded[:, buffer:], encoded[:, :buffer]], 1))
        )

    def look_siglip2(self, images: Tensor) -> Tensor:
        """The same through SigLIP2: (batch, 3, h, w) in [-1, 1] to (batch, patches, width)."""
        if self.siglip2 is None or self.siglip2_proj is None:
            raise ValueError("this model has no SigLIP2 tower")
        return cast("Tensor", self.siglip2_proj(self.siglip2(images)))

    def read(
        self,
        embeddings: Tensor,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        cache: PrefixCache | None = None,
    ) -> Tensor:
        """Run the language model over embeddings; its last hidden state, normed.

        Args:
            embeddings: (batch, length, width).
            positions: (batch, length) rotary positions; counted from the cache on by default.
            mask: (batch or 1, 1, length, prefix + length), True where attention is allowed;
                causal by default.
            cache: written to; call its `keep` to let these positions stay.
        """
        length, before = embeddings.shape[1], 0 if cache is None else cache.length
        if positions is None:
            positions = torch.arange(before, before + length, device=embeddings.device)[None]
        if mask is None and before and length > 1:
            mask = causal_mask(length, before, embeddings.device)
        out = self.llm.model(
            inputs_embeds=embeddings,
            position_ids=positions,
            # A dict is taken as it is; a bare mask would be analysed, which synchronises.
            attention_mask=cast("Any", {"full_attention": mask}),
            cache=cast("Any", cache),
            use_cache=cache is not None,
        )
        return cast("Tensor", out.last_hidden_state)

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, width) to (…, vocabulary)."""
        return cast("Tensor", self.llm.lm_head(hidden))

    def inform(self, encoded: Tensor, hidden: Tensor) -> Tensor:
        """Add what the language model made of an image's visible tokens to their encoding.

        Args:
            encoded: (batch, buffer + count, encoder width).
            hidden: (batch, count + buffer, width), in the order `look` gives.

        Returns:
            (batch, buffer + count, encoder width).
        """
        buffer = self.config.mar.buffer
        back = torch.cat([hidden[:, -buffer:], hidden[:, :-buffer]], dim=1)
        return encoded + cast("Tensor", self.proj_out(back))

    def positions(self, rows: int, columns: int) -> Positions:
        """See `Mar.positions`."""
        return self.mar.positions(rows, columns)


def causal_mask(length: int, before: int, device: torch.device) -> Tensor:
    """(1, 1, length, before + length): each position sees the prefix and what precedes it."""
    allowed = torch.ones(length, before + length, dtype=torch.bool, device=device)
    return allowed.tril(before)[None, None]


UniPic = UniPicModel
"""The name that reference comparisons (`tests/parity.py`) import."""
