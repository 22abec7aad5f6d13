"""Losses that make right drawings likelier than wrong ones, relative to the model as it was.

Direct preference optimisation (Rafailov et al. 2023, equation 7) with diffusion losses in place of
log-probabilities (Wallace et al. 2024, equation 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from unipic_tui.inference.prompts import Prompt
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.data import lay_out
from unipic_tui.nano.noising import (
    HEAD_REPEATS,
    Levels,
    drawing_rows,
    hidden_tokens,
    next_tokens,
    quadrant_of,
    stratified_timesteps,
    tokens_of,
)
from unipic_tui.nano.own_drawings import Mended

SHARPNESS = 20.0
"""β: by how much a difference of losses, in shares of the mean loss, counts as a preference."""
IMITATION = 2.0
"""Weight of the diffusion loss of right drawings themselves, which preferences alone may raise."""
DECIDED = 400
"""The first timestep that preferences look at. What is drawn is settled above it; below it a wrong
object is plainly seen, and there a model could raise its loss without drawing any fewer of them."""
NEXT = 4
"""Tokens that preferences look at: those drawn next. What lies further ahead will be drawn beside
other tokens than the ones seen now."""
TRIES = 6
"""Contexts tried of each mended drawing, for one in which what was there before is wrong."""


class Preference(NamedTuple):
    """What one step of preferences gives.

    Attributes:
        loss: to train on.
        agreed: the share of pairs of which the model prefers the right one more than it did.
    """

    loss: Tensor
    agreed: Tensor


class Pairs(NamedTuple):
    """Right and wrong drawings of the same prompts.

    Attributes:
        right, wrong: (pairs, tokens, channels) latents.
        blamed: (pairs, tokens), True for the tokens of wrong drawings that are to blame.
    """

    prompts: list[Prompt]
    right: Tensor
    wrong: Tensor
    blamed: Tensor


class Misses(NamedTuple):
    """Right scenes of prompts, of which one quadrant is masked, and what must not be drawn there.

    Attributes:
        latents: (rows, tokens, channels) of the right scenes.
        mask: (rows, tokens), True where masked; as many in each row.
        quadrant: (rows, tokens in a quadrant) the tokens asked for, all of them masked.
        wrong: (rows, misses, tokens in a quadrant, channels).
        certain: (rows, misses), whether each is wrong beside what is seen.
    """

    prompts: list[Prompt]
    latents: Tensor
    mask: Tensor
    quadrant: Tensor
    wrong: Tensor
    certain: Tensor


def _for_each(sides: int, values: Tensor) -> Tensor:
    """The same values (repeats · rows, …) for right and wrong: (repeats · sides · rows, …)."""
    parted = values.view(HEAD_REPEATS, 1, -1, *values.shape[1:])
    return parted.repeat_interleave(sides, dim=1).flatten(0, 2)


def _right(sides: int, values: Tensor) -> Tensor:
    """(repeats · rows,) those of the first side."""
    return values.view(HEAD_REPEATS, sides, -1)[:, 0].flatten()


def preference(
    model: UniPic, reference: UniPic, levels: Levels, pairs: Pairs, masked: int
) -> Preference:
    """The loss of preferring right drawings, with ``masked`` tokens masked, in what comes next.

    Both drawings of a pair, in both models, meet the same masks, timesteps and noise, so that
    nothing else differs between what is compared. Of wrong drawings only what is to blame counts.
    """
    count = len(pairs.prompts)
    device = model.device
    layout = lay_out(pairs.prompts * 2, 0)
    ids, real = layout.ids.to(device), layout.mask.to(device)
    latents = torch.cat([pairs.right, pairs.wrong])
    hidden = hidden_tokens(count, model.config.mar.grid, masked).to(device)
    asked = next_tokens(hidden, model.config.mar.grid, min(NEXT, masked))
    rows = asked.numel()

    timesteps = _for_each(2, stratified_timesteps(rows, device, DECIDED))
    noise = _for_each(2, torch.randn(HEAD_REPEATS * rows, latents.shape[-1], device=device))

    def losses(which: UniPic) -> Tensor:
        return drawing_rows(
            which,
            which.embed(ids),
            real,
            latents,
            hidden.repeat(2, 1),
            timesteps,
            noise,
            asked=asked.repeat(2, 1),
        )

    with torch.no_grad():
        before = losses(reference)
    now = losses(model)
    levels.update(before, timesteps)
    gained = levels.shares(before - now, timesteps).view(HEAD_REPEATS, 2, *asked.shape).mean(dim=0)
    blamed = pairs.blamed.to(device).gather(1, asked)
    at_fault = (gained[1] * blamed).sum(dim=1) / blamed.sum(dim=1).clamp(min=1)
    margins = gained[0].mean(dim=1) - at_fault
    imitation = _right(2, levels.shares(now, timesteps)).mean()
    loss = F.softplus(-SHARPNESS * margins).mean() + IMITATION * imitation
    return Preference(loss, (margins.detach() > 0).float().mean())


def rejection(model: UniPic, reference: UniPic, levels: Levels, misses: Misses) -> Preference:
    """The loss of preferring the right quadrant to every near miss of it.

    What is seen is the same for all, so that the head's conditions are computed once; against
    several wrong ones the preference is that of Plackett and Luce (Rafailov et al. 2023, appendix
    A.3), of which this is the first place.
    """
    count, kinds, tokens, channels = misses.wrong.shape
    device, side = model.device, model.config.mar.grid
    layout = lay_out(misses.prompts, 0)
    ids, real = layout.ids.to(device), layout.mask.to(device)
    rows, sides = count * tokens, 1 + kinds
    right = misses.latents.gather(1, misses.quadrant[..., None].expand(-1, -1, channels))
    clean = torch.cat([right[:, None], misses.wrong], dim=1).transpose(0, 1).reshape(-1, channels)
    timesteps = _for_each(sides, stratified_timesteps(rows, device, DECIDED))
    noise = _for_each(sides, torch.randn(HEAD_REPEATS * rows, channels, device=device))

    def losses(which: UniPic) -> Tensor:
        z = drawing_conditions(
            which,
            which.embed(ids),
            misses.latents,
            misses.mask,
            (side, side),
            real,
            None,
            misses.quadrant,
        )
        repeats = HEAD_REPEATS * sides
        return which.mar.diffloss.loss(
            clean.repeat(HEAD_REPEATS, 1), z.flatten(0, 1).repeat(repeats, 1), timesteps, noise
        )

    with torch.no_grad():
        before = losses(reference)
    now = losses(model)
    levels.update(_right(sides, before), _right(sides, timesteps))
    gained = levels.shares(before - now, timesteps).view(HEAD_REPEATS, sides, count, tokens)
    gained = gained.mean(dim=(0, 3))
    margins = gained[:1] - gained[1:]
    certain = misses.certain.T
    against = (-SHARPNESS * margins).masked_fill(~certain, torch.finfo(torch.float32).min)
    loss = F.softplus(torch.logsumexp(against, dim=0)).mean()
    imitation = _right(sides, levels.shares(now, timesteps)).mean()
    agreed = ((margins.detach() > 0) & certain).sum() / certain.sum().clamp(min=1)
    return Preference(loss + IMITATION * imitation, agreed)


def beside(rng: np.random.Generator, mended: Sequence[Mended], side: int) -> Misses:
    """Mended drawings beside some of what else is in them, by chance but for `TRIES`."""
    of = quadrant_of(side)
    inside = tokens_of(side)[[each.quadrant for each in mended]]
    table = pad_sequence([each.lost for each in mended], batch_first=True)
    seen = int(rng.integers(len(of) - inside.shape[1] + 1))

    def context() -> tuple[Tensor, Tensor]:
        """Random tokens to be seen, and which drawings are wrong beside them."""
        order = torch.rand(len(inside), len(of)).scatter(1, inside, 2.0)
        places = order.argsort(dim=1)[:, :seen]
        quadrants = torch.zeros(len(inside), 4, dtype=torch.long).scatter(1, of[places], 1)
        number = (quadrants * torch.tensor([8, 4, 2, 1])).sum(dim=1)
        return places, table[torch.arange(len(table)), :, number]

    places, certain = context()
    for _ in range(TRIES - 1):
        others, found = context()
        better = (found.sum(dim=1) > certain.sum(dim=1))[:, None]
        places = torch.where(better, others, places)
        certain = torch.where(better, found, certain)
    latents = torch.stack([each.latents for each in mended])
    mask = torch.ones(latents.shape[:2], dtype=torch.bool).scatter(1, places, False)
    device = latents.device
    return Misses(
        [each.prompt for each in mended],
        latents,
        mask.to(device),
        inside.to(device),
        pad_sequence([each.wrong for each in mended], batch_first=True),
        certain.to(device),
    )
