"""Latents as pictures: decoded, or in a moment as a rough projection of them."""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unipic_tui.inference.engine import Engine
from unipic_tui.inference.state import SamplerState
from unipic_tui.inference.together import decoded_at_once

_MASKED_GREY = (127, 127, 127)
_DOTS = 2
"""Dots of a projection along each side of a token."""
_SAMPLES, _SIDE = 8, 64
"""Made-up pictures to which the projection is fitted, and their side in pixels."""
_MADE_UP_WEIGHT = 0.01
"""What a token of a made-up picture counts in the fit, against one of a decoded picture."""
_DECODER_SHARE = 2.0
"""Time of a decode over that of an encode: an estimate, until one is measured."""
_AT_ONCE = 0.1
"""Seconds that decoding a picture may take however often previews are asked for."""


class Previews:
    """Decodes latents of one model, and projects them where decoding takes too long.

    The projection is the least squares fit to made-up pictures, which count little, and to every
    picture that was decoded.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        size = engine.model.config.mar.latent_channels + 1
        self._known = 1e-3 * torch.eye(size)
        self._wanted = torch.zeros(size, 3 * _DOTS**2)
        self._seconds = 0.0  # for decoding a pixel; 0 while nothing was fitted

    def decode(self, latents: Tensor, grid: tuple[int, int]) -> list[Image.Image]:
        """The pictures of latents (pictures, tokens, channels), float32."""
        began = time.monotonic()
        parts = latents.split(decoded_at_once(grid, self._engine.model.config.vae.stride))
        images = [image for part in parts for image in self._engine.decode(part, grid)]
        spent = time.monotonic() - began
        if self._seconds:
            self._seconds = spent / sum(each.width * each.height for each in images)
            self._learn(latents, images, 1.0)
        return images

    def show(
        self, run: SamplerState, masked: int, grid: tuple[int, int], interval: float
    ) -> list[Image.Image]:
        """What is drawn of each picture, the rest grey.

        They are decoded where that takes less than a tenth of the interval a picture, else
        projected.

        Args:
            masked: tokens of each that are not drawn.
            interval: seconds between two previews.
        """
        stride = self._engine.model.config.vae.stride
        size = (grid[1] * stride, grid[0] * stride)
        if not self._seconds:
            self._begin()
        if self._seconds * size[0] * size[1] < max(_AT_ONCE, interval / 10):
            images = self.decode(run.tokens, grid)
        else:
            images = [image.resize(size) for image in self.project(run.tokens, grid)]
        for image, drawn in zip(images, run.drawn(masked).unflatten(1, grid), strict=True):
            hidden = Image.fromarray(~drawn.numpy())
            image.paste(_MASKED_GREY, mask=hidden.resize(size, Image.Resampling.NEAREST))
        return images

    def project(self, latents: Tensor, grid: tuple[int, int]) -> list[Image.Image]:
        """Small pictures of latents (pictures, tokens, channels), of 2 × 2 dots a token."""
        dots = _with_one(latents) @ torch.linalg.solve(self._known, self._wanted)
        dots = dots.unflatten(1, grid).unflatten(3, (_DOTS, _DOTS, 3))
        rows = dots.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)
        pixels = (127.5 * rows + 128).clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(each.numpy()) for each in pixels]

    def _begin(self) -> None:
        """Fit the projection to made-up pictures, which also tells how fast the VAE is."""
        images = _made_up()
        began = time.monotonic()
        encoded = [self._engine.encode(image)[0] for image in images]
        spent = time.monotonic() - began
        self._seconds = _DECODER_SHARE * spent / (_SAMPLES * _SIDE**2)
        self._learn(torch.cat(encoded), images, _MADE_UP_WEIGHT)

    def _learn(self, latents: Tensor, images: list[Image.Image], weight: float) -> None:
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
        values = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
        dots = F.avg_pool2d(values, self._engine.model.config.vae.stride // _DOTS)
        # (pictures, 3, rows · 2, columns · 2) to a row of 2 · 2 · 3 for each token.
        dots = dots.unflatten(2, (-1, _DOTS)).unflatten(4, (-1, _DOTS))
        wanted = dots.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(0, 2)
        known = _with_one(latents).flatten(0, 1)
        self._known += weight * known.T @ known
        self._wanted += weight * known.T @ wanted


def _with_one(latents: Tensor) -> Tensor:
    """(…, channels) to (…, channels + 1) on the CPU."""
    return F.pad(latents.cpu().float(), (0, 1), value=1.0)


def _made_up() -> list[Image.Image]:
    """Pictures with something of every size in them: colours at ever finer grains."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(_SAMPLES, 3, _SIDE, _SIDE)
    grain = 2
    while grain <= _SIDE // 2:
        colours = torch.randn(_SAMPLES, 3, grain, grain, generator=generator)
        total += F.interpolate(colours, _SIDE, mode="bilinear") * grain**-0.5
        grain *= 2
    pixels = (127.5 + 90 * total).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(each.contiguous().numpy()) for each in pixels]
