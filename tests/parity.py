"""Hold the engine against outputs of the published code: ``parity.py JSON SAFETENSORS``.

The two files describe a tiny model, its inputs and what the published code made of them. Prints
the largest error of each group relative to the group's largest value; exits 1 above 1e-3.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from unipic_tui.inference.describe import generate_tokens
from unipic_tui.inference.sampling import (
    Prefix,
    SamplingSettings,
    read_prefix,
    sample,
)
from unipic_tui.inference.state import SamplerState
from unipic_tui.model.config import LlmConfig, MarConfig, SiglipConfig, UniPicConfig, VaeConfig
from unipic_tui.model.losses import IGNORED, describing_loss, drawing_loss
from unipic_tui.model.unipic import UniPic

TOLERANCE = 1e-3
RUNS: dict[str, SamplingSettings] = {
    "t2i_cfg3": SamplingSettings(guidance=3.0),
    "t2i_cfg1": SamplingSettings(guidance=1.0),
    "t2i_linear_b2": SamplingSettings(guidance=3.0, schedule="linear", temperature=0.9),
    "t2i_wide": SamplingSettings(guidance=3.0),
    "edit_cfg3": SamplingSettings(guidance=3.0),
    "edit_cfg1": SamplingSettings(guidance=1.0, temperature=0.85),
}


def read_config(data: dict[str, Any]) -> UniPicConfig:
    """The config in our own terms."""
    vae, mar, llm, siglip = (data[part] for part in ("vae", "mar", "llm", "siglip"))
    return UniPicConfig(
        name="parity",
        vae=VaeConfig(
            channels=vae["ch"],
            multipliers=tuple(vae["ch_mult"]),
            latent_channels=vae["embed_dim"],
            scale=vae.get("scale", data.get("vae_scale", 0.2325)),
        ),
        mar=MarConfig(
            encoder_width=mar["encoder_embed_dim"],
            encoder_depth=mar["encoder_depth"],
            encoder_heads=mar["encoder_num_heads"],
            decoder_width=mar["decoder_embed_dim"],
            decoder_depth=mar["decoder_depth"],
            decoder_heads=mar["decoder_num_heads"],
            head_depth=mar["diffloss_d"],
            head_width=mar["diffloss_w"],
            grid=mar["img_size"] // mar["vae_stride"] // mar["patch_size"],
            buffer=mar["buffer_size"],
            mlp_ratio=mar["mlp_ratio"],
            latent_channels=mar["vae_embed_dim"],
        ),
        llm=LlmConfig(
            **{
                name: llm[name]
                for name in (
                    "vocab_size",
                    "hidden_size",
                    "intermediate_size",
                    "num_hidden_layers",
                    "num_attention_heads",
                    "num_key_value_heads",
                    "max_position_embeddings",
                    "rms_norm_eps",
                    "rope_theta",
                )
            }
        ),
        siglip=SiglipConfig(**siglip),
    )


def build_model(description: dict[str, Any]) -> UniPic:
    """The model with the weights that the rule gives."""
    model = UniPic(read_config(description["config"])).eval()
    weights: dict[str, Tensor] = {}
    for key, (shape, mean, std) in description["keys"].items():
        source = "llm.model.embed_tokens.weight" if key == "llm.lm_head.weight" else key
        rng = np.random.default_rng(zlib.crc32(source.encode()))
        values = (mean + std * rng.standard_normal(shape)).astype(np.float32)
        weights[key] = torch.from_numpy(values)
    weights.pop("mar.class_emb.weight", None)
    model.load_state_dict(weights, strict=True)
    return model


@dataclass
class Comparison:
    """Errors of one group."""

    name: str
    error: float = 0.0
    details: list[str] = field(default_factory=list)

    def close(self, what: str, ours: Tensor, theirs: Tensor) -> None:
        """Take in the largest error relative to the largest value."""
        assert ours.shape == theirs.shape, (self.name, what, ours.shape, theirs.shape)
        scale = theirs.abs().max().clamp(min=1e-12)
        error = float((ours - theirs).abs().max() / scale)
        self.error = max(self.error, math.inf if math.isnan(error) else error)
        self.details.append(f"{what} {error:.1e}")

    def equal(self, what: str, ours: list[int], theirs: list[int]) -> None:
        """Take in whether two lists agree."""
        wrong = sum(a != b for a, b in zip(ours, theirs, strict=True))
        self.error = max(self.error, float(wrong))
        self.details.append(f"{what} {wrong} of {len(theirs)} differ")


class Parity:
    """All groups of one pair of files."""

    def __init__(self, description: Path, tensors: Path) -> None:
        self.description = json.loads(description.read_text())
        self.data = load_file(tensors)
        self.model = build_model(self.description)
        self.head_steps = int(self.description["config"]["mar"]["num_sampling_steps"])

    def groups(self) -> Iterator[Comparison]:
        """Run every group the files hold."""
        checks: dict[str, Callable[[Comparison], None]] = {
            "vae": self.vae,
            "visual": self.visual,
            "visual_masked": self.visual_masked,
            "head": self.head,
            "siglip": self.siglip,
            **dict.fromkeys(RUNS, self.run),
            "caption": self.caption,
            "t2i_loss": self.drawing_loss,
            "i2t_loss": self.describing_loss,
        }
        present = {key.split(".")[0] for key in self.data}
        unknown = present - set(checks)
        assert not unknown, f"groups that no check reads: {sorted(unknown)}"
        for name, check in checks.items():
            if name in present:
                comparison = Comparison(name)
                check(comparison)
                yield comparison

    def latents(self) -> Tensor:
        """(batch, tokens, channels) of the images."""
        return self.data["vae.latent"].flatten(1, 2)

    def vae(self, group: Comparison) -> None:
        """Encoder and decoder."""
        group.close(
            "latent", self.model.vae.encode(self.data["vae.image"]), self.data["vae.latent"]
        )
        group.close(
            "decoded", self.model.vae.decode(self.data["vae.latent"]), self.data["vae.decoded"]
        )

    def _visual(self, group: Comparison, visible: Tensor | None) -> None:
        rows, columns = self.data["vae.latent"].shape[1:3]
        encoded = self.model.mar.encode(
            self.latents(), visible, self.model.positions(rows, columns)
        )
        group.close("x_enc", encoded, self.data[f"{group.name}.x_enc"])
        group.close("z_enc", self.model.look(encoded), self.data[f"{group.name}.z_enc"])

    def visual(self, group: Comparison) -> None:
        """Features of a whole image."""
        self._visual(group, None)

    def visual_masked(self, group: Comparison) -> None:
        """Features of the visible tokens."""
        self._visual(group, visible_tokens(self.data["visual_masked.mask"]))

    def head(self, group: Comparison) -> None:
        """One pass of the diffusion head."""
        data = self.data
        ours = self.model.mar.diffloss.net(data["head.x"], data["head.t"], data["head.c"])
        group.close("out", ours, data["head.out"])

    def siglip(self, group: Comparison) -> None:
        """The second vision tower."""
        assert self.model.siglip2 is not None
        features = self.model.siglip2(self.data["vae.image"])
        group.close("features", features, self.data["siglip.features"])
        projected = self.model.look_siglip2(self.data["vae.image"])
        group.close("projected", projected, self.data["siglip.projected"])

    def embed(self, ids: Tensor, encoded: Tensor | None) -> Tensor:
        """Embeddings with the image in the places that stand for it."""
        embeddings = self.model.embed(ids)
        if encoded is None:
            return embeddings
        places = ids == self.description["image_token_id"]
        seen = self.model.look(encoded)
        for row in range(ids.shape[0]):
            embeddings[row, places[row]] = seen[0]
        return embeddings

    def iterations(self, name: str) -> int:
        """How many iterations a run has: each draws its own noise."""
        return sum(key.startswith(f"{name}.noise_init.") for key in self.data)

    def _noises(self, name: str) -> Iterator[Tensor]:
        for index in range(self.iterations(name)):
            start = self.data[f"{name}.noise_init.{index:02d}"]
            yield torch.cat([start[None], self.data[f"{name}.noise_step.{index:02d}"]])

    def prefix(self, name: str, encoded: Tensor | None, tokens: int) -> Prefix:
        """The prompts of a run, read."""
        return read_prefix(
            self.model,
            self.embed(self.data[f"{name}.input_ids"], encoded),
            self.data[f"{name}.attention_mask"],
            tokens,
            guided=RUNS[name].guidance != 1,
        )

    def source(self) -> Tensor:
        """The first image, encoded."""
        rows, columns = self.data["vae.latent"].shape[1:3]
        return self.model.mar.encode(self.latents()[:1], None, self.model.positions(rows, columns))

    def run(self, group: Comparison) -> None:
        """A whole drawing or editing run."""
        name, theirs = group.name, self.data[f"{group.name}.tokens"]
        pictures, rows, columns, channels = theirs.shape
        encoded = self.source() if name.startswith("edit") else None
        chosen = RUNS[name]
        settings = SamplingSettings(
            guidance=chosen.guidance,
            schedule=chosen.schedule,
            iterations=self.iterations(name),
            temperature=chosen.temperature,
            head_steps=self.head_steps,
            quality="exact",
        )
        state = SamplerState.start([0] * pictures, torch.zeros(pictures, rows * columns, channels))
        state.orders = self.data[f"{name}.orders"]
        canvas = None if encoded is None else self.model.mar.canvas(encoded)
        steps = sample(
            self.model,
            self.prefix(name, encoded, rows * columns),
            state,
            (rows, columns),
            settings,
            canvas=canvas,
            noises=self._noises(name),
        )
        for _ in steps:
            pass
        tokens = state.tokens.unflatten(1, (rows, columns))
        group.close("tokens", tokens, theirs)
        group.close("image", self.model.vae.decode(tokens), self.data[f"{name}.image"])

    def caption(self, group: Comparison) -> None:
        """Greedy decoding about an image."""
        theirs = self.data["caption.new_ids"][0].tolist()
        embeddings = self.embed(self.data["caption.input_ids"], self.source())
        hidden = self.model.read(embeddings)
        group.close(
            "first_logits", self.model.logits(hidden[:, -1]), self.data["caption.first_logits"]
        )
        ours = list(generate_tokens(self.model, embeddings, len(theirs), stop=frozenset()))
        group.equal("new_ids", ours, theirs)

    def drawing_loss(self, group: Comparison) -> None:
        """The loss of drawing, given everything random."""
        data = self.data
        rows, columns = data["t2i_loss.latents"].shape[1:3]
        result = drawing_loss(
            self.model,
            self.model.embed(data["t2i_loss.input_ids"]),
            data["t2i_loss.latents"].flatten(1, 2),
            data["t2i_loss.mask"].bool(),
            (rows, columns),
            timesteps=data["t2i_loss.t"],
            noise=data["t2i_loss.noise"],
        )
        group.close("z", result.z, data["t2i_loss.z"])
        group.close("per_sample", result.rows, data["t2i_loss.per_sample"])
        group.close("loss", result.loss[None], data["t2i_loss.loss"])

    def describing_loss(self, group: Comparison) -> None:
        """The loss of describing: the captioning prompt, whose labels are one position ahead."""
        embeddings = self.embed(self.data["caption.input_ids"], self.source())
        labels = F.pad(self.data["i2t_loss.labels"], (1, 0), value=IGNORED)
        loss = describing_loss(self.model, embeddings, labels)
        group.close("loss", loss[None], self.data["i2t_loss.loss"])


def visible_tokens(mask: Tensor) -> Tensor:
    """(batch, count) indices of the tokens that a mask (batch, tokens) leaves visible."""
    return torch.stack([(row == 0).nonzero().squeeze(1) for row in mask])


def main(arguments: list[str]) -> int:
    """Print a line a group; 1 when any is off."""
    if len(arguments) != 2:
        print("usage: parity.py JSON SAFETENSORS", file=sys.stderr)
        return 2
    failed = False
    with torch.inference_mode():
        for group in Parity(Path(arguments[0]), Path(arguments[1])).groups():
            wrong = group.error > TOLERANCE
            failed = failed or wrong
            verdict = "FAIL" if wrong else "ok"
            print(f"{group.name:14} {group.error:.2e}  {verdict:4}  {', '.join(group.details)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
