"""The whole model: language model, MAR, VAE, projections, and how they are joined.

The visual sequence the language model sees is the visible tokens in raster order, then the buffer
tokens. What it makes of them is projected back and added to the encoder's output, which the MAR
decoder turns into conditions for the diffusion head (Harmon, Wu et al. 2025, section 3).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.config import UniPicConfig
from unipic_tui.model.layers import projection
from unipic_tui.model.mar import Mar, Positions
from unipic_tui.model.qwen2 import Qwen2
from unipic_tui.model.siglip import SiglipTower
from unipic_tui.model.vae import Vae


class UniPicModel(nn.Module):
    """Every part, under the published names, so that published state dicts fit as they are."""

    def __init__(self, config: UniPicConfig) -> None:
        super().__init__()
        self.config = config
        self.vae = Vae(config.vae)
        self.llm = Qwen2(config.llm)
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
        return cast("Tensor", self.llm.model(embeddings, positions, mask, cache))

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
