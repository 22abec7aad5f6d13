"""Second stage: drawing, editing and describing jointly, on cached latents."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.head import HeadBlock
from unipic_tui.model.losses import describing_loss, padded_layout
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.train.ema import averaged, latent_train_state
from unipic_tui.nano.train.loop import Run, RunningMean, RunOptions
from unipic_tui.nano.train.muon import half
from unipic_tui.nano.train.noising import (
    LossWeighting,
    diffusion_losses,
    masked_tokens,
    stratified_timesteps,
)
from unipic_tui.nano.train.padding import pad_prompts
from unipic_tui.nano.train.parallel import world_size
from unipic_tui.nano.train.replay_buffer import ReplayBatch, ReplayBuffer
from unipic_tui.nano.train.samples import (
    describing_sample,
    drawing_sample,
    editing_sample,
    encode_scenes,
    read_prompts,
)
from unipic_tui.nano.world.scene import generator

PEAK_RATE = 8e-4
REUSES = {"draw": 4, "edit": 2, "describe": 1}
"""How often a sample is trained on. Noise and masks make a drawing new each time; a picture and its
answer do not change, and with three uses the model memorised them."""
DECAY = 0.9
"""The share of the stage in which the learning rate falls."""
FULLY_MASKED = 0.2
"""Share of drawings whose tokens are all masked, although sampling spends 1 of 16 steps so."""
FEWEST_MASKED = 0.25
"""The smallest share of masked tokens, in most batches that are not fully masked."""
MOSTLY = 0.85
"""How often at least `FEWEST_MASKED` are masked; otherwise any number."""
TEXT_WEIGHT = 0.4
"""Weight of the describing loss, whose nats are larger than the diffusion loss's squares."""


@dataclass(frozen=True, slots=True)
class TaskMix:
    """Samples of each task in one optimiser step."""

    draw: int = 72
    edit: int = 20
    describe: int = 32

    @property
    def total(self) -> int:
        """Samples a step."""
        return self.draw + self.edit + self.describe


def initialise(model: UniPicModel, seed: int) -> None:
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


class TaskLoss(NamedTuple):
    """A loss to train on, and the plain one to log."""

    weighted: Tensor
    plain: Tensor


class JointLosses:
    """The samples and the losses of each step.

    Args:
        buffer_size: encoded drawings kept; half as many samples of the other tasks.
    """

    def __init__(
        self,
        model: UniPicModel,
        codec: PromptCodec,
        rng: np.random.Generator,
        mix: TaskMix,
        buffer_size: int,
    ) -> None:
        self.model, self.rng, self.mix = model, rng, mix
        encode = partial(encode_scenes, model)
        self.buffers = {
            "draw": ReplayBuffer(partial(drawing_sample, codec, rng), encode, buffer_size),
            "edit": ReplayBuffer(partial(editing_sample, codec, rng), encode, buffer_size // 2),
            "describe": ReplayBuffer(
                partial(describing_sample, codec, rng), encode, buffer_size // 2
            ),
        }
        for buffer in self.buffers.values():
            buffer.refill(buffer.size // 6)
        side = model.config.mar.grid
        self.grid = (side, side)
        self.tokens = side * side
        self.image_positions = self.tokens + model.config.mar.buffer
        self.weighting = LossWeighting(model.device)

    def draw(self, batch: ReplayBatch, masked: int) -> TaskLoss:
        """The diffusion loss with ``masked`` tokens masked; of edits where there is a source."""
        device = self.model.device
        assert batch.target is not None
        target = batch.target.to(device)
        count = target.shape[0]
        padded = pad_prompts(batch.prompts, self.image_positions)
        embeddings, canvas = read_prompts(self.model, padded, batch.source)
        hidden = masked_tokens(count, self.grid[0], masked).to(device)
        timesteps = stratified_timesteps(count * masked, device)
        losses = diffusion_losses(
            self.model,
            embeddings,
            padded.mask.to(device),
            target,
            hidden,
            timesteps,
            torch.randn(len(timesteps), target.shape[-1], device=device),
            canvas,
        )
        weighted = self.weighting.weighted_mean(losses, timesteps)
        return TaskLoss(weighted, losses.detach().mean())

    def describe(self, batch: ReplayBatch) -> TaskLoss:
        """The cross-entropy of answers."""
        device = self.model.device
        assert batch.source is not None
        padded = pad_prompts(batch.prompts, self.image_positions, batch.answers)
        embeddings, _ = read_prompts(self.model, padded, batch.source)
        places, attention = padded_layout(padded.mask.to(device), 0)
        loss = describing_loss(self.model, embeddings, padded.labels.to(device), places, attention)
        return TaskLoss(loss, loss.detach())

    def of_step(self) -> Iterator[tuple[str, float, Callable[[], TaskLoss]]]:
        """Name, weight and computation of each loss of a step.

        Drawings come in two halves with masks of different sizes, of which one is at times fully
        masked; every other batch of edits is fully masked.
        """
        drawn = self.mix.draw + self.mix.edit
        half = self.mix.draw // 2
        for name, count, fully_masked in (
            ("draw", half, 2 * FULLY_MASKED),
            ("draw", self.mix.draw - half, 0.0),
            ("edit", self.mix.edit, 0.5),
        ):
            fully = self.rng.random() < fully_masked
            batch = self.buffers[name].sample(self.rng, count)
            masked = self.tokens if fully else self._masked()
            label = f"{name}_masked" if fully else name
            yield label, count / drawn, partial(self.draw, batch, masked)
        batch = self.buffers["describe"].sample(self.rng, self.mix.describe)
        yield "describe", TEXT_WEIGHT, partial(self.describe, batch)

    def backward(self, means: defaultdict[str, RunningMean], scale: float = 1.0) -> None:
        """Add up a step's gradients on fresh samples, times ``scale``, and record the losses."""
        for name, buffer in self.buffers.items():
            buffer.refill(-(-getattr(self.mix, name) // REUSES[name]))
        for name, weight, loss_of in self.of_step():
            loss = loss_of()
            torch.autograd.backward(scale * weight * loss.weighted)
            means[name].add(loss.plain)

    def _masked(self) -> int:
        """How many tokens to mask: mostly many, since the rest follows from what is seen."""
        fewest = int(self.tokens * FEWEST_MASKED) if self.rng.random() < MOSTLY else 1
        return int(self.rng.integers(fewest, self.tokens))


def compile_blocks(model: UniPicModel) -> None:
    """Compile each block for batches and lengths of any size."""
    net = model.mar.diffloss.net
    mar = (*model.mar.encoder_blocks, *model.mar.decoder_blocks)
    for block in (*mar, *model.llm.model.layers, *net.res_blocks, net.final_layer):
        block.compile(dynamic=True)


def attention_kernel(device: str) -> SDPBackend:
    """The attention that trains fastest on a device.

    For sequences this short the fused CPU kernel's backward takes longer than plain products.
    """
    on_cpu = torch.device(device).type == "cpu"
    return SDPBackend.MATH if on_cpu else SDPBackend.EFFICIENT_ATTENTION


def train_joint(
    model: UniPicModel,
    codec: PromptCodec,
    options: RunOptions,
    mix: TaskMix | None = None,
    buffer_size: int = 24_000,
    from_scratch: bool = True,
) -> Iterator[UniPicModel]:
    """Train everything but the autoencoder, or resume.

    Args:
        buffer_size: see `JointLosses`.
        from_scratch: initialise the weights; otherwise start from the model's own.

    Yields:
        Snapshots: the model with averaged weights. The last one at the end.
    """
    run = Run(options, "joint", PEAK_RATE, decay=DECAY)
    model.to(options.device)
    if from_scratch:
        initialise(model, options.seed)
    if options.compiled:
        compile_blocks(model)
    state = latent_train_state(model, run.load())
    rng = generator("train", run.random_stream(options.seed + 1))
    losses = JointLosses(model, codec, rng, mix or TaskMix(), buffer_size)

    def backward(_: int) -> None:
        # One autocast for all, so that each weight is rounded once a step.
        kernel = sdpa_kernel(attention_kernel(options.device))
        with half(model.device), kernel:
            losses.backward(run.means)

    def further() -> dict[str, float]:
        return {"samples": (run.step + 1) * losses.mix.total * world_size()}

    for _ in run.optimise(state, backward, further):
        yield averaged(model, state)
