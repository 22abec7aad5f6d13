"""Losses that make right drawings likelier than wrong ones, relative to a reference model.

Direct preference optimisation (Rafailov et al. 2023, equation 7) with diffusion losses in place of
log-probabilities (Wallace et al. 2024, equation 14).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import Prompt
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.rollouts import Continuations
from unipic_tui.nano.train.noising import (
    HEAD_REPEATS,
    LossWeighting,
    diffusion_losses,
    masked_tokens,
    next_tokens,
    stratified_timesteps,
)
from unipic_tui.nano.train.padding import pad_prompts
from unipic_tui.nano.train.samples import read_prompts

BETA = 20.0
"""β: by how much a difference of losses, in shares of the mean loss, counts as a preference."""
IMITATION = 2.0
"""Weight of the diffusion loss of right drawings themselves, which preferences alone may raise."""
LOWEST_TIMESTEP = 400
"""The first timestep that preferences compare. What is drawn is settled above it; below it a wrong
object is plainly visible, and a model could raise its loss there without drawing fewer of them."""
NEXT = 4
"""Tokens that preferences compare: those drawn next. Later ones will be drawn when other tokens are
visible than now."""


class PreferenceLoss(NamedTuple):
    """A loss to train on, and the accuracy of the preferences.

    Attributes:
        agreed: the share of pairs in which the model prefers the right one more than the reference.
    """

    loss: Tensor
    agreed: Tensor


class PreferencePairs(NamedTuple):
    """Right and wrong drawings of the same prompts.

    Attributes:
        right, wrong: (pairs, tokens, channels) latents.
        blamed: (pairs, tokens), True for the tokens that make the wrong drawings wrong.
        sources: (pairs, tokens, channels) of edits.
    """

    prompts: list[Prompt]
    right: Tensor
    wrong: Tensor
    blamed: Tensor
    sources: Tensor | None = None


class ContinuationBatch(NamedTuple):
    """Right drawings of which a prefix is visible, and wrong continuations of that prefix.

    Attributes:
        latents: (rows, tokens, channels) of the right drawings.
        mask: (rows, tokens), True where masked; as many in each row.
        compared: (rows, n) the tokens compared, all of them masked.
        wrong: (rows, most wrong ones, n, channels).
        real: (rows, most wrong ones), False where padded.
    """

    prompts: list[Prompt]
    latents: Tensor
    mask: Tensor
    compared: Tensor
    wrong: Tensor
    real: Tensor


def _for_each(sides: int, values: Tensor) -> Tensor:
    """The same values (repeats · rows, …) for right and wrong: (repeats · sides · rows, …)."""
    parted = values.view(HEAD_REPEATS, 1, -1, *values.shape[1:])
    return parted.repeat_interleave(sides, dim=1).flatten(0, 2)


def _right(sides: int, values: Tensor) -> Tensor:
    """(repeats · rows,) those of the first side."""
    return values.view(HEAD_REPEATS, sides, -1)[:, 0].flatten()


def preference_loss(
    model: UniPicModel,
    reference: UniPicModel,
    weighting: LossWeighting,
    pairs: PreferencePairs,
    masked: int,
) -> PreferenceLoss:
    """The loss of preferring right drawings in the next tokens, with ``masked`` tokens masked.

    Both drawings of a pair, in both models, have the same masks, timesteps and noise, so that
    nothing else differs between what is compared. Of wrong drawings only blamed tokens count.
    """
    count = len(pairs.prompts)
    device = model.device
    positions = model.config.mar.grid**2 + model.config.mar.buffer
    padded = pad_prompts(pairs.prompts * 2, positions)
    real = padded.mask.to(device)
    sources = None if pairs.sources is None else pairs.sources.repeat(2, 1, 1)
    latents = torch.cat([pairs.right, pairs.wrong])
    hidden = masked_tokens(count, model.config.mar.grid, masked).to(device)
    compared = next_tokens(hidden, model.config.mar.grid, min(NEXT, masked))
    rows = compared.numel()

    timesteps = _for_each(2, stratified_timesteps(rows, device, LOWEST_TIMESTEP))
    noise = _for_each(2, torch.randn(HEAD_REPEATS * rows, latents.shape[-1], device=device))

    def losses(which: UniPicModel) -> Tensor:
        embeddings, canvas = read_prompts(which, padded, sources)
        return diffusion_losses(
            which,
            embeddings,
            real,
            latents,
            hidden.repeat(2, 1),
            timesteps,
            noise,
            canvas,
            targets=compared.repeat(2, 1),
        )

    with torch.no_grad():
        before = losses(reference)
    now = losses(model)
    weighting.update(before, timesteps)
    gained = weighting.shares(before - now, timesteps)
    gained = gained.view(HEAD_REPEATS, 2, *compared.shape).mean(dim=0)
    blamed = pairs.blamed.to(device).gather(1, compared)
    at_fault = (gained[1] * blamed).sum(dim=1) / blamed.sum(dim=1).clamp(min=1)
    margins = gained[0].mean(dim=1) - at_fault
    imitation = _right(2, weighting.shares(now, timesteps)).mean()
    loss = F.softplus(-BETA * margins).mean() + IMITATION * imitation
    return PreferenceLoss(loss, (margins.detach() > 0).float().mean())


def continuation_loss(
    model: UniPicModel, reference: UniPicModel, weighting: LossWeighting, batch: ContinuationBatch
) -> PreferenceLoss:
    """The loss of preferring the right continuation to every wrong one.

    All share the visible prefix, so that the head's conditions are computed once. The preference
    among several is the first place of a Plackett-Luce ranking (Rafailov et al. 2023, appendix
    A.3).
    """
    count, kinds, tokens, channels = batch.wrong.shape
    device, side = model.device, model.config.mar.grid
    padded = pad_prompts(batch.prompts)
    ids, real = padded.ids.to(device), padded.mask.to(device)
    rows, sides = count * tokens, 1 + kinds
    right = batch.latents.gather(1, batch.compared[..., None].expand(-1, -1, channels))
    clean = torch.cat([right[:, None], batch.wrong], dim=1).transpose(0, 1).reshape(-1, channels)
    timesteps = _for_each(sides, stratified_timesteps(rows, device, LOWEST_TIMESTEP))
    noise = _for_each(sides, torch.randn(HEAD_REPEATS * rows, channels, device=device))

    def losses(which: UniPicModel) -> Tensor:
        z = drawing_conditions(
            which,
            which.embed(ids),
            batch.latents,
            batch.mask,
            (side, side),
            real,
            None,
            batch.compared,
        )
        repeats = HEAD_REPEATS * sides
        return which.mar.diffloss.loss(
            clean.repeat(HEAD_REPEATS, 1), z.flatten(0, 1).repeat(repeats, 1), timesteps, noise
        )

    with torch.no_grad():
        before = losses(reference)
    now = losses(model)
    weighting.update(_right(sides, before), _right(sides, timesteps))
    gained = weighting.shares(before - now, timesteps)
    gained = gained.view(HEAD_REPEATS, sides, count, tokens).mean(dim=(0, 3))
    margins = gained[:1] - gained[1:]
    present = batch.real.T
    against = (-BETA * margins).masked_fill(~present, torch.finfo(torch.float32).min)
    loss = F.softplus(torch.logsumexp(against, dim=0)).mean()
    imitation = _right(sides, weighting.shares(now, timesteps)).mean()
    agreed = ((margins.detach() > 0) & present).sum() / present.sum()
    return PreferenceLoss(loss + IMITATION * imitation, agreed)


def continuation_batch(continued: Sequence[Continuations], side: int) -> ContinuationBatch:
    """Continuations after prefixes of one length as a batch."""
    order, kept = spread_order(side, side), continued[0].prefix
    device, count = continued[0].right.device, len(continued)
    mask = torch.ones(side * side, dtype=torch.bool).index_fill(0, order[:kept], value=False)
    compared = order[kept : kept + NEXT]
    return ContinuationBatch(
        [each.prompt for each in continued],
        torch.stack([each.right for each in continued]),
        mask.to(device).expand(count, -1),
        compared.to(device).expand(count, -1),
        pad_sequence([each.wrong[:, compared] for each in continued], batch_first=True),
        pad_sequence(
            [torch.ones(len(each.wrong), dtype=torch.bool) for each in continued], batch_first=True
        ).to(device),
    )
