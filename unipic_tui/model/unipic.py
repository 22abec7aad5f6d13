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
from unipic_tui.model.graphs import Graphs
from unipic_tui.model.language import pack_language_model, read_behind
from unipic_tui.model.layers import pack, projection
from unipic_tui.model.mar import Mar, Positions
from unipic_tui.model.qwen2 import Qwen2
from unipic_tui.model.siglip import SiglipTower
from unipic_tui.model.vae import Vae


class UniPicModel(nn.Module):
    """Every part, under the published names, so that published state dicts fit as they are."""

    def __init__(self, config: UniPicConfig) -> None:
        super().__init__()
        self.config = config
        self.graphs = Graphs()
        """How the sampler runs its stretches."""
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

    def pack(self) -> None:
        """Lay weights that are multiplied by the same input side by side; see `layers.pack`."""
        pack_language_model(self.llm.model)
        pack(self.mar.diffloss.net.modulating)

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
            positions: (batch or 1, length) rotary positions; counted from 0 by default.
            mask: (batch or 1, 1, length, length), True where attention is allowed; causal by
                default.
            cache: what precedes; written to, call its `keep` to let these positions stay. It knows
                positions and mask itself.
        """
        if cache is not None:
            return read_behind(self.llm.model, embeddings, cache)
        if positions is None:
            positions = torch.arange(embeddings.shape[1], device=embeddings.device)[None]
        return cast("Tensor", self.llm.model(embeddings, positions, mask))

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


UniPic = UniPicModel
"""The name that reference comparisons (`tests/parity.py`) import."""
