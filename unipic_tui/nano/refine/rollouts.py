"""Rollouts: the model's own drawings of many prompts at once, with the detector as reward."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.inference.sampling import SamplingSettings, read_prefix, sample
from unipic_tui.inference.state import SamplerState
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.model.vae import to_bytes
from unipic_tui.nano.train.padding import pad_prompts
from unipic_tui.nano.train.samples import read_prompts
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.request import satisfies
from unipic_tui.nano.world.scene import Detected, choose, choose_by
from unipic_tui.nano.world.text_to_image import DrawSample

PREFIXES: dict[int, float] = {1: 0.3, 2: 0.3, 3: 0.2, 4: 0.2}
"""How often a prefix has so many tokens. Of wrong coloured pairs continued again, 67 of a hundred
came out right after one token, 41 after two, 21 after three, 15 after four, 2 after eight."""


class RolloutGroup(NamedTuple):
    """Several drawings of one prompt.

    Attributes:
        sample: what was asked for.
        prompt: the same as ids.
        latents: (drawings, tokens, channels).
        found: what the detector reads in each.
        right: whether each shows what was asked for.
    """

    sample: DrawSample
    prompt: Prompt
    latents: Tensor
    found: tuple[Detected, ...]
    right: tuple[bool, ...]


class Continuations(NamedTuple):
    """Right and wrong continuations of one prefix, the first tokens of a wrong drawing.

    Attributes:
        prefix: number of tokens that all of these drawings share.
        right: (tokens, channels) one that came out right.
        wrong: (drawings, tokens, channels), the original and the new ones that came out wrong.
    """

    prompt: Prompt
    prefix: int
    right: Tensor
    wrong: Tensor


@torch.no_grad()
def sample_latents(
    model: UniPicModel,
    codec: PromptCodec,
    prompts: Sequence[Prompt],
    guidance: float,
    head_steps: int,
    latents: Tensor | None = None,
    order: Tensor | None = None,
    sources: Tensor | None = None,
    most: int | None = None,
) -> Tensor:
    """One drawing of each prompt, one token an iteration.

    Args:
        guidance: 1 or more; at 1 there is no unconditional half.
        latents: (prompts, tokens, channels) of drawings to redraw in part.
        order: (n,) the tokens to draw, in this order; by default all, in spread order.
        sources: (prompts, tokens, channels) of the pictures to edit; guidance is then 1.
        most: stop when so many tokens are drawn; the others stay zero.

    Returns:
        (prompts, tokens, channels), float32.
    """
    count, side = len(prompts), model.config.mar.grid
    tokens, channels = side * side, model.config.mar.latent_channels
    guided = guidance != 1
    rows = [*prompts, *([codec.draw_unconditional()] * count if guided else ())]
    padded = pad_prompts(rows, tokens + model.config.mar.buffer)
    embeddings, canvas = read_prompts(model, padded, sources)
    prefix = read_prefix(model, embeddings, padded.mask.to(model.device), tokens, guided=guided)
    order = spread_order(side, side) if order is None else order
    drawn = torch.zeros(count, tokens, channels) if latents is None else latents.clone()
    seeds: list[int] = torch.randint(2**62, (count,)).tolist()
    state = SamplerState(
        drawn.to(model.device),
        order.cpu().flip(0).expand(count, -1),
        0,
        [torch.Generator().manual_seed(seed) for seed in seeds],
    )
    settings = SamplingSettings(
        guidance=guidance, iterations=len(order), quality="balanced", head_steps=head_steps
    )
    for step in sample(model, prefix, state, (side, side), settings, canvas=canvas):
        if step.iteration == most:
            break
    return state.tokens


@torch.no_grad()
def detect_latents(model: UniPicModel, latents: Tensor) -> list[Detected]:
    """What the detector reads in drawings, (drawings, tokens, channels)."""
    side = model.config.mar.grid
    images = model.vae.decode(latents.unflatten(1, (side, side)))
    return [detect(picture) for picture in to_bytes(images).numpy()]


def roll_out(
    model: UniPicModel,
    codec: PromptCodec,
    samples: Sequence[DrawSample],
    group_size: int,
    head_steps: int,
    latents: Tensor | None = None,
    order: Tensor | None = None,
) -> list[RolloutGroup]:
    """Draw each prompt ``group_size`` times, at the model's default guidance.

    Args:
        latents: (samples, tokens, channels) of drawings to redraw in part.
        order: see `sample_latents`.
    """
    prompts = [codec.draw(sample.prompt) for sample in samples]
    repeated = [prompt for prompt in prompts for _ in range(group_size)]
    if latents is not None:
        latents = latents.repeat_interleave(group_size, dim=0)
    guidance = model.config.defaults.guidance
    drawn = sample_latents(model, codec, repeated, guidance, head_steps, latents, order)
    found = detect_latents(model, drawn)
    groups: list[RolloutGroup] = []
    for index, (asked, prompt) in enumerate(zip(samples, prompts, strict=True)):
        part = slice(index * group_size, (index + 1) * group_size)
        right = tuple(satisfies(asked.request, each) for each in found[part])
        groups.append(RolloutGroup(asked, prompt, drawn[part], tuple(found[part]), right))
    return groups


def continue_wrong(
    model: UniPicModel,
    codec: PromptCodec,
    rng: np.random.Generator,
    groups: Sequence[RolloutGroup],
    tries: int,
    head_steps: int,
) -> list[Continuations]:
    """Continue the first tokens of each wrong drawing ``tries`` times.

    Returns:
        One for each wrong drawing of which a continuation came out right.
    """
    wrong = [
        (group.sample, latents)
        for group in groups
        for latents, right in zip(group.latents, group.right, strict=True)
        if not right
    ]
    if not wrong:
        return []
    samples, originals = zip(*wrong, strict=True)
    side, prefix = model.config.mar.grid, choose_by(rng, PREFIXES)
    order = spread_order(side, side)[prefix:]
    again = roll_out(model, codec, samples, tries, head_steps, torch.stack(originals), order)
    continued: list[Continuations] = []
    for group, original in zip(again, originals, strict=True):
        if any(group.right):
            chosen = choose(rng, [index for index, right in enumerate(group.right) if right])
            failed = group.latents[~torch.tensor(group.right)]
            wrongs = torch.cat([original[None], failed])
            continued.append(Continuations(group.prompt, prefix, group.latents[chosen], wrongs))
    return continued
