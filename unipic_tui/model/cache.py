"""Keys and values of the language model, kept once and written in place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unipic_tui.model.config import LlmConfig


class PrefixCache:
    """One buffer for every layer's keys and values, with a marked prefix.

    The language model writes new keys and values behind the prefix and attends to both. `keep`
    moves the mark over what was just written; without it the next call writes over it. So the
    prompt's part is computed once and never copied, however many iterations follow.

    It stands where ``transformers`` expects a cache: the attention layers only call `update`.

    Args:
        config: the language model's sizes.
        batch: rows.
        length: positions that fit, prefix and all.
    """

    def __init__(
        self, config: LlmConfig, batch: int, length: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        shape = (
            config.num_hidden_layers,
            batch,
            config.num_key_value_heads,
            length,
            config.hidden_size // config.num_attention_heads,
        )
        self._keys = torch.empty(shape, device=device, dtype=dtype)
        self._values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0
        """Positions in the prefix."""

    def update(self, keys: Tensor, values: Tensor, layer: int, **_: Any) -> tuple[Tensor, Tensor]:
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

    def take(self, rows: list[int]) -> PrefixCache:
        """The prefix of rows, each as often as ``rows`` names it, in memory of its own."""
        part = object.__new__(PrefixCache)
        part._keys, part._values = (
            old.new_empty(old.shape[0], len(rows), *old.shape[2:])
            for old in (self._keys, self._values)
        )
        for new, old in ((part._keys, self._keys), (part._values, self._values)):
            new[..., : self.length, :] = old[:, rows, :, : self.length]
        part.length = self.length
        return part

    def select(self, rows: slice) -> PrefixCache:
        """A view of some rows, sharing the memory."""
        part = object.__new__(PrefixCache)
        part._keys, part._values = self._keys[:, rows], self._values[:, rows]
        part.length = self.length
        return part
