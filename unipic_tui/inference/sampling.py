"""Drawing: the mask schedule, guidance, and the loop over MAR iterations.

Rows of a run are pictures; with guidance the language model and the MAR decoder also see an
unconditional row a picture (all conditional rows first). Encoder and VAE never do: their input is
the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import EVALUATIONS, SamplingSettings, Schedule, Solver
from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.diffusion import FIRST_STEP, SAFE_FIRST_STEP, draw_noise, noise_steps
from unipic_tui.model.unipic import UniPicModel

__all__ = ["SamplingSettings", "sample"]

_Number = TypeVar("_Number", int, float)

FAST_REFRESH = 9
"""Iterations from one full unconditional pass to the next in ``fast`` quality."""


def masked_counts(tokens: int, iterations: int) -> list[int]:
    """How many tokens stay masked after each iteration (MaskGIT's cosine schedule).

    At least one token is drawn an iteration and at least one is left for the last, so there are
    never more iterations than tokens.

    Args:
        tokens: how many are to be drawn, at least 1.
        iterations: how many iterations are wished for, at least 1.
    """
    counts: list[int] = []
    masked = tokens
    for step in range(iterations):
        wish = math.floor(tokens * math.cos(math.pi / 2 * (step + 1) / iterations))
        last = step == iterations - 1 or masked == 1
        masked = 0 if last else max(1, min(masked - 1, wish))
        counts.append(masked)
        if last:
            break
    return counts


def guidance_at(guidance: float, schedule: Schedule, tokens: int, masked_after: int) -> float:
    """Guidance of an iteration that leaves ``masked_after`` of ``tokens`` tokens masked.

    The last iteration counts one as masked, as the published code does.
    """
    if schedule == "constant":
        return guidance
    return 1 + (guidance - 1) * (tokens - max(1, masked_after)) / tokens


def first_step(settings: SamplingSettings) -> int:
    """Timestep at which the head's process starts."""
    return FIRST_STEP if settings.quality == "exact" else SAFE_FIRST_STEP


def solver_of(settings: SamplingSettings) -> Solver:
    """How the head's process is solved; ``exact`` is ancestral sampling whatever is asked for."""
    if settings.quality == "exact":
        return "ddpm"
    return settings.solver or ("dpmpp_2m_sde" if settings.quality in EVALUATIONS else "ddpm")


def evaluations(settings: SamplingSettings) -> int:
    """Evaluations of the head for a token."""
    most = EVALUATIONS.get(settings.quality, first_step(settings) + 1)
    return min(filled(settings.head_steps), most)


def filled(value: _Number | None) -> _Number:
    """A setting that the checkpoint's defaults have filled in."""
    if value is None:
        raise ValueError("the settings are not filled in; see Defaults.fill")
    return value


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prompts, read once.

    Attributes:
        cache: holds the prompt's keys and values for every row, and room for the visual sequence.
        mask: (rows, length) True where a position is a real token and not padding.
        guided: whether the second half of the rows is unconditional.
    """

    cache: PrefixCache
    mask: Tensor
    guided: bool

    @property
    def pictures(self) -> int:
        """Pictures that are drawn at once."""
        return self.mask.shape[0] // (2 if self.guided else 1)

    def take(self, rows: list[int]) -> Prefix:
        """The same prompts for other rows: row k gets that of row ``rows[k]``."""
        if rows == list(range(len(self.mask))):
            return self
        return Prefix(self.cache.take(rows), self.mask[rows], self.guided)


def read_prefix(
    model: UniPicModel, embeddings: Tensor, mask: Tensor, tokens: int, *, guided: bool
) -> Prefix:
    """Run the language model over the prompts.

    Args:
        embeddings: (rows, length, width), padded on the right.
        mask: (rows, length), True for real tokens.
        tokens: image tokens that will follow at the most (buffer not counted).
        guided: whether the second half of the rows is unconditional.
    """
    rows, length = mask.shape
    room = length + tokens + model.config.mar.buffer
    cache = PrefixCache(model.config.llm, rows, room, embeddings.device, embeddings.dtype)
    # Causality alone keeps real tokens from seeing padding, which is on the right.
    model.read(embeddings, cache=cache)
    cache.keep(length)
    return Prefix(cache, mask.bool(), guided)


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration is done: which, of how many, and how many tokens are still masked."""

    iteration: int
    iterations: int
    masked: int


NoiseSource = Iterator[Tensor]


def sample(
    model: UniPicModel,
    prefix: Prefix,
    state: SamplerState,
    grid: tuple[int, int],
    settings: SamplingSettings,
    *,
    canvas: Tensor | None = None,
    noises: NoiseSource | None = None,
) -> Iterator[Step]:
    """Draw, one iteration a step, updating ``state`` in place.

    Args:
        prefix: from `read_prefix`; guided exactly if ``settings.guidance`` is not 1.
        state: where to start; a state kept from an earlier run goes on from there.
        grid: rows and columns of tokens.
        settings: with none left open; a job that draws is one.
        canvas: (pictures, tokens, decoder width) from `Mar.canvas` when editing.
        noises: replaces the state's generators: for each iteration a tensor
            (1 + head steps, pictures · drawn, channels). For parity tests.
    """
    pictures, total, channels = state.tokens.shape
    counts = masked_counts(state.orders.shape[1], filled(settings.iterations))
    scale, solver, steps = filled(settings.guidance), solver_of(settings), evaluations(settings)
    positions = model.positions(*grid)
    device, dtype = model.device, model.dtype
    everything = torch.arange(total).expand(pictures, -1)
    # Orders stay on the CPU, where choosing tokens makes nothing wait for the device.
    for iteration in range(state.iteration, len(counts)):
        before = counts[iteration - 1] if iteration else state.orders.shape[1]
        after = counts[iteration]
        visible = everything[state.drawn(before)].view(pictures, total - before).to(device)
        targets = state.orders[:, after:before].sort(dim=1).values.to(device)
        guidance = guidance_at(scale, settings.schedule, state.orders.shape[1], after)

        # A kept difference pays only where an iteration follows.
        reuse = settings.quality == "fast" and prefix.guided and len(counts) > 1
        refresh = not reuse or state.difference is None or iteration % FAST_REFRESH == 0
        wanted = everything.to(device) if reuse and refresh else targets
        both = prefix.guided and refresh
        encoded = model.mar.encode(state.tokens.to(dtype), visible, positions)
        informed = model.inform(*_converse(model, prefix, encoded, both=both))
        rows = 2 if both else 1
        z = model.mar.decode(
            informed,
            visible.repeat(rows, 1),
            positions,
            wanted.repeat(rows, 1),
            None if canvas is None else canvas.repeat(rows, 1, 1),
        )
        if reuse:
            z, state.difference = _reuse(z, state.difference, targets, refresh=refresh)
        if noises is not None:
            noise = next(noises)
        else:
            drawn = [
                draw_noise(own, before - after, channels, noise_steps(solver, steps))
                for own in state.generators
            ]
            noise = torch.cat(drawn, dim=1)
        noise = noise.to(device)
        latents = model.mar.diffloss.sample(
            z.flatten(0, 1),
            noise[0],
            noise[1:],
            steps,
            first=first_step(settings),
            guidance=guidance,
            temperature=settings.temperature,
            solver=solver,
        )
        index = targets.unsqueeze(-1).expand(-1, -1, channels)
        state.tokens.scatter_(1, index, latents.view(pictures, before - after, channels))
        state.iteration = iteration + 1
        yield Step(iteration + 1, len(counts), after)


def _converse(
    model: UniPicModel, prefix: Prefix, encoded: Tensor, *, both: bool
) -> tuple[Tensor, Tensor]:
    """Let the language model read the visual sequence behind each row's prompt.

    Returns:
        The encoding repeated for every row, and the language model's hidden states.
    """
    seen = model.look(encoded)
    cache, mask = prefix.cache, prefix.mask
    if both:
        encoded, seen = torch.cat([encoded, encoded]), torch.cat([seen, seen])
    elif prefix.guided:
        cache, mask = cache.select(slice(prefix.pictures)), mask[: prefix.pictures]
    rows, length = seen.shape[:2]
    start = mask.sum(dim=1, keepdim=True)
    places = start + torch.arange(length, device=seen.device)
    suffix = torch.ones(length, length, dtype=torch.bool, device=seen.device).tril()
    allowed = torch.cat(
        [mask[:, None, :].expand(rows, length, -1), suffix.expand(rows, -1, -1)], dim=2
    )
    return encoded, model.read(seen, places, allowed.unsqueeze(1), cache)


def _reuse(
    z: Tensor, difference: Tensor | None, targets: Tensor, *, refresh: bool
) -> tuple[Tensor, Tensor | None]:
    """Conditions for both halves, the unconditional one from a kept difference where possible.

    LazyMAR (2025, section 3.3) found that the difference between the two changes little from one
    iteration to the next.

    Args:
        z: after a refresh (2 · pictures, tokens, width), else (pictures, targets, width).
        difference: (pictures, tokens, width), unconditional minus conditional.

    Returns:
        (2 · pictures, targets, width) and the difference to keep.
    """
    index = targets.unsqueeze(-1).expand(-1, -1, z.shape[-1])
    if refresh:
        conditional, unconditional = z.chunk(2)
        difference = unconditional - conditional
        conditional = conditional.gather(1, index)
    else:
        conditional = z
    assert difference is not None
    return torch.cat([conditional, conditional + difference.gather(1, index)]), difference
