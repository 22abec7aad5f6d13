"""The diffusion process and the head that samples one latent given the decoder's output.

The process is improved DDPM (Nichol & Dhariwal 2021): cosine schedule of 1000 steps, learned-range
variance, respaced steps. DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095) draws from the same
network in fewer evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from unipic_tui.jobs import Solver
from unipic_tui.model.config import UNIPIC_MAX_BETA, MarConfig
from unipic_tui.model.head import HeadNet, Modulation

TRAIN_STEPS = 1000
FIRST_STEP = TRAIN_STEPS - 1
SAFE_FIRST_STEP = 950
"""Where sampling may start without 1/√ᾱ (195 or 20,291 at 999, 13 here) blowing errors up."""
MULTISTEP_FIRST_STEP, _MULTISTEP_LAST_STEP = 925, 8
"""Between which the multistep solvers spend their evaluations. At the first the clean latent is .11
of what the network sees, at the last noise is .02 of it: beyond, `benchmarks/solvers.py` finds that
an evaluation is better spent in between."""
_MODULATED_ROWS = 2048
"""Rows of modulations that are computed at once: enough to fill a processor, and at most 240 MB in
UniPic-1.5B's head in bfloat16, unless a single step has more."""

_EXTRAPOLATED = 1.0
"""See `multistep`; half the log of ᾱ/(1−ᾱ)."""


@lru_cache
def _cumulative_alphas(max_beta: float) -> Tensor:
    """ᾱ of all 1000 steps, float64 (Nichol & Dhariwal 2021, equation 17), β clipped."""
    t = torch.arange(TRAIN_STEPS + 1, dtype=torch.float64) / TRAIN_STEPS
    curve = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=max_beta)
    return torch.cumprod(1 - betas, dim=0)


def _even_timesteps(steps: int, first: int) -> list[int]:
    """Ascending timesteps evenly from 0 to ``first``; a single one is ``first``."""
    if steps == 1:
        return [first]
    stride = first / (steps - 1)
    return [round(stride * index) for index in range(steps)]


def _snr_timesteps(steps: int, first: int, alphas: Tensor) -> list[int]:
    """Ascending timesteps up to ``first``, evenly spaced in log(ᾱ/(1−ᾱ))."""
    if steps == 1:
        return [first]
    ratio = torch.logit(alphas[: first + 1])
    last = min(_MULTISTEP_LAST_STEP, first + 1 - steps)
    wished = torch.linspace(float(ratio[last]), float(ratio[-1]), steps, dtype=torch.float64)
    nearest = (ratio[None] - wished[:, None]).abs().argmin(dim=1).tolist()
    kept: list[int] = []
    for index, wish in enumerate(nearest):
        # Where the ratio changes fast, neighbours would round to the same timestep.
        above = kept[-1] + 1 if kept else 0
        kept.append(min(max(wish, above), first - (steps - 1 - index)))
    return kept


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
def process(
    steps: int = TRAIN_STEPS,
    first: int = FIRST_STEP,
    max_beta: float = UNIPIC_MAX_BETA,
    device: str = "cpu",
    spacing: Literal["even", "snr"] = "even",
) -> Process:
    """The process over ``steps`` steps from 0 to ``first``, both included.

    Args:
        steps: 1 to ``first`` + 1; a single step is ``first`` itself.
        first: the noisiest step, where sampling starts.
        max_beta: see `MarConfig`.
        device: where the coefficients are kept.
        spacing: of the timesteps: ``even`` as published, or even in log-SNR.
    """
    if not 1 <= steps <= first + 1:
        raise ValueError(f"{steps} steps do not fit between 0 and {first}")
    every = _cumulative_alphas(max_beta)
    even = spacing == "even"
    kept = _even_timesteps(steps, first) if even else _snr_timesteps(steps, first, every)
    timesteps = torch.tensor(kept)
    alphas = every[timesteps]
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


class AncestralRow(NamedTuple):
    """One step's coefficients in DDPM.

    With ε the predicted noise and v the variance's place in its range, the latent becomes
    ``keep``·x + ``pull``·ε + ``spread``·exp(``width``·v)·noise.
    """

    keep: float
    pull: float
    width: float
    spread: float


@lru_cache(maxsize=256)
def ancestral(steps: int, first: int, max_beta: float) -> tuple[AncestralRow, ...]:
    """Coefficients of ancestral sampling over `process`, in ascending order of the timesteps."""
    plan = process(steps, first, max_beta)
    parts = (plan.mean_start, plan.mean_current, plan.inverse_signal, plan.inverse_noise)
    start, current, signal, noise, low, high = (
        part.double() for part in (*parts, plan.log_low, plan.log_high)
    )
    spread = torch.exp((high + low) / 4)
    spread[0] = 0  # the last step draws no noise
    rows = (start * signal + current, -start * noise, (high - low) / 4, spread)
    return tuple(AncestralRow(*row) for row in torch.stack(rows, dim=1).tolist())


class MultistepRow(NamedTuple):
    """One evaluation's coefficients in DPM-Solver++(2M).

    With x̂₀ = ``signal``·x − ``noise``·ε the clean latent predicted now and x̂₀' the one before,
    the latent becomes ``keep``·x + ``pull``·(x̂₀ + ``extrapolate``·(x̂₀ − x̂₀')) + ``spread``·noise.
    """

    signal: float
    noise: float
    keep: float
    pull: float
    extrapolate: float
    spread: float


@lru_cache(maxsize=256)
def multistep(
    steps: int, first: int, max_beta: float, *, stochastic: bool
) -> tuple[MultistepRow, ...]:
    """Coefficients of DPM-Solver++(2M) over the process, in ascending order of its timesteps.

    Lu et al. 2022: their algorithm 2 or, ``stochastic``, SDE-DPM-Solver++(2M). The last evaluation
    goes to the clean latent itself, which is x̂₀. The SDE form extrapolates only above
    `_EXTRAPOLATED`: earlier it amplifies the errors of guided predictions. In 12 evaluations for
    128 late conditions of the embedded model, .46 % of latents were more than 1.5 away from all
    seven that 1,000 DDPM steps drew with a bound of 0, and .13 % with this one; an eighth draw of
    1,000 steps was in .10 %.
    """
    plan = process(steps, first, max_beta, spacing="snr")
    signal = [1.0, *plan.signal.double().tolist()]
    noise = [0.0, *plan.noise.double().tolist()]
    lambdas = [math.inf] + [math.log(a / s) for a, s in zip(signal[1:], noise[1:], strict=True)]
    spans = [cleaner - noisier for cleaner, noisier in pairwise(lambdas)]
    rows: list[MultistepRow] = []
    for index, span in enumerate(spans):
        shrink = math.exp(-span)
        ratio = noise[index] / noise[index + 1]
        second_order = 0 < index < len(spans) - 1
        second_order &= not stochastic or lambdas[index + 1] > _EXTRAPOLATED
        extrapolate = span / (2 * spans[index + 1]) if second_order else 0.0
        if stochastic:
            left = -math.expm1(-2 * span)
            step = (ratio * shrink, signal[index] * left, extrapolate, noise[index] * left**0.5)
        else:
            step = (ratio, -signal[index] * math.expm1(-span), extrapolate, 0.0)
        clean = (1 / signal[index + 1], noise[index + 1] / signal[index + 1])
        rows.append(MultistepRow(*clean, *step))
    return tuple(rows)


class DiffusionHead(nn.Module):
    """Samples latents and gives the loss that trains the whole model to draw."""

    def __init__(self, config: MarConfig) -> None:
        super().__init__()
        self.net = HeadNet(config)
        self.channels = config.latent_channels
        self.max_beta = config.max_beta

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
        solver: Solver = "ddpm",
        times: Tensor | None = None,
    ) -> Tensor:
        """Draw one latent a row.

        Guidance mixes the predicted noise alone; the variance is the conditional row's.

        Args:
            z: (n, decoder width) conditions, or (2n, …) with the unconditional half last, which
                then takes part with weight ``guidance``.
            start: (n, channels) standard normal noise.
            noises: tensors like ``start``, one a step (see `noise_steps`); the last is not used.
            steps: evaluations of the network, 1 to ``first`` + 1.
            first: the timestep at which sampling starts.
            temperature: factor on the noises of the steps; in the ODE form, which draws none, on
                the start, which scales the spread about a Gaussian's mean by the same factor.
            solver: ``ddpm`` over evenly spaced timesteps, the others evenly in log-SNR.
            times: from `embed_times` with the same ``steps``, ``first`` and ``solver``.

        Returns:
            (n, channels), float32.
        """
        if times is None:
            times = self.embed_times(steps, first, solver)
        if len(z) == 2 * len(start):
            z = z.unflatten(0, (2, -1))
        modulations = self._modulations(z, times)
        drawn = iter(noises)
        x = start.float()
        if solver == "ddpm":
            for step in reversed(ancestral(steps, first, self.max_beta)):
                predicted, variance = self._predict(x, next(modulations), guidance)
                x = torch.add(step.keep * x, predicted, alpha=step.pull)
                if step.spread:
                    deviation = torch.pow(math.exp(step.width), variance)
                    factor = step.spread * temperature
                    x = torch.addcmul(x, deviation, next(drawn), value=factor)
            return x
        ode = solver == "dpmpp_2m"
        x = before = temperature * x if ode else x
        for row in reversed(multistep(steps, first, self.max_beta, stochastic=not ode)):
            predicted, _ = self._predict(x, next(modulations), guidance)
            clean = torch.add(row.signal * x, predicted, alpha=-row.noise)
            ahead = torch.lerp(before, clean, 1 + row.extrapolate) if row.extrapolate else clean
            x = torch.add(row.keep * x, ahead, alpha=row.pull)
            if row.spread:
                x = torch.add(x, next(drawn), alpha=row.spread * temperature)
            before = clean
        return x

    def embed_times(self, steps: int, first: int, solver: Solver) -> Tensor:
        """(steps, width): a solver's timesteps embedded, the noisiest first, once for a job."""
        spacing: Literal["even", "snr"] = "even" if solver == "ddpm" else "snr"
        plan = process(steps, first, self.max_beta, spacing=spacing)
        timesteps = plan.timesteps.flip(0).to(self.net.input_proj.weight.device)
        return self.net.time_embed(timesteps)  # type: ignore[no-any-return]

    def _modulations(self, z: Tensor, times: Tensor) -> Iterator[list[Modulation]]:
        """Each step's modulations in the order of ``times``, computed for many steps at once."""
        condition = self.net.cond_embed(z.to(times.dtype))
        rows = condition.shape[:-1]
        for chunk in times.split(max(1, _MODULATED_ROWS // math.prod(rows))):
            layers = self.net.modulations(
                condition + chunk.view(-1, *[1] * len(rows), chunk.shape[1])
            )
            by_step = [zip(*(part.unbind() for part in layer), strict=True) for layer in layers]
            yield from map(list, zip(*by_step, strict=True))

    def _predict(
        self, x: Tensor, modulations: list[Modulation], guidance: float
    ) -> tuple[Tensor, Tensor]:
        """Guided noise and the variance's place in its range, (n, channels) both, float32."""
        hidden = self.net.input_proj(x.to(self.net.input_proj.weight.dtype))
        out = self.net.denoise(hidden, modulations).float()
        if out.ndim == hidden.ndim:
            predicted, spread = out.chunk(2, dim=-1)
            return predicted, spread
        (conditional, spread), (unconditional, _) = (half.chunk(2, dim=-1) for half in out)
        return torch.lerp(unconditional, conditional, guidance), spread

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
        plan = process(max_beta=self.max_beta, device=str(clean.device))

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


def noise_steps(solver: Solver, steps: int) -> int:
    """How many noises besides the start a solver draws in so many steps."""
    return 0 if solver == "dpmpp_2m" else steps
