"""Describing: text about an image, one token at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.unipic import UniPicModel

_GREEDY_BELOW = 1e-3
"""Temperatures below are greedy: dividing logits by much less overflows."""
_NEUTRAL = GenerationConfig()
DECODING_SETTINGS = ("temperature", "seed", "repetition_penalty", "top_k", "top_p")
"""Of jobs that answer, and arguments of `generate_tokens`."""
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


def generate_tokens(
    model: UniPicModel,
    embeddings: Tensor,
    limit: int,
    *,
    stop: frozenset[int],
    temperature: float | None = 0.0,
    seed: int = 0,
    repetition_penalty: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    config: GenerationConfig = _NEUTRAL,
) -> Iterator[int]:
    """The ids of an answer, as they are found; the stop token is not among them.

    On a CPU they are those of ``transformers``' ``generate`` with ``inputs_embeds``, where the
    repetition penalty concerns what was generated and not the prompt.

    Args:
        embeddings: (1, length, width): the prompt with the image in it.
        limit: most tokens to generate.
        stop: ids that end the answer, with those of ``config``.
        temperature: 0 takes the likeliest token, else tokens are sampled.
        seed: of that sampling.
        repetition_penalty, top_k, top_p: see `GenerationConfig`; the last two only concern
            sampling.
        config: holds where a setting is ``None``.
    """
    if repetition_penalty is None:
        repetition_penalty = config.repetition_penalty
    temperature = config.temperature if temperature is None else temperature
    sampled = temperature >= _GREEDY_BELOW
    top_k = config.top_k if top_k is None else top_k
    top_p = config.top_p if top_p is None else top_p
    device, length = embeddings.device, embeddings.shape[1]
    cache = PrefixCache(model.config.llm, 1, length + limit, device, embeddings.dtype)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.empty(1, 0, dtype=torch.long, device=device)
    for _ in range(limit):
        hidden = model.read(embeddings, cache=cache)
        cache.keep(embeddings.shape[1])
        logits = model.logits(hidden[:, -1]).float()
        scores = _penalised(logits, ids, repetition_penalty)
        if sampled:
            scores = _warped(scores, temperature, top_k, top_p)
            token = torch.multinomial(scores.softmax(-1).cpu(), 1, generator=generator).to(device)
        else:
            token = scores.argmax(-1, keepdim=True)
        found = int(token)
        if found in stop or found in config.stop:
            return
        yield found
        ids = torch.cat([ids, token], dim=1)
        embeddings = model.embed(token)


def _penalised(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Logits (1, vocabulary) of the ids (1, count) made less likely (Keskar et al. 2019)."""
    if penalty == 1:
        return logits
    found = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(found < 0, found * penalty, found / penalty))


def _warped(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """What sampling does to logits (1, vocabulary), in the order of ``transformers``."""
    logits = logits / temperature
    if 0 < top_k < logits.shape[1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    if top_p < 1:
        ascending, places = logits.sort()
        unlikely = ascending.softmax(-1).cumsum(-1) <= 1 - top_p
        unlikely[:, -1] = False
        logits = logits.masked_fill(unlikely.scatter(1, places, unlikely), -math.inf)
    return logits


def decode_stream(
    decode: Callable[[Sequence[int]], str], tokens: Iterable[int]
) -> Iterator[str | None]:
    """Text of tokens as they come, each piece decoded from the last tokens alone.

    The pieces together are ``decode`` of all tokens at once, since a byte-level tokenizer's tokens
    that end in a whole character decode the same on their own.

    Yields:
        For every token the text it completes, or ``None``; at the end, what stayed incomplete.
    """
    held: list[int] = []
    for token in tokens:
        held.append(token)
        text = decode(held)
        if text and not text.endswith(_INCOMPLETE):
            held.clear()
            yield text
        else:
            yield None
    if held and (text := decode(held)):
        yield text
