"""Prompts of a batch as one rectangle of token ids."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from unipic_tui.inference.prompts import Prompt
from unipic_tui.model.losses import IGNORED


@dataclass(slots=True)
class PaddedPrompts:
    """A batch of prompts laid out for the language model, padded on the right.

    Attributes:
        ids: (batch, length); 0 where padded or where an image goes.
        mask: (batch, length), True for real positions.
        image: (batch, positions) indices where the image goes; empty without one.
        labels: (batch, length), `IGNORED` outside of answers.
    """

    ids: Tensor
    mask: Tensor
    image: Tensor
    labels: Tensor


def pad_prompts(
    prompts: Sequence[Prompt],
    image_positions: int = 0,
    answers: Sequence[Sequence[int]] = (),
) -> PaddedPrompts:
    """Pad prompts, with room for an image between their pieces, and append answers."""
    rows: list[list[int]] = []
    starts: list[int] = []
    for prompt in prompts:
        if len(prompt.pieces) == 1:
            rows.append(list(prompt.pieces[0]))
            continue
        before, after = prompt.pieces
        starts.append(len(before))
        rows.append([*before, *([0] * image_positions), *after])
    labels = [[IGNORED] * len(row) for row in rows]
    for row, label, answer in zip(rows, labels, answers, strict=False):
        row.extend(answer)
        label.extend(answer)
    ids = pad_sequence([torch.tensor(row) for row in rows], True)
    padded = pad_sequence([torch.tensor(label) for label in labels], True, IGNORED)
    mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
    image = (
        torch.tensor(starts)[:, None] + torch.arange(image_positions)
        if starts
        else torch.empty(len(rows), 0)
    )
    return PaddedPrompts(ids, mask, image.long(), padded)
