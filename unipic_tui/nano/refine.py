"""Third stage: the model prefers those of its own drawings that show what was asked for.

It draws each prompt a few times, the detector says which drawings are right, and wrong ones are
taken back to their first tokens and tried again. Right drawings become likelier than wrong ones of
the same prompt, right ways to go on likelier than wrong ones, and rare colours and places likelier
than common ones where a prompt leaves them open, all relative to the model as it was
(`preferences`). The ordinary losses go on beside it.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn.attention import sdpa_kernel

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.judgements import Choice, Judgements, Rounds
from unipic_tui.nano.noising import Levels
from unipic_tui.nano.own_drawings import attempt, retry
from unipic_tui.nano.parallel import start
from unipic_tui.nano.preferences import Preference, preference, rejection
from unipic_tui.nano.run import Mean, Run, learning_rate
from unipic_tui.nano.stage import (
    attention_kernel,
    compile_blocks,
    random_stream,
    take_weights,
    train_weights,
)
from unipic_tui.nano.train_joint import Mix, Trainer
from unipic_tui.nano.trying import Difficulty
from unipic_tui.nano.world import KINDS, generator

PEAK_RATE = 5e-5
DECAY = 0.9
"""The share of the stage in which the learning rate falls."""
ORDINARY = Mix(draw=24, edit=12, describe=20)
ORDINARY_EVERY = 2
"""Steps from one with the ordinary losses to the next."""
ORDINARY_WEIGHT = 20.0
"""Of those losses: with 1, their gradients were a hundredth of the preferences', and less was
learnt (.63 against .66 of prompts with two colours after ten minutes, 600 drawings)."""
EARLY, LATEST = 5, 13
"""Fewer tokens than so many are seen: the first number half of the time, else the second."""
AVERAGED = 0.99
"""Decay of the average of weights; the stage takes some hundreds of steps."""
LOGGED = 24
"""Steps between two lines of the log."""


class Refiner:
    """The drawings, and the gradients of each step.

    Args:
        reference: the model as it was.
        pool: encoded samples kept a task, for the ordinary losses.
    """

    def __init__(
        self,
        model: UniPic,
        reference: UniPic,
        codec: PromptCodec,
        rng: np.random.Generator,
        rounds: Rounds,
        pool: int,
    ) -> None:
        self.model, self.reference, self.codec, self.rng = model, reference, codec, rng
        self.rounds = rounds
        self.trainer = Trainer(model, codec, rng, ORDINARY, pool)
        self.pair_levels, self.miss_levels = Levels(model.device), Levels(model.device)
        self.difficulty = Difficulty()
        self.judgements = Judgements(rounds, model.config.mar.grid)
        self.means: defaultdict[str, Mean] = defaultdict(Mean)

    def draw(self, step: int) -> None:
        """Draw where a round begins, or where there is nothing to learn from."""
        rounds = self.rounds
        if step % rounds.steps and self.judgements.attempts:
            return
        samples = self.difficulty.samples(self.rng, rounds.prompts)
        drawn = attempt(self.model, self.codec, samples, rounds.tries, rounds.head_steps)
        self.difficulty.add(drawn)
        retried = retry(self.model, self.codec, self.rng, drawn, rounds.retries, rounds.head_steps)
        self.judgements.add(drawn, retried)
        for name in ("colour", "place"):
            for kind in KINDS:
                effective = self.judgements.variety.effective(Choice(name, 1, kind))
                self.means[f"{name}s"].add(torch.tensor(effective))
        self.means["retried"].add(torch.tensor(float(len(retried))))
        for each in drawn:
            share = torch.tensor(each.right).float().mean()
            self.means["right"].add(share)
            self.means[f"right_{each.sample.kind}"].add(share)

    def backward(self, step: int) -> None:
        """Add up a step's gradients."""
        if self.judgements.attempts:
            pairs = self.judgements.pairs(self.rng, self.rounds.pairs, self.rounds.varied)
            seen = self.rng.integers(EARLY if self.rng.random() < 0.5 else LATEST)
            masked = self.trainer.tokens - int(seen)
            preferred = preference(self.model, self.reference, self.pair_levels, pairs, masked)
            self._learn("preference", preferred)
        if self.judgements.retried:
            misses = self.judgements.misses(self.rng, self.rounds.misses)
            rejected = rejection(self.model, self.reference, self.miss_levels, misses)
            self._learn("rejection", rejected)
        if step % ORDINARY_EVERY == 0:
            self.trainer.backward(self.means, ORDINARY_WEIGHT)

    def _learn(self, name: str, preferred: Preference) -> None:
        torch.autograd.backward(preferred.loss)
        self.means[name].add(preferred.loss)
        self.means[f"{name}_agreed"].add(preferred.agreed)


def refine(
    folder: Path,
    model: UniPic,
    codec: PromptCodec,
    minutes: float,
    device: str,
    seed: int,
    rounds: Rounds | None = None,
    pool: int = 6000,
    snapshot_minutes: float = 10,
    compiled: bool = False,
) -> Iterator[UniPic]:
    """Refine a trained model, or go on refining it.

    Args:
        folder: where the run's state and log are.
        model: as it was trained; also what is compared with, so the same on every start.
        minutes: time budget of this stage in all.
        pool: encoded samples kept a task, for the ordinary losses.
        snapshot_minutes: time between two yields.
        compiled: see `train_joint`.

    Yields:
        The model with averaged weights, now and then and at the end.
    """
    rank = start()
    run = Run(folder, "refine", minutes, rank)
    reference = copy.deepcopy(model.to(device)).eval().requires_grad_(False)
    if compiled:
        compile_blocks(model)
        compile_blocks(reference)
    weights = take_weights(run, model, AVERAGED)
    stream = random_stream(run, seed)
    refiner = Refiner(model, reference, codec, generator("train", stream), rounds or Rounds(), pool)
    kind = torch.device(device).type

    def backward(step: int) -> None:
        # The attention that is best for a backward pass is twice as slow without one.
        with torch.autocast(kind, torch.bfloat16):
            refiner.draw(step)
        with torch.autocast(kind, torch.bfloat16), sdpa_kernel(attention_kernel(kind)):
            refiner.backward(step)

    def rate(step: int) -> float:
        return learning_rate(run.progress, step, PEAK_RATE, 30, DECAY)

    def log(step: int) -> None:
        if step % LOGGED == LOGGED - 1:
            run.log(**{name: mean.read() for name, mean in refiner.means.items()})

    yield from train_weights(run, model, weights, backward, rate, log, snapshot_minutes)
