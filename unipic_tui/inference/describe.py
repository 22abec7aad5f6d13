"""Describing: text about an image, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.language import read_behind, rounded
from unipic_tui.model.layers import linear
from unipic_tui.model.unipic import UniPicModel

if TYPE_CHECKING:
    from transformers.generation.logits_process import LogitsProcessorList

_GREEDY_BELOW = 1e-3
"""Temperatures below are greedy: dividing logits by much less overflows."""
_NEUTRAL = GenerationConfig()
DECODING_SETTINGS = ("temperature", "seed", "repetition_penalty", "top_k", "top_p")
"""Of jobs that answer, and arguments of `generate_tokens`."""
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Reading:
    """What the language model has read last, so that what follows the same beginning costs less.

    Questions about one picture begin alike, and so does a conversation and its next turn.

    Args:
        model: whose language model reads.
        writing: the type in which the tokens of answers are multiplied; the model's by default.
    """

    def __init__(self, model: UniPicModel, writing: torch.dtype | None = None) -> None:
        self._model = model
        self._read: Tensor | None = None
        self._cache: PrefixCache | None = None
        self._llm = model.llm if writing in (None, model.dtype) else rounded(model.llm, writing)

    def begin(self, embeddings: Tensor, limit: int) -> tuple[Tensor, PrefixCache]:
        """Read a prompt; its last state (1, 1, width), and a cache with room for an answer.

        Args:
            embeddings: (1, length, width).
            limit: positions that may follow.
        """
        length = embeddings.shape[1]
        cache, known = self._cache, self._common(embeddings)
        if cache is not None:
            cache.rewind(known)
        if cache is None or length + limit > cache.room:
            config, kind = self._model.config.llm, embeddings.dtype
            larger = PrefixCache(config, 1, length + limit, embeddings.device, kind)
            if cache is not None:
                larger.copy(cache)
            cache = larger
        # Nothing counts as read where this is interrupted.
        self._read, self._cache = None, None
        hidden = self._model.read(embeddings[:, known:], cache=cache)
        cache.keep(length - known)
        self._read, self._cache = embeddings, cache
        return hidden[:, -1:], cache

    def write(self, token: Tensor, cache: PrefixCache) -> Tensor:
        """Read a token (1, 1) of an answer behind what the cache holds; its state (1, 1, width)."""
        hidden = read_behind(self._llm.model, self._model.embed(token), cache)
        cache.keep(1)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(1, 1, width) to (1, vocabulary), float32."""
        return linear(hidden[:, -1], self._llm.lm_head.weight).float()

    def _common(self, embeddings: Tensor) -> int:
        """Positions that are read already; never the last, whose state is asked for."""
        if self._read is None:
            return 0
        shorter = min(self._read.shape[1], embeddings.shape[1] - 1)
        same = (self._read[0, :shorter] == embeddings[0, :shorter]).all(-1)
        return int(same.long().cumprod(0).sum())


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
    reading: Reading | None = None,
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
        reading: what was read before; its beginning is not read again where the prompt shares it.
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
    device = embeddings.device
    reading = reading or Reading(model)
    hidden, cache = reading.begin(embeddings, limit)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.empty(1, 0, dtype=torch.long, device=device)
    token: Tensor | None = None
    for _ in range(limit):
        if token is not None:
            hidden = reading.write(token, cache)
        logits = reading.logits(hidden)
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
