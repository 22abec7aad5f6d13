"""First stage: an autoencoder whose reconstructions the detector reads right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import VaeConfig
from unipic_tui.model.vae import Vae, to_bytes
from unipic_tui.nano.optim import Optimizer
from unipic_tui.nano.parallel import start, world_size
from unipic_tui.nano.run import Mean, Run, Weights, learning_rate
from unipic_tui.nano.world import (
    Detected,
    Scene,
    detect,
    generator,
    render_batch,
    sample_scene,
)

KL_WEIGHT = 1e-6
PEAK_RATE = 1.5e-3
MATRIX_RATE = 10.0
"""Muon's rate relative to AdamW's: what the shipped autoencoder was trained with."""
OBJECT_WEIGHT = 4.0
"""How much more a pixel that is not ground counts."""


def to_tensor(pictures: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
    """uint8 (batch, h, w, 3) to float (batch, 3, h, w) in [-1, 1]."""
    tensor = torch.from_numpy(pictures).to(device)
    return tensor.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_pictures(images: Tensor) -> np.ndarray:
    """The reverse of `to_tensor`, clamped."""
    return to_bytes(images).numpy()


def scenes(rng: np.random.Generator, count: int) -> list[Scene]:
    """A batch of anything the world holds."""
    drawn = []
    for _ in range(count):
        objects = int(rng.choice(5, p=[0.02, 0.28, 0.3, 0.2, 0.2]))
        shared = objects > 1 or rng.random() < 0.5
        drawn.append(sample_scene(rng, objects, layout="shared" if shared else "alone"))
    return drawn


def initialised(vae: Vae) -> Vae:
    """The same autoencoder with a posterior that starts narrow, so that latents say something."""
    assert vae.quant_conv.bias is not None
    nn.init.constant_(vae.quant_conv.bias[vae.config.latent_channels :].data, -6.0)
    return vae


def vae_loss(vae: Vae, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a batch, and its plain L1.

    Absolute and squared error, weighted towards the objects, plus a tiny KL term.
    """
    mean, log_variance = vae.moments(images)
    log_variance = log_variance.float()
    latent = mean + noise * torch.exp(0.5 * log_variance)
    decoded = vae.decode((latent * vae.config.scale).permute(0, 2, 3, 1)).float()
    ground = images[:, :, :1, :1]
    weight = 1 + (OBJECT_WEIGHT - 1) * ((images - ground).abs().amax(1, keepdim=True) > 0.05)
    gap = (decoded - images).abs()
    weighted = ((gap + gap**2) * weight).mean()
    # Coarse agreement first: colour and place show at an eighth of the size.
    coarse = F.avg_pool2d(decoded - images, 8).abs().mean()
    kl = 0.5 * (mean.float() ** 2 + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
    return weighted + coarse + KL_WEIGHT * kl, gap.mean()


def same_content(scene: Scene, picture: Detected) -> bool:
    """Whether kinds, colours and ground agree, and quadrants too where there are several."""
    if scene.ground != picture.ground or len(scene.objects) != len(picture.objects):
        return False
    several = len(scene.objects) > 1
    mine, theirs = (
        sorted((shape.kind, shape.colour, shape.quadrant if several else 0) for shape in side)
        for side in (scene.objects, picture.objects)
    )
    return mine == theirs


@torch.no_grad()
def read_right(vae: Vae, count: int, device: str, seed: int = 0) -> float:
    """Share of reconstructed pictures whose objects and ground the detector reads right."""
    drawn = scenes(generator("score", seed), count)
    right = 0
    for first in range(0, count, 50):
        batch = drawn[first : first + 50]
        images = to_tensor(render_batch(batch), device)
        for scene, picture in zip(batch, to_pictures(vae.decode(vae.encode(images))), strict=True):
            right += same_content(scene, detect(picture))
    return right / count


def train_vae(
    folder: Path, config: VaeConfig, minutes: float, device: str, seed: int, batch: int = 32
) -> Vae:
    """Train or go on training; the averaged weights, with the scale set to unit variance.

    Args:
        folder: where the run's state and log are.
        minutes: time budget of this stage in all.
    """
    rank = start()
    run = Run(folder, "vae", minutes, rank)
    torch.manual_seed(seed)
    vae = initialised(Vae(config)).to(device)
    weights = Weights(vae, Optimizer(vae, matrix_rate=MATRIX_RATE))
    if (state := run.load()) is not None:
        weights.load_state_dict(state)
    rng = generator("train", seed + run.step + 1_000_003 * rank)
    torch.manual_seed(seed + run.step + 1_000_003 * rank)
    loss_mean, gap_mean = Mean(), Mean()
    peer = Vae(config).to(device).eval()

    for step in run.steps():
        images = to_tensor(render_batch(scenes(rng, batch)), device)
        noise = torch.randn(
            batch,
            config.latent_channels,
            *(side // config.stride for side in images.shape[2:]),
            device=device,
        )
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            loss, gap = vae_loss(vae, images, noise)
        weights.optimizer.zero_grad()
        loss.backward()
        run.share(weights.list)
        torch.nn.utils.clip_grad_norm_(weights.list, 1.0)
        weights.optimizer.step(learning_rate(run.progress, step, PEAK_RATE))
        weights.average.update(vae)
        loss_mean.add(loss)
        gap_mean.add(gap)
        if step % 250 == 249 and rank == 0:
            weights.average.write_to(peer)
            run.log(
                pictures=(step + 1) * batch * world_size(),
                loss=loss_mean.read(),
                l1=gap_mean.read(),
                right=read_right(peer, 200, device),
            )
        if run.due():
            run.save(weights.state_dict())
    run.save(weights.state_dict())
    weights.average.write_to(vae)
    vae.eval()
    return with_unit_scale(vae, device)


@torch.no_grad()
def with_unit_scale(vae: Vae, device: str) -> Vae:
    """The same autoencoder with the scale that gives its latents unit variance."""
    images = to_tensor(render_batch(scenes(generator("train", 1), 256)), device)
    mean, _ = vae.moments(images)
    vae.config = dataclasses.replace(vae.config, scale=float(1 / mean.std()))
    return vae
