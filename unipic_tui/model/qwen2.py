"""Qwen2, the language model (Yang et al. 2024), under the names of its published weights.

It is written in torch alone because importing that of ``transformers`` takes longer than drawing a
picture with the embedded model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import LlmConfig

Rotation = tuple[Tensor, Tensor]


class Rotary(nn.Module):
    """Angles of rotary position embeddings (Su et al. 2021): θ^(−2i/width) a position."""

    inv_freq: Tensor

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        width = config.hidden_size // config.num_attention_heads
        # No checkpoint holds them, so they have values even where the weights are on "meta".
        powers = torch.arange(0, width, 2, dtype=torch.float32, device="cpu") / width
        self.register_buffer("inv_freq", config.rope_theta**-powers, persistent=False)

    def forward(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
        """Positions (batch, length) to what `rotate` takes, each (batch, 1, length, width)."""
        angles = positions[:, None, :, None].float() * self.inv_freq.float()
        return turns(angles, dtype)


def turns(angles: Tensor, dtype: torch.dtype) -> Rotation:
    """Cosines and sines (…, width) of angles (…, width / 2); sines of the first half negated."""
    cosines, sines = angles.cos(), angles.sin()
    both = torch.cat([cosines, cosines], dim=-1), torch.cat([-sines, sines], dim=-1)
    return both[0].to(dtype), both[1].to(dtype)


def rotate(x: Tensor, rotation: Rotation, out: Tensor | None = None) -> Tensor:
    """Turn the pairs (i, i + width / 2) of the last dimension; the first sines are negated."""
    cosines, sines = rotation
    # Not rolled, for which a GPU would first copy what is a view.
    swapped = x.unflatten(-1, (2, -1)).flip(-2).flatten(-2)
    return torch.addcmul(x * cosines, swapped, sines, out=out)


class Attention(nn.Module):
    """Causal self-attention in which several heads share their keys and values."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        width, self.head = config.hidden_size, config.hidden_size // config.num_attention_heads
        self._sharing = config.num_attention_heads // config.num_key_value_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * self.head)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * self.head)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor | None) -> Tensor:
        """(batch, length, width) to the same; see `Qwen2Model`."""
        queries, keys, values = (
            part(x).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
        if masked := mask is not None:  # kernels that take masks do not share keys
            keys, values = (part.repeat_interleave(self._sharing, 1) for part in (keys, values))
        mixed = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask,
            is_causal=not masked and x.shape[1] > 1,
            enable_gqa=not masked,
        )
        return self.o_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class GatedMlp(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and MLP, each behind a norm and beside a skip."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = GatedMlp(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor | None) -> Tensor:
        """(batch, length, width) to the same; see `Attention`."""
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Qwen2Model(nn.Module):
    """The language model up to its last hidden state."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary_emb = Rotary(config)

    def forward(self, embeddings: Tensor, positions: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last hidden state, normed, (batch, length, width).

        Args:
            embeddings: (batch, length, width).
            positions: (batch or 1, length).
            mask: (batch or 1, 1, length, length), True where attention is allowed; causal by
                default.
        """
        rotation, x = self.rotary_emb(positions, embeddings.dtype), embeddings
        for layer in self.layers:
            x = layer(x, rotation, mask)
        return self.norm(x)  # type: ignore[no-any-return]


class Qwen2(nn.Module):
    """The language model with its output layer, which is the embedding once more."""

    def __init__(self, config: LlmConfig) -> None:
        super().__init__()
        self.model = Qwen2Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Let both share one tensor, as after weights were assigned."""
        self.lm_head.weight = self.model.embed_tokens.weight
