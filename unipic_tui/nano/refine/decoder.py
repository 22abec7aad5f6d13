"""The autoencoder's decoder, trained further on what sampling gives it; all else stays as it is.

The first stage trains the decoder on encodings, but the latents that the model samples lie a little
beside them, and outlines become wobbly. Here half of each batch is the model's own right drawings,
each with the renderer's picture of what the detector reads in it; the other half is encodings of
random scenes, with part of the error of such drawings added.
"""

import copy
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.rollouts import roll_out
from unipic_tui.nano.train.autoencoder import (
    MATRIX_RATE,
    object_weights,
    sample_scenes,
    to_tensor,
)
from unipic_tui.nano.train.ema import TrainState
from unipic_tui.nano.train.loop import Run, RunOptions
from unipic_tui.nano.train.muon import MuonAdamW, half
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.render import render_batch
from unipic_tui.nano.world.scene import Scene, generator
from unipic_tui.nano.world.text_to_image import DrawKind, draw_sample

PEAK_RATE = 6e-4
DECAY = 0.8
"""The share of the stage in which the learning rate falls."""
BATCH = 32
GRADIENT_WEIGHT = 2.0
"""Of the error of differences between neighbouring pixels, which outlines consist of."""
DESCRIBED = 0.2
"""Share of drawings from whole descriptions, which may have four different objects."""
HEAD_STEPS = 50
FIRST_DRAWINGS, DRAWINGS, DRAW_EVERY = 256, 64, 40
"""Drawings at each start, and so many more every so many steps."""
LOG_EVERY = 40


class Drawing(NamedTuple):
    """A right drawing.

    Attributes:
        latents: (tokens, channels), as sampled.
        picture: (64, 64, 3), the renderer's picture of what the detector reads.
        error: (tokens, channels), the latents minus the picture's encoding.
    """

    latents: Tensor
    picture: np.ndarray
    error: Tensor


class DecoderSamples:
    """Latents and the pictures that they should become.

    Args:
        model: draws, and decodes what the detector reads; never changed.
        kept: the largest number of drawings; the newest replace the oldest.
    """

    def __init__(
        self, model: UniPicModel, codec: PromptCodec, rng: np.random.Generator, kept: int = 6000
    ) -> None:
        self.model, self.codec, self.rng = model, codec, rng
        self.drawings: deque[Drawing] = deque(maxlen=kept)

    def draw(self, count: int, head_steps: int) -> list[Drawing]:
        """Draw ``count`` prompts; keep and return the drawings that are right."""
        kinds: list[DrawKind | None] = [
            "described" if chance < DESCRIBED else None for chance in self.rng.random(count)
        ]
        samples = [draw_sample(self.rng, kind, unseen=False) for kind in kinds]
        groups = roll_out(self.model, self.codec, samples, group_size=1, head_steps=head_steps)
        scenes, latents = [], []
        for group in groups:
            if group.right[0]:
                scenes.append(Scene(group.found[0].ground, group.found[0].objects))
                latents.append(group.latents[0].float())
        if not scenes:
            return []
        errors = torch.stack(latents) - encode_scenes(self.model, scenes)
        drawn = list(map(Drawing, latents, render_batch(scenes), errors))
        self.drawings.extend(drawn)
        return drawn

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Latents (count, tokens, channels) and images (count, 3, h, w), half of each sort."""
        chosen = [self.drawings[i] for i in self._choose(len(self.drawings), count // 2)]
        scenes = sample_scenes(self.rng, count - len(chosen))
        encoded = encode_scenes(self.model, scenes)
        latents = torch.cat([*(drawing.latents[None] for drawing in chosen), self._noised(encoded)])
        pictures = np.stack([*(drawing.picture for drawing in chosen), *render_batch(scenes)])
        return latents, to_tensor(pictures, self.model.device)

    def _choose(self, options: int, count: int) -> list[int]:
        return self.rng.integers(options, size=count).tolist() if options else []

    def _noised(self, latents: Tensor) -> Tensor:
        """Latents with errors of random drawings' tokens, each picture's times 0 to 1."""
        if not self.drawings:
            return latents
        count, tokens, _ = latents.shape
        picked = self._choose(len(self.drawings), count * tokens)
        places = self._choose(tokens, count * tokens)
        errors = [self.drawings[i].error[j] for i, j in zip(picked, places, strict=True)]
        scale = torch.from_numpy(self.rng.random((count, 1, 1), dtype=np.float32))
        return latents + torch.stack(errors).view_as(latents) * scale.to(latents.device)


def sharp_loss(decoded: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of decoded images (batch, 3, h, w), and its plain L1.

    Absolute errors alone, weighted towards the objects, and those of pixel differences: where an
    outline is uncertain, squared errors would blur it.
    """
    gap = decoded - images
    weighted = (gap.abs() * object_weights(images)).mean()
    gradients = gap.diff(dim=2).abs().mean() + gap.diff(dim=3).abs().mean()
    return weighted + GRADIENT_WEIGHT * gradients, gap.detach().abs().mean()


def decoding_parts(model: UniPicModel) -> nn.ModuleDict:
    """What turns latents into pixels."""
    vae = model.vae
    return nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})


def train_decoder(
    model: UniPicModel, codec: PromptCodec, options: RunOptions
) -> Iterator[UniPicModel]:
    """Train the decoder of a trained model further, or resume.

    Args:
        model: as trained; the same one on every start.

    Yields:
        Snapshots: the model with averaged weights of the decoder. The last one at the end.
    """
    run = Run(options, "decoder", PEAK_RATE, decay=DECAY, log_every=LOG_EVERY)
    model.to(options.device).requires_grad_(False).eval()
    reference, snapshot = copy.deepcopy(model), copy.deepcopy(model)
    parts = decoding_parts(model).requires_grad_(True)
    # A step of a CPU takes a fifth less time so.
    parts.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainState(parts, MuonAdamW(parts, matrix_rate=MATRIX_RATE), run.load())
    rng = generator("train", run.random_stream(options.seed + 2))
    samples = DecoderSamples(reference, codec, rng)
    side = model.config.mar.grid

    def losses(latents: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        decoded = model.vae.decode(latents.unflatten(1, (side, side)))
        return sharp_loss(decoded.float(), images)

    @torch.no_grad()
    def draw(step: int) -> None:
        """Draw, and measure the decoder on these drawings, which it has not seen."""
        first = not samples.drawings
        if first or step % DRAW_EVERY == 0:
            fresh = samples.draw(FIRST_DRAWINGS if first else DRAWINGS, HEAD_STEPS)
            if fresh:
                images = to_tensor(np.stack([each.picture for each in fresh]), model.device)
                _, gap = losses(torch.stack([each.latents for each in fresh]), images)
                run.means["distance"].add(127.5 * gap)

    def backward(step: int) -> None:
        with half(model.device):
            draw(step)
            loss, gap = losses(*samples.batch(BATCH))
        torch.autograd.backward(loss)
        run.means["loss"].add(loss)
        run.means["l1"].add(gap)

    def further() -> dict[str, float]:
        return {"drawings": len(samples.drawings)}

    for _ in run.optimise(state, backward, further):
        state.ema.copy_to(decoding_parts(snapshot))
        yield snapshot
