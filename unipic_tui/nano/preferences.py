"""Losses that make right drawings likelier than wrong ones, relative to the model as it was.

Direct preference optimisation (Rafailov et al. 2023, equation 7) with diffusion losses in place of
log-probabilities (Wallace et al. 2024, equation 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from unipic_tui.inference.orders import spread_order
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
    stratified_timesteps,
)
from unipic_tui.nano.own_drawings import Retried

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
    """Right drawings of prompts, of which little is seen, and what must not come next.

    Attributes:
        latents: (rows, tokens, channels) of the right drawings.
        mask: (rows, tokens), True where masked; as many in each row.
        asked: (rows, n) the tokens looked at, all of them masked.
        wrong: (rows, misses, n, channels).
        real: (rows, misses), False for misses that only fill up the row.
    """

    prompts: list[Prompt]
    latents: Tensor
    mask: Tensor
    asked: Tensor
    wrong: Tensor
    real: Tensor


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
    """The loss of preferring the right way to go on to every wrong one.

    What is seen is the same for all, so that the head's conditions are computed once; against
    several wrong ones the preference is that of Plackett and Luce (Rafailov et al. 2023, appendix
    A.3), of which this is the first place.
    """
    count, kinds, tokens, channels = misses.wrong.shape
    device, side = model.device, model.config.mar.grid
    layout = lay_out(misses.prompts, 0)
    ids, real = layout.ids.to(device), layout.mask.to(device)
    rows, sides = count * tokens, 1 + kinds
    right = misses.latents.gather(1, misses.asked[..., None].expand(-1, -1, channels))
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
            misses.asked,
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
    present = misses.real.T
    against = (-SHARPNESS * margins).masked_fill(~present, torch.finfo(torch.float32).min)
    loss = F.softplus(torch.logsumexp(against, dim=0)).mean()
    imitation = _right(sides, levels.shares(now, timesteps)).mean()
    agreed = ((margins.detach() > 0) & present).sum() / present.sum()
    return Preference(loss + IMITATION * imitation, agreed)


def going_on(retried: Sequence[Retried], side: int) -> Misses:
    """Right and wrong ways to go on from the same first tokens, as many in each."""
    order, kept = spread_order(side, side), retried[0].kept
    device, count = retried[0].right.device, len(retried)
    mask = torch.ones(side * side, dtype=torch.bool).index_fill(0, order[:kept], value=False)
    asked = order[kept : kept + NEXT]
    return Misses(
        [each.prompt for each in retried],
        torch.stack([each.right for each in retried]),
        mask.to(device).expand(count, -1),
        asked.to(device).expand(count, -1),
        pad_sequence([each.wrong[:, asked] for each in retried], batch_first=True),
        pad_sequence(
            [torch.ones(len(each.wrong), dtype=torch.bool) for each in retried], batch_first=True
        ).to(device),
    )
