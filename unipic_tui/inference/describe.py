"""Describing: text about an image, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.unipic import UniPicModel

if TYPE_CHECKING:
    from transformers.generation.logits_process import LogitsProcessorList

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
    process: LogitsProcessorList | None = None
    if sampled or repetition_penalty != 1:
        process = _processors(
            repetition_penalty,
            temperature if sampled else 1,
            (config.top_k if top_k is None else top_k) if sampled else 0,
            (config.top_p if top_p is None else top_p) if sampled else 1,
        )
    device, length = embeddings.device, embeddings.shape[1]
    cache = PrefixCache(model.config.llm, 1, length + limit, device, embeddings.dtype)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.empty(1, 0, dtype=torch.long, device=device)
    for _ in range(limit):
        hidden = model.read(embeddings, cache=cache)
        cache.keep(embeddings.shape[1])
        logits = model.logits(hidden[:, -1]).float()
        scores: Tensor = logits
        if process is not None:
            scores = process(cast("torch.LongTensor", ids), cast("torch.FloatTensor", logits))
        if sampled:
            token = torch.multinomial(scores.softmax(-1).cpu(), 1, generator=generator).to(device)
        else:
            token = scores.argmax(-1, keepdim=True)
        found = int(token)
        if found in stop or found in config.stop:
            return
        yield found
        ids = torch.cat([ids, token], dim=1)
        embeddings = model.embed(token)


def _processors(
    repetition_penalty: float, temperature: float, top_k: int, top_p: float
) -> LogitsProcessorList:
    """What is done to logits, in the order of ``transformers``."""
    # Greedy answers without a penalty need none, and importing them takes seconds.
    from transformers.generation import logits_process as library

    made = library.LogitsProcessorList()
    if repetition_penalty != 1:
        made.append(library.RepetitionPenaltyLogitsProcessor(float(repetition_penalty)))
    if temperature != 1:
        made.append(library.TemperatureLogitsWarper(float(temperature)))
    if top_k > 0:
        made.append(library.TopKLogitsWarper(top_k))
    if top_p < 1:
        made.append(library.TopPLogitsWarper(float(top_p)))
    return made


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
