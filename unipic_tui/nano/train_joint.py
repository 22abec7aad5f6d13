"""Second stage: drawing, editing and describing together, on cached latents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import sdpa_kernel

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.head import HeadBlock
from unipic_tui.model.losses import describing_loss, padded_layout
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.data import (
    Batch,
    Layout,
    Pool,
    SceneEncoder,
    describing,
    drawing,
    editing,
    lay_out,
)
from unipic_tui.nano.noising import Levels, drawing_rows, hidden_tokens, stratified_timesteps
from unipic_tui.nano.parallel import start, world_size
from unipic_tui.nano.run import Mean, Run, learning_rate
from unipic_tui.nano.stage import (
    attention_kernel,
    compile_blocks,
    random_stream,
    take_weights,
    train_weights,
)
from unipic_tui.nano.world import generator

PEAK_RATE = 8e-4
REUSES = {"draw": 4, "edit": 2, "describe": 1}
"""How often a sample is trained on. Noise and masks make a drawing new each time; a picture and its
answer stay as they are, and with three uses the model learnt them by heart."""
DECAY = 0.9
"""The share of the stage in which the learning rate falls."""
WHOLLY = 0.2
"""Share of drawings whose tokens are all masked, though a picture takes one of its 16 steps so."""
FEWEST_MASKED = 0.25
"""The share of tokens masked at least, in most batches that are not fully masked."""
MOSTLY = 0.85
"""How often at least `FEWEST_MASKED` are masked; any number otherwise."""
TEXT_WEIGHT = 0.4
"""Weight of the describing loss, whose nats are larger than the diffusion loss's squares."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Samples of each task in one optimiser step."""

    draw: int = 72
    edit: int = 20
    describe: int = 32

    @property
    def total(self) -> int:
        """Samples a step."""
        return self.draw + self.edit + self.describe


def initialise(model: UniPic, seed: int) -> None:
    """Starting weights: normal of deviation 0.02 for matrices, gates and outputs at zero."""
    torch.manual_seed(seed)
    for name, value in model.named_parameters():
        if name.startswith("vae."):
            continue
        if value.ndim < 2:
            (nn.init.ones_ if name.endswith("weight") else nn.init.zeros_)(value)
        else:
            nn.init.normal_(value, std=0.02 if "embed" in name else value.shape[-1] ** -0.5 * 0.7)
    net = model.mar.diffloss.net
    for block in net.res_blocks:
        _zero(cast("HeadBlock", block).adaLN_modulation[1])
    _zero(net.final_layer.adaLN_modulation[1])
    _zero(net.final_layer.linear)


def _zero(layer: nn.Module) -> None:
    nn.init.zeros_(cast("nn.Linear", layer).weight)


class Loss(NamedTuple):
    """A loss to train on, and the plain one to show."""

    weighted: Tensor
    plain: Tensor


class Trainer:
    """The data and the losses of each step.

    Args:
        pool: encoded samples kept of drawings; half as many of the other tasks.
    """

    def __init__(
        self, model: UniPic, codec: PromptCodec, rng: np.random.Generator, mix: Mix, pool: int
    ) -> None:
        self.model, self.rng, self.mix = model, rng, mix
        encode = SceneEncoder(model)
        self.pools = {
            "draw": Pool(partial(drawing, codec, rng), encode, pool),
            "edit": Pool(partial(editing, codec, rng), encode, pool // 2),
            "describe": Pool(partial(describing, codec, rng), encode, pool // 2),
        }
        for kept in self.pools.values():
            kept.refill(kept.size // 6)
        side = model.config.mar.grid
        self.grid = (side, side)
        self.tokens = side * side
        self.image_positions = self.tokens + model.config.mar.buffer
        self.levels = Levels(model.device)

    def _embed(self, layout: Layout, seen: Tensor | None) -> Tensor:
        embeddings = self.model.embed(layout.ids.to(self.model.device))
        if seen is None:
            return embeddings
        index = layout.image.to(embeddings.device)[..., None].expand(-1, -1, embeddings.shape[-1])
        return embeddings.scatter(1, index, seen.to(embeddings.dtype))

    def _encode(self, latents: Tensor) -> Tensor:
        return self.model.mar.encode(latents, None, self.model.positions(*self.grid))

    def draw(self, batch: Batch, masked: int) -> Loss:
        """The diffusion loss with ``masked`` tokens masked; edits where there is a source."""
        device = self.model.device
        assert batch.target is not None
        target = batch.target.to(device)
        count = target.shape[0]
        layout = lay_out(batch.prompts, self.image_positions)
        encoded = None if batch.source is None else self._encode(batch.source.to(device))
        seen = None if encoded is None else self.model.look(encoded)
        hidden = hidden_tokens(count, self.grid[0], masked).to(device)
        timesteps = stratified_timesteps(count * masked, device)
        losses = drawing_rows(
            self.model,
            self._embed(layout, seen),
            layout.mask.to(device),
            target,
            hidden,
            timesteps,
            torch.randn(len(timesteps), target.shape[-1], device=device),
            None if encoded is None else self.model.mar.canvas(encoded),
        )
        return Loss(self.levels.weigh(losses, timesteps), losses.detach().mean())

    def describe(self, batch: Batch) -> Loss:
        """The cross-entropy of answers."""
        device = self.model.device
        assert batch.source is not None
        layout = lay_out(batch.prompts, self.image_positions, batch.answers)
        seen = self.model.look(self._encode(batch.source.to(device)))
        places, attention = padded_layout(layout.mask.to(device), 0)
        loss = describing_loss(
            self.model, self._embed(layout, seen), layout.labels.to(device), places, attention
        )
        return Loss(loss, loss.detach())

    def refill(self) -> None:
        """Take in a step's fresh samples."""
        for name, pool in self.pools.items():
            pool.refill(-(-getattr(self.mix, name) // REUSES[name]))

    def losses(self) -> Iterator[tuple[str, float, Callable[[], Loss]]]:
        """Name, weight and computation of each loss of a step.

        Drawings come in halves, of which one has now and then every token masked and both differ
        in how many are; edits are wholly masked every other time.
        """
        drawn = self.mix.draw + self.mix.edit
        half = self.mix.draw // 2
        for name, count, wholly in (
            ("draw", half, 2 * WHOLLY),
            ("draw", self.mix.draw - half, 0.0),
            ("edit", self.mix.edit, 0.5),
        ):
            fully = self.rng.random() < wholly
            batch = self.pools[name].batch(self.rng, count)
            masked = self.tokens if fully else self._masked()
            label = f"{name}_masked" if fully else name
            yield label, count / drawn, partial(self.draw, batch, masked)
        batch = self.pools["describe"].batch(self.rng, self.mix.describe)
        yield "describe", TEXT_WEIGHT, partial(self.describe, batch)

    def backward(self, means: defaultdict[str, Mean], by: float = 1.0) -> None:
        """Add up the gradients of a step on fresh samples, ``by`` times, and note the losses."""
        self.refill()
        for name, weight, loss_of in self.losses():
            loss = loss_of()
            torch.autograd.backward(by * weight * loss.weighted)
            means[name].add(loss.plain)

    def _masked(self) -> int:
        """How many tokens to mask: mostly many, since the rest follows from what is seen."""
        fewest = int(self.tokens * FEWEST_MASKED) if self.rng.random() < MOSTLY else 1
        return int(self.rng.integers(fewest, self.tokens))


def train_joint(
    folder: Path,
    model: UniPic,
    codec: PromptCodec,
    minutes: float,
    device: str,
    seed: int,
    mix: Mix | None = None,
    pool: int = 24_000,
    snapshot_minutes: float = 10,
    fresh: bool = True,
    compiled: bool = False,
) -> Iterator[UniPic]:
    """Train or go on training everything but the autoencoder.

    Args:
        folder: where the run's state and log are.
        minutes: time budget of this stage in all.
        pool: encoded samples kept a task.
        snapshot_minutes: time between two yields.
        fresh: whether to begin from nothing and not from the model's own weights.
        compiled: whether to compile the blocks, which takes a minute and a C++ compiler.

    Yields:
        The model with averaged weights, now and then and at the end.
    """
    rank = start()
    run = Run(folder, "joint", minutes, rank)
    model.to(device)
    if fresh:
        initialise(model, seed)
    if compiled:
        compile_blocks(model)
    weights = take_weights(run, model)
    stream = random_stream(run, seed)
    trainer = Trainer(model, codec, generator("train", stream), mix or Mix(), pool)
    means: defaultdict[str, Mean] = defaultdict(Mean)
    kind = torch.device(device).type

    def backward(_: int) -> None:
        # One autocast for all, so that each weight is rounded once a step.
        with torch.autocast(kind, torch.bfloat16), sdpa_kernel(attention_kernel(kind)):
            trainer.backward(means)

    def rate(step: int) -> float:
        return learning_rate(run.progress, step, PEAK_RATE, decay=DECAY)

    def log(step: int) -> None:
        if step % 100 == 99:
            samples = (step + 1) * trainer.mix.total * world_size()
            run.log(samples=samples, **{name: mean.read() for name, mean in means.items()})

    yield from train_weights(run, model, weights, backward, rate, log, snapshot_minutes)
