"""The masked autoregressive encoder and decoder over latents (Li et al. 2024, section 3.4).

Sequences here have the buffer tokens first, then image tokens in raster order. Masked tokens are
not in the encoder's sequence at all; the decoder sees a canvas with every token.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import MarConfig
from unipic_tui.model.diffusion import DiffusionHead
from unipic_tui.model.layers import LAYER_NORM_EPS, Block, gather_tokens


class Positions(NamedTuple):
    """Learned positions for one token grid, so that a whole run resizes them once.

    Attributes:
        encoder: (1, buffer + tokens, encoder width).
        decoder: (1, buffer + tokens, decoder width).
        head: (1, tokens, decoder width).
    """

    encoder: Tensor
    decoder: Tensor
    head: Tensor


class Mar(nn.Module):
    """Encoder, decoder and diffusion head."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        self.config = config
        tokens = config.grid**2
        self.fake_latent = nn.Parameter(torch.zeros(1, config.encoder_width))
        self.encoder_pos_embed_learned = nn.Parameter(
            torch.zeros(1, config.buffer + tokens, config.encoder_width)
        )
        self.z_proj = nn.Linear(config.latent_channels, config.encoder_width)
        self.z_proj_ln = nn.LayerNorm(config.encoder_width, eps=LAYER_NORM_EPS)
        self.encoder_blocks = nn.ModuleList(
            Block(config.encoder_width, config.encoder_heads, config.mlp_ratio)
            for _ in range(config.encoder_depth)
        )
        self.encoder_norm = nn.LayerNorm(config.encoder_width, eps=LAYER_NORM_EPS)
        self.decoder_embed = nn.Linear(config.encoder_width, config.decoder_width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.decoder_width))
        self.decoder_pos_embed_learned = nn.Parameter(
            torch.zeros(1, config.buffer + tokens, config.decoder_width)
        )
        self.decoder_blocks = nn.ModuleList(
            Block(config.decoder_width, config.decoder_heads, config.mlp_ratio)
            for _ in range(config.decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(config.decoder_width, eps=LAYER_NORM_EPS)
        self.diffusion_pos_embed_learned = nn.Parameter(
            torch.zeros(1, tokens, config.decoder_width)
        )
        self.diffloss = DiffusionHead(config)

    def positions(self, rows: int, columns: int) -> Positions:
        """Positions for a grid of ``rows`` × ``columns`` tokens, resized where it is another."""
        buffer, side = self.config.buffer, self.config.grid

        def resize(table: Tensor) -> Tensor:
            if (rows, columns) == (side, side):
                return table
            grid = table.unflatten(1, (side, side)).permute(0, 3, 1, 2)
            resized = F.interpolate(
                grid.float(), (rows, columns), mode="bilinear", align_corners=False
            )
            return resized.to(table.dtype).flatten(2).transpose(1, 2)

        def with_buffer(table: Tensor) -> Tensor:
            return torch.cat([table[:, :buffer], resize(table[:, buffer:])], dim=1)

        return Positions(
            with_buffer(self.encoder_pos_embed_learned),
            with_buffer(self.decoder_pos_embed_learned),
            resize(self.diffusion_pos_embed_learned),
        )

    def encode(self, latents: Tensor, visible: Tensor | None, positions: Positions) -> Tensor:
        """Encode the buffer and the visible tokens.

        Args:
            latents: (batch, tokens, latent channels).
            visible: (batch, count) ascending indices of the visible tokens; ``None`` for all.

        Returns:
            (batch, buffer + count, encoder width).
        """
        batch, buffer = latents.shape[0], self.config.buffer
        table = positions.encoder
        placed = table[:, buffer:].expand(batch, -1, -1)
        if visible is not None:
            latents, placed = gather_tokens(latents, visible), gather_tokens(placed, visible)
        start = (self.fake_latent + table[:, :buffer]).expand(batch, -1, -1)
        x = self.z_proj_ln(torch.cat([start, self.z_proj(latents) + placed], dim=1))
        for block in self.encoder_blocks:
            x = block(x)
        return self.encoder_norm(x)  # type: ignore[no-any-return]

    def canvas(self, encoded: Tensor) -> Tensor:
        """What an edit's decoder sees in place of mask tokens.

        Args:
            encoded: (batch, buffer + tokens, encoder width): the whole source, encoded.

        Returns:
            (batch, tokens, decoder width).
        """
        return self.decoder_embed(encoded[:, self.config.buffer :])  # type: ignore[no-any-return]

    def decode(
        self,
        encoded: Tensor,
        visible: Tensor | None,
        positions: Positions,
        targets: Tensor | None = None,
        canvas: Tensor | None = None,
    ) -> Tensor:
        """What the diffusion head is conditioned on, for every token or the targets alone.

        Args:
            encoded: (batch, buffer + count, encoder width), the language model's part added.
            visible: (batch, count) indices of the visible tokens; ``None`` for all.
            targets: (batch, chosen) indices of the tokens wanted; the last block then computes
                nothing else.
            canvas: (batch, tokens, decoder width) from `canvas`; mask tokens by default.

        Returns:
            (batch, tokens or chosen, decoder width).
        """
        batch, buffer = encoded.shape[0], self.config.buffer
        tokens = positions.head.shape[1]
        x = self.decoder_embed(encoded)
        if visible is None:
            full = x
        else:
            # Not mask_token.to(x): under autocast the two differ in type.
            start = self.mask_token.expand(batch, tokens, -1) if canvas is None else canvas
            index = visible.unsqueeze(-1).expand(-1, -1, x.shape[-1])
            image = start.to(x.dtype).scatter(1, index, x[:, buffer:])
            full = torch.cat([x[:, :buffer], image], dim=1)
        full = full + positions.decoder
        for block in self.decoder_blocks[:-1]:
            full = block(full)
        last = self.decoder_blocks[-1]
        head_positions = positions.head.expand(batch, -1, -1)
        if targets is None:
            decoded = self.decoder_norm(last(full))[:, buffer:]
            return decoded + head_positions  # type: ignore[no-any-return]
        decoded = self.decoder_norm(last(full, targets + buffer))
        return decoded + gather_tokens(head_positions, targets)  # type: ignore[no-any-return]
