"""Sizes of the model and its parts, with the published ones as presets.

Everything is explicit: nothing is guessed from a path or from the weights.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

from unipic_tui.defaults import Defaults
from unipic_tui.errors import CheckpointError

UNIPIC_MAX_BETA, HARMON_MAX_BETA = 0.2, 0.999
"""Where the published codes clip β; see `MarConfig`."""


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """The KL autoencoder (the VAE of latent diffusion, 16 channels at 1/16 of the size).

    Attributes:
        channels: channels at full resolution.
        multipliers: channels of each level relative to ``channels``; each level halves the size.
        blocks: residual blocks a level going down; going up there is one more.
        norm_groups: groups of every GroupNorm.
        scale: latents are the posterior's mean times this.
    """

    channels: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    norm_groups: int = 32
    latent_channels: int = 16
    scale: float = 0.2325

    @property
    def stride(self) -> int:
        """Pixels along one side of a latent."""
        return 1 << (len(self.multipliers) - 1)


@dataclass(frozen=True, slots=True)
class MarConfig:
    """The masked autoregressive encoder and decoder with the diffusion head.

    Attributes:
        grid: side of the square of tokens that the learned positions were made for.
        buffer: number of buffer tokens in front of the image's.
        head_depth, head_width: residual blocks of the diffusion head and their width.
        classes: rows of the unused class embedding that published checkpoints may hold.
        max_beta: largest β of the head's 1000 diffusion steps, which decides 1/√ᾱ where ``exact``
            sampling starts: 195 in UniPic's code, 20,291 in Harmon's.
    """

    encoder_width: int
    encoder_depth: int
    encoder_heads: int
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    head_depth: int
    head_width: int
    grid: int
    buffer: int = 64
    mlp_ratio: float = 4.0
    latent_channels: int = 16
    classes: int = 1000
    max_beta: float = UNIPIC_MAX_BETA


@dataclass(frozen=True, slots=True)
class LlmConfig:
    """Qwen2: the sizes, as ``transformers`` names them."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int = 32768
    rms_norm_eps: float = 1e-6
    rope_theta: float = 1_000_000.0


@dataclass(frozen=True, slots=True)
class SiglipConfig:
    """The SigLIP2 vision tower: the sizes, as ``transformers`` names them."""

    hidden_size: int = 1152
    intermediate_size: int = 4304
    num_hidden_layers: int = 27
    num_attention_heads: int = 16
    image_size: int = 512
    patch_size: int = 16


@dataclass(frozen=True, slots=True)
class UniPicConfig:
    """A whole model.

    Attributes:
        name: what the model is called in captions and metadata.
        siglip: ``None`` for models without the second vision encoder.
        defaults: what a job gets for the settings it leaves open.
        image_token: the token that stands for one position of an image in a prompt.
    """

    name: str
    vae: VaeConfig
    mar: MarConfig
    llm: LlmConfig
    siglip: SiglipConfig | None = None
    defaults: Defaults = field(default_factory=Defaults)
    image_token: str = "<image>"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The config that `to_dict` wrote.

        Raises:
            CheckpointError: a part or field is missing or unknown.
        """
        try:
            parts = dict(data)
            vae = dict(parts.pop("vae"))
            vae["multipliers"] = tuple(vae["multipliers"])
            mar, defaults = dict(parts.pop("mar")), dict(parts.pop("defaults"))
            if (preset := PRESETS.get(parts["name"])) is not None:
                # Converted before there were these fields.
                mar.setdefault("max_beta", preset.mar.max_beta)
                defaults.setdefault("batch_template", preset.defaults.batch_template)
            siglip = parts.pop("siglip")
            return cls(
                vae=VaeConfig(**vae),
                mar=MarConfig(**mar),
                llm=LlmConfig(**parts.pop("llm")),
                siglip=None if siglip is None else SiglipConfig(**siglip),
                defaults=Defaults(**defaults),
                **parts,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"config.json does not describe a UniPic model ({error}): convert the checkpoint "
                "again with this version of unipic-tui."
            ) from None


_QWEN_1_5B = LlmConfig(
    vocab_size=151936,
    hidden_size=1536,
    intermediate_size=8960,
    num_hidden_layers=28,
    num_attention_heads=12,
    num_key_value_heads=2,
)
_QWEN_0_5B = LlmConfig(
    vocab_size=151936,
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
)


def _huge_mar(grid: int, max_beta: float) -> MarConfig:
    return MarConfig(
        encoder_width=1280,
        encoder_depth=20,
        encoder_heads=16,
        decoder_width=1280,
        decoder_depth=20,
        decoder_heads=16,
        head_depth=12,
        head_width=1536,
        grid=grid,
        max_beta=max_beta,
    )


_BASE_MAR = MarConfig(
    encoder_width=768,
    encoder_depth=12,
    encoder_heads=12,
    decoder_width=768,
    decoder_depth=12,
    decoder_heads=12,
    head_depth=6,
    head_width=1024,
    grid=16,
    max_beta=HARMON_MAX_BETA,
)
_UNIPIC_DEFAULTS = Defaults(batch_template="sentence")
_HARMON_DEFAULTS = dataclasses.replace(_UNIPIC_DEFAULTS, width=512, height=512, iterations=64)

PRESETS: dict[str, UniPicConfig] = {
    preset.name: preset
    for preset in (
        UniPicConfig(
            "unipic-1.5b",
            VaeConfig(),
            _huge_mar(32, UNIPIC_MAX_BETA),
            _QWEN_1_5B,
            SiglipConfig(),
            defaults=_UNIPIC_DEFAULTS,
        ),
        UniPicConfig(
            "harmon-1.5b",
            VaeConfig(),
            _huge_mar(16, HARMON_MAX_BETA),
            _QWEN_1_5B,
            defaults=_HARMON_DEFAULTS,
        ),
        UniPicConfig("harmon-0.5b", VaeConfig(), _BASE_MAR, _QWEN_0_5B, defaults=_HARMON_DEFAULTS),
    )
}
"""The published models by name (Harmon: Wu et al. 2025; UniPic: Skywork 2025)."""
