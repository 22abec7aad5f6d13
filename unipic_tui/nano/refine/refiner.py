"""Third stage: the model learns to prefer those of its own rollouts that show what was asked for.

Each round draws every prompt a few times; the detector says which drawings are right, and the first
tokens of wrong ones are continued again. Right drawings become likelier than wrong ones of the same
prompt, and right continuations likelier than wrong ones, relative to a reference, the model at the
start. What prompts leave open varies less and less; see `unipic_tui.nano.refine.widen`.
The joint losses of the second stage continue as an anchor.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.attention import sdpa_kernel

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.curriculum import Curriculum
from unipic_tui.nano.refine.dpo import PreferenceLoss, continuation_loss, preference_loss
from unipic_tui.nano.refine.preference_buffer import PreferenceBuffer
from unipic_tui.nano.refine.rollouts import continue_wrong, roll_out
from unipic_tui.nano.train.ema import averaged, latent_train_state
from unipic_tui.nano.train.joint import JointLosses, TaskMix, attention_kernel, compile_blocks
from unipic_tui.nano.train.loop import Run, RunningMean, RunOptions
from unipic_tui.nano.train.muon import half
from unipic_tui.nano.train.noising import LossWeighting
from unipic_tui.nano.world.scene import generator

PEAK_RATE = 5e-5
DECAY = 0.9
"""The share of the stage in which the learning rate falls."""
ANCHOR = TaskMix(draw=24, edit=12, describe=20)
ANCHOR_EVERY = 2
"""Steps from one with the joint losses to the next."""
ANCHOR_WEIGHT = 20.0
"""Of the joint losses: with 1, their gradients were a hundredth of the preferences', and less was
learnt (.63 against .66 of prompts with two colours after ten minutes, 600 drawings)."""
EARLY, LATEST = 5, 13
"""Fewer tokens than so many are visible: the first number half of the time, else the second."""
EMA_DECAY = 0.99
"""Of the average of weights; the stage takes some hundreds of steps."""
LOG_EVERY = 24
"""Steps between two lines of the log."""


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """How much is drawn in a round and how much is learnt from it.

    Attributes:
        prompts, group_size: rollouts a round: so many prompts, each so often.
        head_steps: of the rollouts; 250 were no better than 100, nor 100 than 60.
        steps: optimiser steps a round.
        pairs: right and wrong drawings of one prompt in each step.
        tries: how often a wrong drawing is continued.
        continuations: continued drawings in each step.
    """

    prompts: int = 64
    group_size: int = 4
    head_steps: int = 50
    steps: int = 10
    pairs: int = 36
    tries: int = 3
    continuations: int = 48


class Refiner:
    """The rollouts, and the gradients of each step.

    Args:
        reference: the model at the start.
        buffer_size: see `JointLosses`.
    """

    def __init__(
        self,
        model: UniPicModel,
        reference: UniPicModel,
        codec: PromptCodec,
        rng: np.random.Generator,
        rounds: RoundOptions,
        buffer_size: int,
        means: defaultdict[str, RunningMean],
    ) -> None:
        self.means = means
        self.model, self.reference, self.codec, self.rng = model, reference, codec, rng
        self.rounds = rounds
        self.joint = JointLosses(model, codec, rng, ANCHOR, buffer_size)
        self.pair_weighting = LossWeighting(model.device)
        self.continuation_weighting = LossWeighting(model.device)
        self.curriculum = Curriculum()
        self.buffer = PreferenceBuffer(model.config.mar.grid)

    def roll_out(self, step: int) -> None:
        """Draw at the start of a round, or when there is nothing to learn from."""
        rounds = self.rounds
        if step % rounds.steps and self.buffer.groups:
            return
        samples = self.curriculum.samples(self.rng, rounds.prompts)
        groups = roll_out(self.model, self.codec, samples, rounds.group_size, rounds.head_steps)
        self.curriculum.update(groups)
        continued = continue_wrong(
            self.model, self.codec, self.rng, groups, rounds.tries, rounds.head_steps
        )
        self.buffer.add(groups, continued)
        self.means["retried"].add(len(continued))
        for group in groups:
            share = sum(group.right) / len(group.right)
            self.means["right"].add(share)
            self.means[f"right_{group.sample.kind}"].add(share)

    def backward(self, step: int) -> None:
        """Add up a step's gradients."""
        models = (self.model, self.reference)
        if self.buffer.groups:
            pairs = self.buffer.pairs(self.rng, self.rounds.pairs)
            visible = self.rng.integers(EARLY if self.rng.random() < 0.5 else LATEST)
            masked = self.joint.tokens - int(visible)
            loss = preference_loss(*models, self.pair_weighting, pairs, masked)
            self._learn("preference", loss)
        if self.buffer.continuations:
            batch = self.buffer.continuation_batch(self.rng, self.rounds.continuations)
            loss = continuation_loss(*models, self.continuation_weighting, batch)
            self._learn("rejection", loss)
        if step % ANCHOR_EVERY == 0:
            self.joint.backward(self.means, ANCHOR_WEIGHT)

    def _learn(self, name: str, preferred: PreferenceLoss) -> None:
        torch.autograd.backward(preferred.loss)
        self.means[name].add(preferred.loss)
        self.means[f"{name}_agreed"].add(preferred.agreed)


def refine(
    model: UniPicModel,
    codec: PromptCodec,
    options: RunOptions,
    rounds: RoundOptions | None = None,
    buffer_size: int = 6000,
) -> Iterator[UniPicModel]:
    """Refine a trained model, or resume.

    Args:
        model: as trained; also the reference, so the same one on every start.
        buffer_size: see `JointLosses`.

    Yields:
        Snapshots: the model with averaged weights. The last one at the end.
    """
    run = Run(options, "refine", PEAK_RATE, 30, DECAY, LOG_EVERY)
    reference = copy.deepcopy(model.to(options.device)).eval().requires_grad_(False)
    if options.compiled:
        compile_blocks(model)
        compile_blocks(reference)
    state = latent_train_state(model, run.load(), EMA_DECAY)
    rng = generator("train", run.random_stream(options.seed + 1))
    refiner = Refiner(
        model, reference, codec, rng, rounds or RoundOptions(), buffer_size, run.means
    )

    def backward(step: int) -> None:
        # The attention that is best for a backward pass is twice as slow without one.
        with half(model.device):
            refiner.roll_out(step)
        kernel = sdpa_kernel(attention_kernel(options.device))
        with half(model.device), kernel:
            refiner.backward(step)

    for _ in run.optimise(state, backward):
        yield averaged(model, state)
