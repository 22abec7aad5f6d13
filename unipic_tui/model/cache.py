"""Keys and values of the language model, kept once and written in place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from unipic_tui.model.config import LlmConfig
from unipic_tui.model.qwen2 import turns


class Span(NamedTuple):
    """Rows one behind the other whose first position that counts is ``start``."""

    first: int
    behind: int
    start: int

    @property
    def rows(self) -> slice:
        """Which these are."""
        return slice(self.first, self.behind)


def _group(starts: Sequence[int]) -> tuple[Span, ...]:
    """Spans of rows, from where each begins."""
    spans: list[Span] = []
    for start, rows in groupby(starts):
        first = spans[-1].behind if spans else 0
        spans.append(Span(first, first + len(list(rows)), start))
    return tuple(spans)


class PrefixCache:
    """One buffer for every layer's keys and values, with a marked prefix.

    The language model writes new keys and values behind the prefix and attends to both. `keep`
    moves the mark over what was just written; without it the next call writes over it. So the
    prompt's part is computed once and never copied, however many iterations follow.

    Prefixes end at the same mark, shorter ones begin later: what follows is written to all rows at
    once, and rows of one length attend without a mask.

    Args:
        config: the language model's sizes.
        batch: rows.
        length: positions that fit, prefix and all.
        prefixes: length of every row's prefix, which ends at the longest; all 0 by default.
    """

    def __init__(
        self,
        config: LlmConfig,
        batch: int,
        length: int,
        device: torch.device,
        dtype: torch.dtype,
        prefixes: Sequence[int] | None = None,
    ) -> None:
        width = config.hidden_size // config.num_attention_heads
        layers, heads = config.num_hidden_layers, config.num_key_value_heads
        self._keys = torch.empty(layers, batch, heads, length, width, device=device, dtype=dtype)
        self._values = torch.empty_like(self._keys)
        self._cosines, self._sines = _rotations(config.rope_theta, width, length, device, dtype)
        self.length = 0
        """Positions up to the mark."""
        prefixes = prefixes or [0] * batch
        self.spans = _group([max(prefixes) - prefix for prefix in prefixes])
        """Rows that attend together, in order."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._keys.shape[1]

    @property
    def room(self) -> int:
        """Positions that fit, prefix and all."""
        return self._keys.shape[3]

    def rotations(self, count: int) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines of the next ``count`` positions, (rows or 1, count, 1, width).

        See `unipic_tui.model.qwen2.rotate`. A row's positions are counted from its `Span.start`.
        """
        tables = (self._cosines, self._sines)
        if len(self.spans) == 1:
            at = self.length - self.spans[0].start
            cosines, sines = (table[at : at + count][None] for table in tables)
        else:
            rows = [self.length - start for start in self._starts]
            cosines, sines = (
                torch.stack([table[at : at + count] for at in rows]) for table in tables
            )
        return cosines.unsqueeze(2), sines.unsqueeze(2)

    def update(self, keys: Tensor, values: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Write a layer's new keys and values behind the prefix; all of the layer's so far.

        Args:
            keys, values: (batch, heads, new, head width).
        """
        end = self.length + keys.shape[2]
        self._keys[layer, :, :, self.length : end] = keys
        self._values[layer, :, :, self.length : end] = values
        return self._keys[layer, :, :, :end], self._values[layer, :, :, :end]

    def keep(self, count: int) -> None:
        """Let the prefix include the ``count`` positions written last."""
        self.length += count

    def rewind(self, length: int) -> None:
        """Let the prefix end earlier, at ``length`` positions."""
        self.length = min(self.length, length)

    def copy(self, other: PrefixCache) -> None:
        """Begin with another one's prefix, whose rows are as many."""
        self.length = other.length
        for mine, theirs in ((self._keys, other._keys), (self._values, other._values)):
            mine[..., : self.length, :] = theirs[..., : self.length, :]

    def take(self, rows: Sequence[int]) -> PrefixCache:
        """The prefix of rows, each as often as ``rows`` names it, in memory of its own."""
        index = torch.tensor(rows, device=self._keys.device)
        starts = self._starts
        return self._part(
            self._gather(self._keys, index),
            self._gather(self._values, index),
            [starts[row] for row in rows],
        )

    def _gather(self, old: Tensor, index: Tensor) -> Tensor:
        new = old.new_empty(old.shape[0], len(index), *old.shape[2:])
        new[..., : self.length, :] = old[:, index, :, : self.length]
        return new

    def select(self, rows: slice) -> PrefixCache:
        """A view of some rows, sharing the memory."""
        return self._part(self._keys[:, rows], self._values[:, rows], self._starts[rows])

    def _part(self, keys: Tensor, values: Tensor, starts: Sequence[int]) -> PrefixCache:
        part = object.__new__(PrefixCache)
        part._keys, part._values = keys, values
        part._cosines, part._sines = self._cosines, self._sines
        part.length, part.spans = self.length, _group(starts)
        return part

    @property
    def _starts(self) -> list[int]:
        """Where each row's prefix begins."""
        return [span.start for span in self.spans for _ in range(span.first, span.behind)]

    @property
    def place(self) -> tuple[Hashable, ...]:
        """Where in memory it is and what of it counts: all that a recording depends on."""
        parts = (self._keys, self._values, self._cosines, self._sines)
        return (*(part.data_ptr() for part in parts), self._keys.shape, self.length, self.spans)


def _rotations(
    theta: float, width: int, length: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position, (length, width); sines of the first half negated.

    Rotary embeddings (Su et al. 2021, equation 34), halves as in Qwen2. Computed in float32:
    angles of far positions would be rounded to nothing in less.
    """
    powers = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
    places = torch.arange(length, dtype=torch.float32, device=device)
    return turns(places[:, None] / theta**powers, dtype)
