"""Building blocks that several parts share: attention, transformer block, projection."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYER_NORM_EPS = 1e-6


class Attention(nn.Module):
    """Multi-head self-attention with one biased projection for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, queries: Tensor | None = None) -> Tensor:
        """Attend from ``queries`` (``x`` itself by default) to ``x``.

        Args:
            x: (batch, tokens, width).
            queries: (batch, chosen, width), rows of ``x``.

        Returns:
            (batch, tokens or chosen, width).
        """
        width = x.shape[-1]
        if queries is None:
            q, k, v = self.qkv(x).chunk(3, dim=-1)
        else:
            weight, bias = self.qkv.weight, self.qkv.bias
            q = F.linear(queries, weight[:width], bias[:width])
            k, v = F.linear(x, weight[width:], bias[width:]).chunk(2, dim=-1)
        split = [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v)]
        mixed = F.scaled_dot_product_attention(*split)
        attended: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return attended


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to (…, width)."""
        return self.fc2(F.gelu(self.fc1(x)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A pre-norm transformer block as in ViT (Dosovitskiy et al. 2021, section 3.1)."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Apply the block; with ``rows`` only these tokens are computed and returned.

        Args:
            x: (batch, tokens, width).
            rows: (batch, chosen) indices into the tokens.

        Returns:
            (batch, tokens or chosen, width).
        """
        normed = self.norm1(x)
        if rows is None:
            x = x + self.attn(normed)
        else:
            x = gather_tokens(x, rows) + self.attn(normed, gather_tokens(normed, rows))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


def projection(inner: int, hidden: int, outer: int) -> nn.Sequential:
    """Linear, SiLU, Linear: what joins two parts of different width."""
    return nn.Sequential(nn.Linear(inner, hidden), nn.SiLU(), nn.Linear(hidden, outer))


def gather_tokens(x: Tensor, rows: Tensor) -> Tensor:
    """The tokens of ``x`` (batch, tokens, width) at ``rows`` (batch, chosen)."""
    return torch.gather(x, 1, rows.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def pack(layers: Sequence[nn.Linear], dtype: torch.dtype | None = None) -> None:
    """Move the weights of layers with the same input side by side, so that one product serves all.

    The layers stay as they are, under their own names: their parameters become views.

    Args:
        dtype: their new type; as it is by default.
    """
    for name in ("weight", "bias") if layers[0].bias is not None else ("weight",):
        first: Tensor = getattr(layers[0], name)
        rows = [layer.out_features for layer in layers]
        whole = torch.empty(
            sum(rows), *first.shape[1:], dtype=dtype or first.dtype, device=first.device
        )
        for layer, part in zip(layers, whole.split(rows), strict=True):
            old = getattr(layer, name)
            part.copy_(old.detach())
            setattr(layer, name, nn.Parameter(part, old.requires_grad))


def joined(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None] | None:
    """Weight and bias of packed layers as one layer's; ``None`` if they are not packed.

    For training there is none: gradients belong to each layer's own parameters.
    """
    if torch.is_grad_enabled():
        return None
    weight = _side_by_side([layer.weight for layer in layers])
    if weight is None or layers[0].bias is None:
        return None if weight is None else (weight, None)
    bias = _side_by_side([layer.bias for layer in layers])
    return None if bias is None else (weight, bias)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor | None:
    """The parts as one tensor if that is how they lie in memory."""
    first = parts[0]
    memory, place = first.untyped_storage()._cdata, first.storage_offset()
    for part in parts:
        # Another device or type is another memory: `Module.to` separates parts again.
        if part.untyped_storage()._cdata != memory or part.storage_offset() != place:
            return None
        place += part.numel()
    return first.as_strided((sum(len(part) for part in parts), *first.shape[1:]), first.stride())


def products(x: Tensor, layers: Sequence[nn.Linear]) -> Sequence[Tensor]:
    """The layers' results of one input, by one product if they are packed."""
    whole = joined(layers)
    if whole is None:
        return [linear(x, layer.weight, layer.bias) for layer in layers]
    return linear(x, *whole).split([layer.out_features for layer in layers], dim=-1)  # type: ignore[no-any-return]


def product(x: Tensor, layers: Sequence[nn.Linear]) -> Tensor:
    """The layers' results of one input in one tensor, one behind the other."""
    whole = joined(layers)
    if whole is None:
        return torch.cat([linear(x, layer.weight, layer.bias) for layer in layers], -1)
    return linear(x, *whole)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b in the type of the weights; the result has that of ``x``."""
    if x.dtype == weight.dtype:
        return F.linear(x, weight, bias)
    return F.linear(x.to(weight.dtype), weight, bias).to(x.dtype)
