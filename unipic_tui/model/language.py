"""The language model as it runs behind a cache: few launches and no masks.

Training goes through the modules' own `forward`; this is the same arithmetic on the same weights,
up to rounding, with products joined and residuals added by the product.

Torch's causal attention wants as many queries as keys, or it means another triangle. So the
prefix's positions get queries too, zeros whose results nobody reads. That costs less than a mask,
with which no quick kernel computes half of the square only.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.cache import PrefixCache
from unipic_tui.model.layers import linear, pack, product, products
from unipic_tui.model.qwen2 import Layer, Qwen2, Qwen2Model, rotate


def pack_language_model(model: Qwen2Model, dtype: torch.dtype | None = None) -> None:
    """Lay weights that are multiplied by the same input side by side; see `pack`."""
    for layer in cast("list[Layer]", model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        pack([attention.q_proj, attention.k_proj, attention.v_proj], dtype)
        pack([mlp.gate_proj, mlp.up_proj], dtype)


def rounded(llm: Qwen2, dtype: torch.dtype) -> Qwen2:
    """The same language model with another type of matrices, packed; it shares all else.

    A token on its own multiplies each weight once, so how long it takes is how long the weights
    take out of the memory. All but its products stays in the type of its input.
    """
    made = copy.deepcopy(llm, {id(value): value for value in llm.parameters()})
    pack_language_model(made.model, dtype)
    for layer in cast("list[Layer]", made.model.layers):
        pack([layer.self_attn.o_proj], dtype)
        pack([layer.mlp.down_proj], dtype)
    pack([made.lm_head], dtype)
    return made


def read_behind(model: Qwen2Model, embeddings: Tensor, cache: PrefixCache) -> Tensor:
    """Run the layers over embeddings that follow what the cache holds; their states, normed.

    Args:
        embeddings: (rows, length, width).
        cache: of as many rows; written to.
    """
    rows, length, width = embeddings.shape
    before = cache.length if length > 1 else 0
    rotations = cache.rotations(length)
    hidden = embeddings.flatten(0, 1).clone()
    room: Tensor | None = None
    for index, layer in enumerate(cast("list[Layer]", model.layers)):
        attention, mlp = layer.self_attn, layer.mlp
        normed = layer.input_layernorm(hidden)
        mixed = product(normed, [attention.q_proj, attention.k_proj, attention.v_proj])
        heads = mixed.view(rows, length, -1, attention.head)
        shared = attention.k_proj.out_features // attention.head
        if room is None:
            room = heads.new_zeros(rows, before + length, *heads[0, 0, shared:].shape)
        turned = rotate(heads[:, :, :-shared], rotations, room[:, before:])
        keys, values = cache.update(
            turned[:, :, -shared:].transpose(1, 2), heads[:, :, -shared:].transpose(1, 2), index
        )
        queries = room[:, :, :-shared].transpose(1, 2)
        attended = [
            F.scaled_dot_product_attention(
                queries[span.rows, :, span.start if before else 0 :],
                keys[span.rows, :, span.start :],
                values[span.rows, :, span.start :],
                is_causal=length > 1,
                enable_gqa=True,
            )[:, :, -length:].transpose(1, 2)
            for span in cache.spans
        ]
        joined = attended[0] if len(attended) == 1 else torch.cat(attended)
        _add_product(hidden, joined.reshape(rows * length, -1), attention.o_proj)
        normed = layer.post_attention_layernorm(hidden)
        gate, up = products(normed, [mlp.gate_proj, mlp.up_proj])
        _add_product(hidden, F.silu(gate, inplace=True).mul_(up), mlp.down_proj)
    return cast("Tensor", model.norm(hidden).view(rows, length, width))


def _add_product(x: Tensor, y: Tensor, layer: nn.Linear) -> None:
    """Add y·Wᵀ to x, in one product unless their types differ, as they do under autocast."""
    if x.dtype == y.dtype == layer.weight.dtype:
        x.addmm_(y, layer.weight.t())
    else:
        x += linear(y, layer.weight)
