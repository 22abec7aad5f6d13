"""Building blocks that several parts share: attention, transformer block, projection."""

from __future__ import annotations

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
