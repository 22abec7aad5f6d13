"""SigLIP2's vision tower (Tschannen et al. 2025), under the names of its published weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import SiglipConfig

_EPS = 1e-6


class Mlp(nn.Module):
    """Two layers around GELU by tanh."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) to the same."""
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention over all patches."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        width, self._heads = config.hidden_size, config.num_attention_heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, width) to the same."""
        split = (
            part(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(*split)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and MLP, each behind a norm and beside a skip."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=_EPS)
        self.self_attn = Attention(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=_EPS)
        self.mlp = Mlp(config)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, width) to the same."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))  # type: ignore[no-any-return]


class _Embeddings(nn.Module):
    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        side, patches = config.patch_size, (config.image_size // config.patch_size) ** 2
        self.patch_embedding = nn.Conv2d(3, config.hidden_size, side, stride=side)
        self.position_embedding = nn.Embedding(patches, config.hidden_size)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)
        return patches + self.position_embedding.weight  # type: ignore[no-any-return]


class _Encoder(nn.Module):
    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))


class _PoolingHead(nn.Module):
    """Pools the patches for SigLIP's own loss; nothing here asks for that, but files hold it."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.probe = nn.Parameter(torch.zeros(1, 1, width))
        self.attention = nn.MultiheadAttention(width, config.num_attention_heads, batch_first=True)
        self.layernorm = nn.LayerNorm(width, eps=_EPS)
        self.mlp = Mlp(config)


class VisionModel(nn.Module):
    """The tower itself."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=_EPS)
        self.head = _PoolingHead(config)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, side, side) in [-1, 1] to the last hidden state (batch, patches, width)."""
        x = self.embeddings(images)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)  # type: ignore[no-any-return]


class SiglipTower(nn.Module):
    """The tower under the name that published weights give it."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.vision_model = VisionModel(config)

    def forward(self, images: Tensor) -> Tensor:
        """See `VisionModel`."""
        return self.vision_model(images)  # type: ignore[no-any-return]
