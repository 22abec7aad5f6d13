"""The diffusion head: a small MLP that samples one latent given the decoder's output.

The network is MAR's (Li et al. 2024, section 3.3 and appendix); the process is improved DDPM
(Nichol & Dhariwal 2021): cosine schedule of 1000 steps, learned-range variance, respaced steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

from unipic_tui.model.config import MarConfig
from unipic_tui.model.layers import LAYER_NORM_EPS

TRAIN_STEPS = 1000
FIRST_STEP = TRAIN_STEPS - 1
SAFE_FIRST_STEP = 950
"""Where sampling may start without 1/√ᾱ (195 at 999, 13 here) blowing errors up."""
MAX_BETA = 0.2
"""Largest β of the 1000 steps. Nichol & Dhariwal clip at 0.999, which would make 1/√ᾱ 20,291 at
999; the published outputs fit 0.2 to seven digits and nothing else."""
_TIME_PERIOD = 10_000.0


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


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale) + shift


class HeadBlock(nn.Module):
    """A residual block whose shift, scale and gate come from the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(n, width) with condition (n, width) to (n, width)."""
        shift, scale, gate = self.adaLN_modulation(y).chunk(3, dim=-1)
        return x + gate * self.mlp(_modulate(self.in_ln(x), shift, scale))  # type: ignore[no-any-return]


class HeadOutput(nn.Module):
    """The last layer: noise and variance."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=LAYER_NORM_EPS, elementwise_affine=False)
        self.linear = nn.Linear(width, channels)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(n, width) with condition (n, width) to (n, channels)."""
        shift, scale = self.adaLN_modulation(y).chunk(2, dim=-1)
        return self.linear(_modulate(self.norm_final(x), shift, scale))  # type: ignore[no-any-return]


class HeadNet(nn.Module):
    """The network of the head."""

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
        return self.denoise(self.input_proj(x), self.time_embed(t) + self.cond_embed(c))

    def denoise(self, hidden: Tensor, y: Tensor) -> Tensor:
        """The blocks and the output, given embeddings that a caller may keep between steps."""
        for block in self.res_blocks:
            hidden = block(hidden, y)
        return self.final_layer(hidden, y)  # type: ignore[no-any-return]


@lru_cache
def _cumulative_alphas() -> Tensor:
    """ᾱ of all 1000 steps, float64 (Nichol & Dhariwal 2021, equation 17), β clipped."""
    t = torch.arange(TRAIN_STEPS + 1, dtype=torch.float64) / TRAIN_STEPS
    curve = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=MAX_BETA)
    return torch.cumprod(1 - betas, dim=0)


@dataclass(frozen=True, slots=True)
class Process:
    """The coefficients of a diffusion process over some of the 1000 steps, all (steps,).

    Attributes:
        timesteps: the kept steps, ascending, in the 1000-step numbering.
        signal, noise: √ᾱ and √(1−ᾱ).
        inverse_signal, inverse_noise: 1/√ᾱ and √(1/ᾱ−1), to get x₀ from x and the noise.
        mean_start, mean_current: weights of x₀ and of x in the posterior's mean.
        log_low, log_high: bounds of the learned log-variance, log β̃ and log β.
    """

    timesteps: Tensor
    signal: Tensor
    noise: Tensor
    inverse_signal: Tensor
    inverse_noise: Tensor
    mean_start: Tensor
    mean_current: Tensor
    log_low: Tensor
    log_high: Tensor


@lru_cache(maxsize=256)
def process(steps: int = TRAIN_STEPS, first: int = FIRST_STEP, device: str = "cpu") -> Process:
    """The process over ``steps`` steps spread evenly from 0 to ``first``, both included.

    Args:
        steps: 1 to ``first`` + 1; a single step is ``first`` itself.
        first: the noisiest step, where sampling starts.
        device: where the coefficients are kept.
    """
    if not 1 <= steps <= first + 1:
        raise ValueError(f"{steps} steps do not fit between 0 and {first}")
    stride = first / (steps - 1) if steps > 1 else 0.0
    kept = [round(stride * index) for index in range(steps)] if steps > 1 else [first]
    timesteps = torch.tensor(kept)
    alphas = _cumulative_alphas()[timesteps]
    before = torch.cat([torch.ones(1, dtype=torch.float64), alphas[:-1]])
    betas = 1 - alphas / before
    posterior = betas * (1 - before) / (1 - alphas)
    # β̃ of the first kept step is 0, whose logarithm is not usable: its neighbour stands in.
    low = torch.cat([posterior[1:2] if steps > 1 else betas, posterior[1:]]).log()
    values = (
        alphas.sqrt(),
        (1 - alphas).sqrt(),
        (1 / alphas).sqrt(),
        (1 / alphas - 1).sqrt(),
        betas * before.sqrt() / (1 - alphas),
        (1 - before) * (1 - betas).sqrt() / (1 - alphas),
        low,
        betas.log(),
    )
    return Process(timesteps.to(device), *(value.float().to(device) for value in values))


class DiffusionHead(nn.Module):
    """Samples latents and gives the loss that trains the whole model to draw."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        self.net = HeadNet(config)
        self.channels = config.latent_channels

    def sample(
        self,
        z: Tensor,
        start: Tensor,
        noises: Iterable[Tensor],
        steps: int,
        *,
        first: int = SAFE_FIRST_STEP,
        guidance: float = 1.0,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw one latent a row by ancestral sampling.

        Guidance mixes the predicted noise alone; the variance is the conditional row's.

        Args:
            z: (n, decoder width) conditions, or (2n, …) with the unconditional half last, which
                then takes part with weight ``guidance``.
            start: (n, channels) standard normal noise.
            noises: ``steps`` tensors like ``start``, one a step; the last is not used.
            steps, first: see `process`.
            temperature: factor on the noises of the steps.

        Returns:
            (n, channels), float32.
        """
        plan = process(steps, first, str(z.device))
        guided = z.shape[0] == 2 * start.shape[0]
        dtype = self.net.input_proj.weight.dtype
        condition = self.net.cond_embed(z.to(dtype))
        times = self.net.time_embed(plan.timesteps)
        x = start.float()
        for index, noise in zip(reversed(range(steps)), noises, strict=True):
            hidden = self.net.input_proj(x.to(dtype))
            if guided:
                hidden = torch.cat([hidden, hidden])
            out = self.net.denoise(hidden, condition + times[index]).float()
            predicted, spread = out.split(self.channels, dim=-1)
            if guided:
                conditional, unconditional = predicted.chunk(2)
                predicted = unconditional + guidance * (conditional - unconditional)
                spread = spread.chunk(2)[0]
            clean = plan.inverse_signal[index] * x - plan.inverse_noise[index] * predicted
            x = plan.mean_start[index] * clean + plan.mean_current[index] * x
            if index > 0:
                part = (spread + 1) / 2
                log_variance = part * plan.log_high[index] + (1 - part) * plan.log_low[index]
                x = x + torch.exp(0.5 * log_variance) * noise * temperature
        return x

    def loss(self, clean: Tensor, z: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The hybrid loss (Nichol & Dhariwal 2021, section 3.1) of each row.

        Mean squared error of the noise plus the variational bound in bits per dimension, in which
        the predicted mean is held fixed, so that it trains the variance alone.

        Args:
            clean: (n, channels) latents.
            z: (n, decoder width) conditions.
            t: (n,) timesteps, 0 to 999.
            noise: (n, channels) standard normal.

        Returns:
            (n,), float32.
        """
        plan = process(device=str(clean.device))

        def at(values: Tensor) -> Tensor:
            return values[t].unsqueeze(1)

        noisy = at(plan.signal) * clean + at(plan.noise) * noise
        out = self.net(noisy.to(z.dtype), t, z).float()
        predicted, spread = out.split(self.channels, dim=-1)
        squared = (noise - predicted).pow(2).mean(dim=1)

        part = (spread + 1) / 2
        log_variance = part * at(plan.log_high) + (1 - part) * at(plan.log_low)
        guess = at(plan.inverse_signal) * noisy - at(plan.inverse_noise) * predicted.detach()
        mean = at(plan.mean_start) * guess + at(plan.mean_current) * noisy
        true_mean = at(plan.mean_start) * clean + at(plan.mean_current) * noisy
        true_log_variance = at(plan.log_low)
        divergence = 0.5 * (
            log_variance
            - true_log_variance
            - 1
            + torch.exp(true_log_variance - log_variance)
            + (true_mean - mean).pow(2) * torch.exp(-log_variance)
        )
        surprise = -_discretised_log_likelihood(clean, mean, 0.5 * log_variance)
        bound = torch.where((t == 0).unsqueeze(1), surprise, divergence).mean(dim=1)
        total: Tensor = squared + bound / math.log(2)
        return total


def _discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log-probability of ``x`` in bins of 2/255 under a Gaussian (Ho et al. 2020, section 3.3).

    The normal's distribution function is Page's approximation by tanh, as in the published code.
    """

    def cumulative(value: Tensor) -> Tensor:
        return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))

    inverse = torch.exp(-log_scale)
    upper = cumulative(inverse * (x - mean + 1 / 255))
    lower = cumulative(inverse * (x - mean - 1 / 255))
    mass = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return mass.clamp(min=1e-12).log()


def draw_noise(generator: torch.Generator, count: int, channels: int, steps: int) -> Tensor:
    """All the noise one iteration needs for one picture, drawn on the CPU.

    Returns:
        (1 + steps, count, channels): the start, then one noise a step.
    """
    return torch.randn(1 + steps, count, channels, generator=generator)


def uniform_timesteps(count: int, generator: torch.Generator | None = None) -> Tensor:
    """(count,) timesteps of the 1000-step schedule, uniform."""
    return torch.randint(0, TRAIN_STEPS, (count,), generator=generator)
