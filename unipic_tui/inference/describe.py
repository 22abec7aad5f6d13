"""Describing: text about an image, one token at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.unipic import UniPic


def generate_tokens(
    model: UniPic,
    embeddings: Tensor,
    limit: int,
    *,
    stop: frozenset[int],
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[int]:
    """The ids of an answer, as they are found; the stop token is not among them.

    Args:
        embeddings: (1, length, width): the prompt with the image in it.
        limit: most tokens to generate.
        stop: ids that end the answer.
        temperature: 0 takes the likeliest token, else tokens are sampled.
        seed: of that sampling.
    """
    length = embeddings.shape[1]
    cache = PrefixCache(model.config.llm, 1, length + limit, embeddings.device, embeddings.dtype)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(limit):
        hidden = model.read(embeddings, cache=cache)
        cache.keep(embeddings.shape[1])
        logits = model.logits(hidden[:, -1]).float()[0]
        if temperature > 0:
            chances = torch.softmax(logits / temperature, dim=-1).cpu()
            token = int(torch.multinomial(chances, 1, generator=generator))
        else:
            token = int(logits.argmax())
        if token in stop:
            return
        yield token
        embeddings = model.embed(torch.tensor([[token]], device=embeddings.device))
