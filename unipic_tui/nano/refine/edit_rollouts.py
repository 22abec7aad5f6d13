"""The model's own edits of many pictures at once, and pairs of right and wrong ones."""

from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.dpo import PreferencePairs
from unipic_tui.nano.refine.rollouts import detect_latents, sample_latents
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.edits import EditKind, edit_followed, edit_sample
from unipic_tui.nano.world.scene import choose, choose_by

EDIT_PROMPTS: dict[EditKind, float] = {
    "recolour": 0.32,
    "replace": 0.34,
    "add": 0.16,
    "move": 0.06,
    "remove": 0.06,
    "background": 0.06,
}
"""Share of each kind of edit: what goes wrong most often."""
DIFFERENT = 0.25
"""Mean square by which latents of a token differ that shows something else; of unit variance."""


class EditGroup(NamedTuple):
    """Several edits of one picture.

    Attributes:
        source: (tokens, channels).
        latents: (edits, tokens, channels).
        right: whether each follows the instruction and leaves the rest alone.
    """

    prompt: Prompt
    source: Tensor
    latents: Tensor
    right: tuple[bool, ...]


def roll_out_edits(
    model: UniPicModel,
    codec: PromptCodec,
    rng: np.random.Generator,
    count: int,
    group_size: int,
    head_steps: int,
) -> list[EditGroup]:
    """Make ``count`` random edits ``group_size`` times each."""
    kinds: list[EditKind] = [choose_by(rng, EDIT_PROMPTS) for _ in range(count)]
    samples = [edit_sample(rng, kind) for kind in kinds]
    sources = encode_scenes(model, [sample.source for sample in samples])
    prompts = [codec.about_image(sample.instruction) for sample in samples]
    repeated = [prompt for prompt in prompts for _ in range(group_size)]
    drawn = sample_latents(
        model, codec, repeated, 1.0, head_steps, sources=sources.repeat_interleave(group_size, 0)
    )
    found = detect_latents(model, drawn)
    groups = []
    for index, (sample, prompt) in enumerate(zip(samples, prompts, strict=True)):
        part = slice(index * group_size, (index + 1) * group_size)
        right = tuple(all(edit_followed(sample, picture)) for picture in found[part])
        groups.append(EditGroup(prompt, sources[index], drawn[part], right))
    return groups


def edit_pairs(rng: np.random.Generator, groups: deque[EditGroup], count: int) -> PreferencePairs:
    """Right and wrong edits of random groups, all of which have both; blamed is what differs."""
    chosen = []
    for place in rng.integers(len(groups), size=count):
        group = groups[place]
        right, wrong = (
            group.latents[choose(rng, [i for i, each in enumerate(group.right) if each is side])]
            for side in (True, False)
        )
        differs = (right - wrong).square().mean(dim=1) > DIFFERENT
        chosen.append((group, right, wrong, differs | ~differs.any()))
    picked, preferred, rejected, blamed = zip(*chosen, strict=True)
    return PreferencePairs(
        [group.prompt for group in picked],
        torch.stack(preferred),
        torch.stack(rejected),
        torch.stack(blamed),
        torch.stack([group.source for group in picked]),
    )
