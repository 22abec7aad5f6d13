"""The model's own drawings of many prompts at once, judged by the detector."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.data import lay_out
from unipic_tui.nano.noising import quadrant_of, tokens_of
from unipic_tui.nano.train_vae import to_pictures
from unipic_tui.nano.world import (
    Detected,
    DrawSample,
    detect,
    lost,
    satisfies,
    to_blame,
)
from unipic_tui.nano.world.scene import choose


class Attempts(NamedTuple):
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


class Mended(NamedTuple):
    """A drawing that became right when one quadrant was drawn anew.

    Attributes:
        latents: (tokens, channels) of the right one.
        quadrant: the one drawn anew, 0..3 in reading order.
        wrong: (drawings, tokens of the quadrant, channels), the quadrant as it had been and as it
            was drawn anew in vain.
        lost: (drawings, contexts), when each of those can no longer become right; see `lost`.
    """

    prompt: Prompt
    latents: Tensor
    quadrant: int
    wrong: Tensor
    lost: Tensor


def drawing_orders(model: UniPic, count: int) -> Tensor:
    """(count, tokens) orders in which the model draws by default, the first token first."""
    side = model.config.mar.grid
    if model.config.defaults.order == "spread":
        return spread_order(side, side).expand(count, -1)
    return torch.rand(count, side * side).argsort(dim=1)


@torch.no_grad()
def draw_latents(
    model: UniPic,
    codec: PromptCodec,
    prompts: Sequence[Prompt],
    guidance: float,
    head_steps: int,
    latents: Tensor | None = None,
    order: Tensor | None = None,
) -> Tensor:
    """One drawing of each prompt, one token an iteration.

    The engine draws one prompt at a time and keeps what it computed; with hundreds of prompts of
    different lengths it is faster to compute all again and to fill the processor.

    Args:
        guidance: 1 or more; 1 does without the unconditional half.
        latents: (prompts, tokens, channels) of drawings to draw in part anew.
        order: (prompts, n) the tokens to draw, the first one first; by default all of them, as
            `drawing_orders` says.

    Returns:
        (prompts, tokens, channels), float32.
    """
    device, count, side = model.device, len(prompts), model.config.mar.grid
    tokens, channels = side * side, model.config.mar.latent_channels
    # In half precision as a whole, so that autocast need not round the weights at every step.
    head = copy.deepcopy(model.mar.diffloss).to(torch.bfloat16)
    halves = [prompts]
    if guidance != 1:
        halves.append([codec.draw_unconditional()] * count)
    layouts = [lay_out(half, 0) for half in halves]
    embedded = [(model.embed(layout.ids.to(device)), layout.mask.to(device)) for layout in layouts]
    if order is None:
        order = drawing_orders(model, count)
    order = order.to(device)
    drawn = torch.zeros(count, tokens, channels, device=device) if latents is None else latents
    mask = torch.zeros(count, tokens, dtype=torch.bool, device=device).scatter(1, order, True)
    for place in order.split(1, dim=1):
        z = torch.cat(
            [
                drawing_conditions(model, embeddings, drawn, mask, (side, side), real, None, place)
                for embeddings, real in embedded
            ]
        )
        noise = torch.randn(1 + head_steps, count, channels, device=device)
        token = head.sample(z[:, 0], noise[0], noise[1:], head_steps, guidance=guidance)
        drawn = drawn.scatter(1, place[..., None].expand(-1, -1, channels), token[:, None])
        mask.scatter_(1, place, False)
    return drawn


@torch.no_grad()
def read(model: UniPic, latents: Tensor) -> list[Detected]:
    """What the detector reads in drawings, (drawings, tokens, channels)."""
    side = model.config.mar.grid
    images = model.vae.decode(latents.unflatten(1, (side, side)))
    return [detect(picture) for picture in to_pictures(images)]


def attempt(
    model: UniPic,
    codec: PromptCodec,
    samples: Sequence[DrawSample],
    tries: int,
    head_steps: int,
) -> list[Attempts]:
    """Draw prompts, each ``tries`` times, at the model's usual guidance."""
    encoded = [codec.draw(sample.prompt) for sample in samples]
    repeated = [prompt for prompt in encoded for _ in range(tries)]
    latents = draw_latents(model, codec, repeated, model.config.defaults.guidance, head_steps)
    found = read(model, latents)
    drawn: list[Attempts] = []
    for index, (sample, prompt) in enumerate(zip(samples, encoded, strict=True)):
        part = slice(index * tries, (index + 1) * tries)
        seen = tuple(found[part])
        right = tuple(satisfies(sample.request, each) for each in seen)
        drawn.append(Attempts(sample, prompt, latents[part], seen, right))
    return drawn


class _Wrong(NamedTuple):
    """A wrong drawing of which one quadrant is to blame."""

    of: Attempts
    latents: Tensor
    found: Detected
    quadrant: int


def _mendable(rng: np.random.Generator, drawn: Sequence[Attempts]) -> list[_Wrong]:
    wrong: list[_Wrong] = []
    for each in drawn:
        for latents, found, right in zip(each.latents, each.found, each.right, strict=True):
            if right:
                continue
            blamed = [q for q, guilty in enumerate(to_blame(each.sample.request, found)) if guilty]
            if blamed:
                wrong.append(_Wrong(each, latents, found, choose(rng, blamed)))
    return wrong


def mend(
    model: UniPic,
    codec: PromptCodec,
    rng: np.random.Generator,
    drawn: Sequence[Attempts],
    tries: int,
    head_steps: int,
) -> list[Mended]:
    """Draw anew what is to blame in wrong drawings, ``tries`` times, and keep what became right."""
    wrong = _mendable(rng, drawn)
    if not wrong:
        return []
    repeated = [each for each in wrong for _ in range(tries)]
    places = tokens_of(model.config.mar.grid)
    order = drawing_orders(model, len(repeated))
    asked = torch.tensor([each.quadrant for each in repeated])[:, None]
    inside = order[quadrant_of(model.config.mar.grid)[order] == asked].view(len(repeated), -1)
    latents = draw_latents(
        model,
        codec,
        [each.of.prompt for each in repeated],
        model.config.defaults.guidance,
        head_steps,
        torch.stack([each.latents for each in repeated]),
        inside,
    )
    found = read(model, latents)
    mended: list[Mended] = []
    for index, each in enumerate(wrong):
        request = each.of.sample.request
        versions = range(index * tries, (index + 1) * tries)
        good = [version for version in versions if satisfies(request, found[version])]
        bad = [version for version in versions if version not in good]
        if not good:
            continue
        wrong_ones = torch.stack([each.latents, *latents[bad]])[:, places[each.quadrant]]
        seen = (each.found, *(found[version] for version in bad))
        table = torch.tensor([lost(request, picture, each.quadrant) for picture in seen])
        chosen = latents[choose(rng, good)]
        mended.append(Mended(each.of.prompt, chosen, each.quadrant, wrong_ones, table))
    return mended
