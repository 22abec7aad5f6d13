"""The model's own drawings of many prompts at once, judged by the detector."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.data import lay_out
from unipic_tui.nano.train_vae import to_pictures
from unipic_tui.nano.world import DrawSample, detect, draw_sample, satisfies


class Attempts(NamedTuple):
    """Several drawings of one prompt.

    Attributes:
        sample: what was asked for.
        prompt: the same as ids.
        latents: (drawings, tokens, channels).
        right: whether each shows what was asked for.
    """

    sample: DrawSample
    prompt: Prompt
    latents: Tensor
    right: tuple[bool, ...]


@torch.no_grad()
def draw_latents(
    model: UniPic, codec: PromptCodec, prompts: Sequence[Prompt], guidance: float, head_steps: int
) -> Tensor:
    """One drawing of each prompt, one token an iteration in an order of its own.

    The engine draws one prompt at a time and keeps what it computed; with hundreds of prompts of
    different lengths it is faster to compute all again and to fill the processor.

    Args:
        guidance: 1 or more; 1 does without the unconditional half.

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
    order = torch.rand(count, tokens).argsort(dim=1).to(device)
    latents = torch.zeros(count, tokens, channels, device=device)
    mask = torch.ones(count, tokens, dtype=torch.bool, device=device)
    for iteration in range(tokens):
        place = order[:, iteration : iteration + 1]
        z = torch.cat(
            [
                drawing_conditions(
                    model, embeddings, latents, mask, (side, side), real, None, place
                )
                for embeddings, real in embedded
            ]
        )
        noise = torch.randn(1 + head_steps, count, channels, device=device)
        drawn = head.sample(z[:, 0], noise[0], noise[1:], head_steps, guidance=guidance)
        latents.scatter_(1, place[..., None].expand(-1, -1, channels), drawn[:, None])
        mask.scatter_(1, place, False)
    return latents


@torch.no_grad()
def attempt(
    model: UniPic,
    codec: PromptCodec,
    rng: np.random.Generator,
    prompts: int,
    tries: int,
    head_steps: int,
) -> list[Attempts]:
    """Draw fresh prompts of training, each ``tries`` times, at the model's usual guidance."""
    samples = [draw_sample(rng, unseen=False) for _ in range(prompts)]
    encoded = [codec.draw(sample.prompt) for sample in samples]
    repeated = [prompt for prompt in encoded for _ in range(tries)]
    guidance = model.config.defaults.guidance
    latents = draw_latents(model, codec, repeated, guidance, head_steps)
    side = model.config.mar.grid
    images = model.vae.decode(latents.unflatten(1, (side, side)))
    found = [detect(picture) for picture in to_pictures(images)]
    return [
        Attempts(
            sample,
            prompt,
            latents[start : start + tries],
            tuple(satisfies(sample.request, each) for each in found[start : start + tries]),
        )
        for start, sample, prompt in zip(
            range(0, len(repeated), tries), samples, encoded, strict=True
        )
    ]
