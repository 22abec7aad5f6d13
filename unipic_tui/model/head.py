"""The network of the diffusion head: MAR's MLP (Li et al. 2024, section 3.3 and appendix)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import MarConfig
from unipic_tui.model.layers import LAYER_NORM_EPS

_TIME_PERIOD = 10_000.0

Modulation = tuple[Tensor, ...]
"""What a condition does to one layer: shift, scale (1 added) and, in a block, gate."""


class TimeEmbedding(nn.Module):
    """Sinusoids of the timestep, then an MLP."""

    FREQUENCIES = 256

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(self.FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t: Tensor) -> Tensor:
        """(n,) timesteps of the 1000-step schedule to (n, width)."""
        half = self.FREQUENCIES // 2
        steps = torch.arange(half, device=t.device, dtype=torch.float32)
        angles = t.float().unsqueeze(1) * torch.exp(-math.log(_TIME_PERIOD) / half * steps)
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        first = cast("nn.Linear", self.mlp[0])
        return self.mlp(waves.to(first.weight.dtype))  # type: ignore[no-any-return]


def _modulation(layer: nn.Sequential, activated: Tensor, parts: int) -> Modulation:
    """``activated`` is SiLU of the condition: every layer's first step, so computed once."""
    shift, scale, *gate = layer[1](activated).chunk(parts, dim=-1)
    return (shift, 1 + scale, *gate)


class HeadBlock(nn.Module):
    """A residual block whose shift, scale and gate come from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, x: Tensor, modulation: Modulation) -> Tensor:
        """(n, width) with three modulations (n, width) to (n, width)."""
        shift, scale, gate = modulation
        return torch.addcmul(x, gate, self.mlp(torch.addcmul(shift, self.in_ln(x), scale)))


class HeadOutput(nn.Module):
    """The last layer: noise and variance."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=LAYER_NORM_EPS, elementwise_affine=False)
        self.linear = nn.Linear(width, channels)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, modulation: Modulation) -> Tensor:
        """(n, width) with two modulations (n, width) to (n, channels)."""
        shift, scale = modulation
        return self.linear(torch.addcmul(shift, self.norm_final(x), scale))  # type: ignore[no-any-return]


class HeadNet(nn.Module):
    """Predicts noise and variance of a noisy latent, given the decoder's output."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        width = config.head_width
        self.time_embed = TimeEmbedding(width)
        self.cond_embed = nn.Linear(config.decoder_width, width)
        self.input_proj = nn.Linear(config.latent_channels, width)
        self.res_blocks = nn.ModuleList(HeadBlock(width) for _ in range(config.head_depth))
        self.final_layer = HeadOutput(width, 2 * config.latent_channels)

    def forward(self, x: Tensor, t: Tensor, c: Tensor) -> Tensor:
        """One pass for training and tests.

        Args:
            x: (n, channels) noisy latents.
            t: (n,) timesteps, 0 to 999.
            c: (n, decoder width) conditions.

        Returns:
            (n, 2·channels): predicted noise, then the variance's place in its range, [-1, 1].
        """
        modulations = self.modulations(self.time_embed(t) + self.cond_embed(c))
        return self.denoise(self.input_proj(x), modulations)

    def modulations(self, y: Tensor) -> list[Modulation]:
        """Each layer's modulations, (…, width), from embedded timestep and condition.

        They do not depend on the latents, so one call may serve many steps.
        """
        activated = F.silu(y)
        blocks = (cast("HeadBlock", block) for block in self.res_blocks)
        made = [_modulation(block.adaLN_modulation, activated, 3) for block in blocks]
        return [*made, _modulation(self.final_layer.adaLN_modulation, activated, 2)]

    def denoise(self, hidden: Tensor, modulations: list[Modulation]) -> Tensor:
        """The blocks and the output layer: (n, width) to (n, 2·channels)."""
        for block, modulation in zip(self.res_blocks, modulations, strict=False):
            hidden = block(hidden, modulation)
        return self.final_layer(hidden, modulations[-1])  # type: ignore[no-any-return]
