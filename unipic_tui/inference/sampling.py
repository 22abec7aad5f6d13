"""Drawing: the mask schedule, guidance, and the loop over MAR iterations.

Rows of a run are pictures; with guidance the language model and the MAR decoder also see an
unconditional row a picture (all conditional rows first). Encoder and VAE never do: their input is
the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import SamplingSettings, Schedule, solver_of
from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.diffusion import (
    FIRST_STEP,
    MULTISTEP_FIRST_STEP,
    SAFE_FIRST_STEP,
    draw_noise,
    noise_steps,
)
from unipic_tui.model.graphs import ROWS
from unipic_tui.model.mar import Positions
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
    if settings.quality == "exact":
        return FIRST_STEP
    return SAFE_FIRST_STEP if solver_of(settings) == "ddpm" else MULTISTEP_FIRST_STEP


def evaluations(settings: SamplingSettings) -> int:
    """Evaluations of the head for a token."""
    return min(filled(settings.head_steps), first_step(settings) + 1)


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
        pictures: that are drawn at once.
        guided: whether the second half of the rows is unconditional.
    """

    cache: PrefixCache
    pictures: int
    guided: bool

    def take(self, rows: list[int]) -> Prefix:
        """The same prompts for other rows: row k gets that of row ``rows[k]``."""
        if rows == list(range(self.cache.rows)):
            return self
        return Prefix(self.cache.take(rows), len(rows) // (2 if self.guided else 1), self.guided)


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
    rows = len(mask)
    lengths: list[int] = mask.sum(dim=1).tolist()
    room = max(lengths) + tokens + model.config.mar.buffer
    cache = PrefixCache(model.config.llm, rows, room, embeddings.device, embeddings.dtype, lengths)
    for span in cache.spans:
        own = cache.select(span.rows)
        own.keep(span.start)
        model.read(embeddings[span.rows, : max(lengths) - span.start], cache=own)
    cache.keep(max(lengths))
    return Prefix(cache, rows // 2 if guided else rows, guided)


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
    positions, device = model.positions(*grid), model.device
    times = model.mar.diffloss.embed_times(steps, first_step(settings), solver)
    everything = torch.arange(total).expand(pictures, -1)
    every = to_device(everything, device)
    # Orders stay on the CPU, where choosing tokens makes nothing wait for the device.
    for iteration in range(state.iteration, len(counts)):
        before = counts[iteration - 1] if iteration else state.orders.shape[1]
        after = counts[iteration]
        drawn = everything[state.drawn(before)].view(pictures, total - before)
        chosen = torch.cat([drawn, state.orders[:, after:before].sort(dim=1).values], dim=1)
        visible, targets = to_device(chosen, device).split([total - before, before - after], dim=1)
        guidance = guidance_at(scale, settings.schedule, state.orders.shape[1], after)

        # A kept difference pays only where an iteration follows.
        reuse = settings.quality == "fast" and prefix.guided and len(counts) > 1
        refresh = not reuse or state.difference is None or iteration % FAST_REFRESH == 0
        wanted = every if reuse and refresh else targets
        both = prefix.guided and refresh
        z = _conditions(model, prefix, positions, state.tokens, visible, wanted, canvas, both=both)
        if reuse:
            z, state.difference = _reuse(z, state.difference, targets, refresh=refresh)
        if noises is not None:
            noise = next(noises)
        else:
            count = noise_steps(solver, steps)
            own = [draw_noise(each, before - after, channels, count) for each in state.generators]
            noise = torch.cat(own, dim=1)
        latents = _latents(
            model,
            z.flatten(0, 1),
            to_device(noise, device),
            times,
            steps=steps,
            first=first_step(settings),
            guidance=guidance,
            temperature=settings.temperature,
            solver=solver,
        )
        index = targets.unsqueeze(-1).expand(-1, -1, channels)
        state.tokens.scatter_(1, index, latents.view(pictures, before - after, channels))
        state.iteration = iteration + 1
        yield Step(iteration + 1, len(counts), after)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device, without waiting for what the device does now."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _conditions(
    model: UniPicModel,
    prefix: Prefix,
    positions: Positions,
    tokens: Tensor,
    visible: Tensor,
    wanted: Tensor,
    canvas: Tensor | None,
    *,
    both: bool,
) -> Tensor:
    """What the head is conditioned on: encoder, language model and decoder, in one stretch.

    Args:
        both: whether to compute unconditional rows too, which come last.

    Returns:
        (pictures or 2 · pictures, wanted, decoder width).
    """
    rows = 2 if both else 1
    cache = prefix.cache
    if prefix.guided and not both:
        cache = cache.select(slice(prefix.pictures))

    def stretch(tokens: Tensor, visible: Tensor, wanted: Tensor, *rest: Tensor) -> Tensor:
        places = Positions(*rest[:3])
        encoded = model.mar.encode(tokens.to(model.dtype), visible, places)
        hidden = model.read(model.look(encoded).repeat(rows, 1, 1), cache=cache)
        return model.mar.decode(
            model.inform(encoded.repeat(rows, 1, 1), hidden),
            visible.repeat(rows, 1),
            places,
            wanted.repeat(rows, 1),
            rest[3].repeat(rows, 1, 1) if rest[3:] else None,
        )

    tensors = (tokens, visible, wanted, *positions, *(() if canvas is None else (canvas,)))
    return model.graphs.run(stretch, tensors, "conditions", rows, cache.place)


def _latents(model: UniPicModel, z: Tensor, noise: Tensor, times: Tensor, **options: Any) -> Tensor:
    """The head's latents, (rows, channels), drawn in one stretch.

    Args:
        z: (rows, decoder width), or twice the rows; see `DiffusionHead.sample`.
        noise: (1 + head steps, rows, channels).
        options: of `DiffusionHead.sample`.
    """
    rows = noise.shape[1]
    if model.graphs.active and (missing := -rows % ROWS):
        z = F.pad(z.unflatten(0, (-1, rows)), (0, 0, 0, missing)).flatten(0, 1)
        noise = F.pad(noise, (0, 0, 0, missing))

    def stretch(z: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return model.mar.diffloss.sample(z, noise[0], noise[1:], times=times, **options)

    return model.graphs.run(stretch, (z, noise, times), "head", *options.values())[:rows]


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
