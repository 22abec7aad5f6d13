"""First stage: an autoencoder whose reconstructions the detector reads right."""

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import VaeConfig
from unipic_tui.model.vae import Vae, to_bytes
from unipic_tui.nano.train.ema import TrainState
from unipic_tui.nano.train.loop import Run, RunOptions
from unipic_tui.nano.train.muon import MuonAdamW, half
from unipic_tui.nano.train.parallel import world_size
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.render import render_batch
from unipic_tui.nano.world.scene import Detected, Scene, generator, sample_scene

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


def sample_scenes(rng: np.random.Generator, count: int) -> list[Scene]:
    """Random scenes of 0 to 4 objects, alone or in quadrants."""
    drawn = []
    for _ in range(count):
        objects = int(rng.choice(5, p=[0.02, 0.28, 0.3, 0.2, 0.2]))
        shared = objects > 1 or rng.random() < 0.5
        drawn.append(sample_scene(rng, objects, layout="shared" if shared else "alone"))
    return drawn


def object_weights(images: Tensor) -> Tensor:
    """How much each pixel of images (batch, 3, h, w) counts, (batch, 1, h, w)."""
    ground = images[:, :, :1, :1]
    return 1 + (OBJECT_WEIGHT - 1) * ((images - ground).abs().amax(1, keepdim=True) > 0.05)


def reconstruction_loss(decoded: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of decoded images (batch, 3, h, w), and its plain L1.

    Absolute and squared error, weighted towards the objects, and the error of 8×8 means: colour
    and place show there first.
    """
    gap = (decoded - images).abs()
    weighted = ((gap + gap**2) * object_weights(images)).mean()
    coarse = F.avg_pool2d(decoded - images, 8).abs().mean()
    return weighted + coarse, gap.mean()


def vae_loss(vae: Vae, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a batch, with a tiny KL term, and its plain L1."""
    mean, log_variance = vae.moments(images)
    log_variance = log_variance.float()
    latent = mean + noise * torch.exp(0.5 * log_variance)
    decoded = vae.decode((latent * vae.config.scale).permute(0, 2, 3, 1)).float()
    loss, gap = reconstruction_loss(decoded, images)
    kl = 0.5 * (mean.float() ** 2 + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
    return loss + KL_WEIGHT * kl, gap


def same_content(scene: Scene, picture: Detected) -> bool:
    """Whether kinds, colours and ground agree, and quadrants too where there are several."""
    several = len(scene.objects) > 1
    mine, theirs = (
        sorted((shape.kind, shape.colour, shape.quadrant if several else 0) for shape in side)
        for side in (scene.objects, picture.objects)
    )
    return scene.ground == picture.ground and mine == theirs


@torch.no_grad()
def reconstruction_accuracy(vae: Vae, count: int, device: str, seed: int = 0) -> float:
    """Share of reconstructed pictures whose objects and ground the detector reads right."""
    drawn = sample_scenes(generator("score", seed), count)
    right = 0
    for first in range(0, count, 50):
        batch = drawn[first : first + 50]
        decoded = vae.decode(vae.encode(to_tensor(render_batch(batch), device)))
        for scene, picture in zip(batch, to_bytes(decoded).numpy(), strict=True):
            right += same_content(scene, detect(picture))
    return right / count


def train_vae(config: VaeConfig, options: RunOptions, batch: int = 32) -> Vae:
    """Train an autoencoder, or resume; its averaged weights, scaled to unit latent variance."""
    device = options.device
    run = Run(options, "vae", PEAK_RATE, log_every=250)
    torch.manual_seed(options.seed)
    vae = Vae(config)
    assert vae.quant_conv.bias is not None
    # The posterior starts narrow, so that latents carry information from the first step.
    nn.init.constant_(vae.quant_conv.bias[config.latent_channels :].data, -6.0)
    vae.to(device)
    state = TrainState(vae, MuonAdamW(vae, matrix_rate=MATRIX_RATE), run.load())
    rng = generator("train", run.random_stream(options.seed))
    averaged = Vae(config).to(device).eval()

    def backward(_: int) -> None:
        images = to_tensor(render_batch(sample_scenes(rng, batch)), device)
        sides = (side // config.stride for side in images.shape[2:])
        noise = torch.randn(batch, config.latent_channels, *sides, device=device)
        with half(torch.device(device)):
            loss, gap = vae_loss(vae, images, noise)
        torch.autograd.backward(loss)
        run.means["loss"].add(loss)
        run.means["l1"].add(gap)

    def further() -> dict[str, float]:
        state.ema.copy_to(averaged)
        run.means["right"].add(reconstruction_accuracy(averaged, 200, device))
        return {"pictures": (run.step + 1) * batch * world_size()}

    for _ in run.optimise(state, backward, further):
        pass
    state.ema.copy_to(vae)
    return with_unit_scale(vae.eval(), device)


@torch.no_grad()
def with_unit_scale(vae: Vae, device: str) -> Vae:
    """The same autoencoder with the scale that gives its latents unit variance."""
    images = to_tensor(render_batch(sample_scenes(generator("train", 1), 256)), device)
    mean, _ = vae.moments(images)
    vae.config = dataclasses.replace(vae.config, scale=float(1 / mean.std()))
    return vae
