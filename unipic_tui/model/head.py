"""The network of the diffusion head: MAR's MLP (Li et al. 2024, section 3.3 and appendix)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import MarConfig
from unipic_tui.model.layers import LAYER_NORM_EPS, joined

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


class HeadBlock(nn.Module):
    """A residual block whose shift, scale and gate come from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, x: Tensor, modulation: Modulation) -> Tensor:
        """(…, width) with three modulations (…, width) to (…, width)."""
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
        """(…, width) with two modulations (…, width) to (…, channels)."""
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
        activated, layers = F.silu(y), self.modulating
        whole = joined(layers)
        if whole is None:
            made = [
                layer(activated).chunk(layer.out_features // y.shape[-1], -1) for layer in layers
            ]
            return [(shift, 1 + scale, *gate) for shift, scale, *gate in made]
        parts = F.linear(activated, *whole).unflatten(-1, (-1, y.shape[-1]))
        parts[..., 1::3, :].add_(1)  # every layer's scale
        each = parts.unbind(-2)
        return [each[start : start + 3] for start in range(0, len(each), 3)]

    @property
    def modulating(self) -> list[nn.Linear]:
        """The layers that turn a condition into modulations, the output's last."""
        owners = [*self.res_blocks, self.final_layer]
        return [cast("nn.Linear", owner.adaLN_modulation[1]) for owner in owners]

    def denoise(self, hidden: Tensor, modulations: list[Modulation]) -> Tensor:
        """The blocks and the output layer.

        Args:
            hidden: (…, width); shapes broadcast, so that halves which differ in their modulations
                alone may share it.
            modulations: of every layer, (…, width).

        Returns:
            (…, 2·channels).
        """
        for block, modulation in zip(self.res_blocks, modulations, strict=False):
            hidden = block(hidden, modulation)
        return self.final_layer(hidden, modulations[-1])  # type: ignore[no-any-return]
