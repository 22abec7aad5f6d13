"""The embedded model's architecture."""

from unipic_tui.defaults import Defaults
from unipic_tui.model.config import LlmConfig, MarConfig, UniPicConfig, VaeConfig
from unipic_tui.nano.world.scene import SIZE

NANO_VAE = VaeConfig(channels=8, multipliers=(1, 2, 4, 8, 8), blocks=1, norm_groups=1, scale=1.0)


def nano_config(vocabulary: int, vae: VaeConfig = NANO_VAE) -> UniPicConfig:
    """The embedded model's config.

    Args:
        vocabulary: number of tokens in its tokenizer.
        vae: the autoencoder, with the latent scale measured after its training.
    """
    return UniPicConfig(
        name="nano",
        vae=vae,
        mar=MarConfig(
            encoder_width=192,
            encoder_depth=2,
            encoder_heads=4,
            decoder_width=192,
            decoder_depth=3,
            decoder_heads=4,
            head_depth=3,
            head_width=256,
            grid=SIZE // vae.stride,
            buffer=8,
            mlp_ratio=4.0,
            latent_channels=vae.latent_channels,
            classes=1,
        ),
        llm=LlmConfig(
            vocab_size=vocabulary,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            rope_theta=10_000.0,
        ),
        # An edit's unconditional branch repeats the source: guidance would push the picture away
        # from all that should stay.
        defaults=Defaults(
            width=SIZE,
            height=SIZE,
            guidance=2.5,
            iterations=10,
            head_steps=100,
            edit_guidance=1.0,
            order="spread",
        ),
    )
