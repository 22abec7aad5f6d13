"""What the stages on latents share: which weights they train, and the loop that trains them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.attention import SDPBackend

from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.optim import Optimizer
from unipic_tui.nano.run import Run, Weights

VECTORS = ("embed", "mask_token", "fake_latent", "final_layer.linear")
"""Matrices that AdamW trains: tables of vectors, and the zero-initialised output."""


def trained_parts(model: UniPic) -> nn.ModuleDict:
    """All of the model but the autoencoder."""
    return nn.ModuleDict({name: part for name, part in model.named_children() if name != "vae"})


def compile_blocks(model: UniPic) -> None:
    """Let each block become one program, for batches and lengths of any size."""
    net = model.mar.diffloss.net
    mar = (*model.mar.encoder_blocks, *model.mar.decoder_blocks)
    for block in (*mar, *model.llm.model.layers, *net.res_blocks, net.final_layer):
        block.compile(dynamic=True)


def attention_kernel(kind: str) -> SDPBackend:
    """The fastest for a kind of device, "cpu" or "cuda".

    For sequences this short the fused CPU kernel's backward takes longer than plain products.
    """
    return SDPBackend.MATH if kind == "cpu" else SDPBackend.EFFICIENT_ATTENTION


@torch.no_grad()
def averaged(model: UniPic, weights: Weights) -> UniPic:
    """A copy of the model with averaged weights."""
    shown = UniPic(model.config).to(model.device).eval()
    shown.load_state_dict(model.state_dict())
    weights.average.write_to(trained_parts(shown))
    return shown


def take_weights(run: Run, model: UniPic, decay: float = 0.998) -> Weights:
    """Make a model ready to be trained, with the run's state where it has one.

    Args:
        decay: of the average of weights.
    """
    model.requires_grad_(True).train()
    model.vae.requires_grad_(False).eval()
    parts = trained_parts(model)
    weights = Weights(parts, Optimizer(parts, vectors=VECTORS), decay)
    if (state := run.load()) is not None:
        weights.load_state_dict(state)
    return weights


def random_stream(run: Run, seed: int) -> int:
    """A seed of this process's and this start's own, which also seeds torch."""
    stream = seed + 1 + run.step + 1_000_003 * run.rank
    torch.manual_seed(stream)
    return stream


def train_weights(
    run: Run,
    model: UniPic,
    weights: Weights,
    backward: Callable[[int], None],
    rate: Callable[[int], float],
    log: Callable[[int], None],
    snapshot_minutes: float,
) -> Iterator[UniPic]:
    """Optimise until the run's time is up.

    Args:
        backward: adds up the gradients of a step.
        rate: the learning rate of a step.
        log: is called behind each step.
        snapshot_minutes: time between two yields.

    Yields:
        The model with averaged weights, now and then and at the end.
    """
    snapshot_at = run.spent + snapshot_minutes * 60
    for step in run.steps():
        weights.optimizer.zero_grad()
        backward(step)
        run.share(weights.list)
        nn.utils.clip_grad_norm_(weights.list, 1.0)
        weights.optimizer.step(rate(step))
        weights.average.update(weights.module)
        log(step)
        if run.due():
            run.save(weights.state_dict())
        if run.spent >= snapshot_at:
            snapshot_at = run.spent + snapshot_minutes * 60
            yield averaged(model, weights)
    run.save(weights.state_dict())
    yield averaged(model, weights)
