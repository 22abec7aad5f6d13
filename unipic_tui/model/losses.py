"""The losses that train the model to draw, edit and describe, as published.

Drawing and editing: the diffusion loss of masked tokens (Li et al. 2024). Describing: cross-entropy
of the answer (Harmon, Wu et al. 2025).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from unipic_tui.model.unipic import UniPicModel

IGNORED = -100
"""The label of positions that do not count."""


class DrawingLoss(NamedTuple):
    """What a drawing loss is made of.

    Attributes:
        loss: the mean over masked tokens, a scalar.
        rows: (repeats · batch · tokens,) loss of each row, masked or not.
        z: (batch, tokens, decoder width) conditions of the head.
    """

    loss: Tensor
    rows: Tensor
    z: Tensor


def drawing_loss(
    model: UniPicModel,
    prompts: Tensor,
    latents: Tensor,
    mask: Tensor,
    grid: tuple[int, int],
    *,
    timesteps: Tensor,
    noise: Tensor,
    prompt_mask: Tensor | None = None,
    canvas: Tensor | None = None,
) -> DrawingLoss:
    """The diffusion loss of a batch whose pictures all have equally many masked tokens.

    The head's batch is the batch's tokens ``repeats`` times over (`diffusion_batch_mul` in the
    published code), with ``repeats`` the rows of ``timesteps`` over the batch's tokens.

    Args:
        prompts: (batch, length, width) embeddings, padded on the right.
        latents: (batch, tokens, channels).
        mask: (batch, tokens), True where masked.
        grid: rows and columns of tokens.
        timesteps: (repeats · batch · tokens,).
        noise: (repeats · batch · tokens, channels).
        prompt_mask: (batch, length), False where a prompt is padded.
        canvas: see `Mar.decode`.
    """
    z = drawing_conditions(model, prompts, latents, mask, grid, prompt_mask, canvas)
    batch, tokens, channels = latents.shape
    repeats = timesteps.shape[0] // (batch * tokens)
    rows = model.mar.diffloss.loss(
        latents.reshape(-1, channels).repeat(repeats, 1),
        z.flatten(0, 1).repeat(repeats, 1),
        timesteps,
        noise,
    )
    weight = mask.flatten().repeat(repeats).to(rows.dtype)
    return DrawingLoss((rows * weight).sum() / weight.sum(), rows, z)


def drawing_conditions(
    model: UniPicModel,
    prompts: Tensor,
    latents: Tensor,
    mask: Tensor,
    grid: tuple[int, int],
    prompt_mask: Tensor | None = None,
    canvas: Tensor | None = None,
    targets: Tensor | None = None,
) -> Tensor:
    """Conditions of the head for given latents in one pass; see `drawing_loss`.

    Returns:
        (batch, tokens or targets, decoder width).
    """
    batch = mask.shape[0]
    positions = model.positions(*grid)
    visible = (~mask).nonzero()[:, 1].view(batch, -1)
    encoded = model.mar.encode(latents.to(prompts.dtype), visible, positions)
    seen = model.look(encoded)
    length, added = prompts.shape[1], seen.shape[1]
    places = attention = None
    if prompt_mask is not None:
        places, attention = padded_layout(prompt_mask, added)
    hidden = model.read(torch.cat([prompts, seen.to(prompts.dtype)], dim=1), places, attention)
    informed = model.inform(encoded, hidden[:, length:])
    return model.mar.decode(informed, visible, positions, targets, canvas)


def padded_layout(prompt_mask: Tensor, added: int) -> tuple[Tensor, Tensor]:
    """Positions and attention for prompts padded on the right with ``added`` positions behind.

    Args:
        prompt_mask: (batch, length), True for real tokens.

    Returns:
        Positions (batch, length + added), padding not counted, and a mask
        (batch, 1, length + added, length + added).
    """
    batch, length = prompt_mask.shape
    total = length + added
    device = prompt_mask.device
    places = torch.arange(total, device=device).expand(batch, -1).clone()
    places[:, length:] -= (~prompt_mask).sum(dim=1, keepdim=True)
    real = F.pad(prompt_mask, (0, added), value=True)
    causal = torch.ones(total, total, dtype=torch.bool, device=device).tril()
    # A padded position must see something, itself, or its softmax is not a number.
    own = torch.eye(total, dtype=torch.bool, device=device)
    return places, ((causal & real[:, None, :]) | own).unsqueeze(1)


def describing_loss(
    model: UniPicModel,
    embeddings: Tensor,
    labels: Tensor,
    positions: Tensor | None = None,
    attention: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of predicting each label from what precedes it.

    Args:
        embeddings: (batch, length, width).
        labels: (batch, length) token ids, `IGNORED` where nothing is to be learnt.
        positions, attention: see `UniPicModel.read`.
    """
    hidden = model.read(embeddings, positions, attention)[:, :-1]
    following = labels[:, 1:]
    counted = following != IGNORED
    return F.cross_entropy(model.logits(hidden[counted]).float(), following[counted])
