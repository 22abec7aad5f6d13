"""Third stage: the model prefers those of its own drawings that show what was asked for.

It draws each prompt a few times, the detector says which drawings are right, and the loss makes the
right ones likelier than the wrong ones of the same prompt, relative to the model as it was: direct
preference optimisation (Rafailov et al. 2023, equation 7) with diffusion losses in place of
log-probabilities (Wallace et al. 2024, equation 14). The ordinary losses go on beside it.
"""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import sdpa_kernel

from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.data import lay_out
from unipic_tui.nano.noising import (
    HEAD_REPEATS,
    Levels,
    drawing_rows,
    hidden_tokens,
    stratified_timesteps,
)
from unipic_tui.nano.own_drawings import Attempts, attempt
from unipic_tui.nano.parallel import start
from unipic_tui.nano.run import Mean, Run, learning_rate
from unipic_tui.nano.stage import (
    attention_kernel,
    compile_blocks,
    random_stream,
    take_weights,
    train_weights,
)
from unipic_tui.nano.train_joint import Mix, Trainer
from unipic_tui.nano.world import generator

PEAK_RATE = 5e-5
DECAY = 0.9
"""The share of the stage in which the learning rate falls."""
ORDINARY = Mix(draw=24, edit=12, describe=20)
SHARPNESS = 20.0
"""β: by how much a difference of losses, in shares of the mean loss, counts as a preference."""
IMITATION = 0.2
"""Weight of the diffusion loss of right drawings themselves, which preferences alone may raise."""
FEWEST_MASKED = 4
AVERAGED = 0.99
"""Decay of the average of weights; the stage takes some hundreds of steps."""
LOGGED = 24
"""Steps between two lines of the log."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is drawn and how long it is learnt from.

    Attributes:
        prompts, tries: drawings a round: so many prompts, each so often.
        head_steps: of those drawings; 250 were no better than 100, nor 100 than 60.
        steps: optimiser steps a round.
        pairs: right and wrong drawings of one prompt in each step.
        kept: prompts kept to learn from.
    """

    prompts: int = 64
    tries: int = 4
    head_steps: int = 50
    steps: int = 6
    pairs: int = 40
    kept: int = 160


class Pairs(NamedTuple):
    """Right and wrong drawings of the same prompts, (pairs, tokens, channels) latents each."""

    prompts: list[Prompt]
    right: Tensor
    wrong: Tensor


class Preference(NamedTuple):
    """What one step of preferences gives.

    Attributes:
        loss: to train on.
        agreed: the share of pairs of which the model prefers the right one more than it did.
    """

    loss: Tensor
    agreed: Tensor


class Judgements:
    """Prompts that the model drew both right and wrong, the newest of them."""

    def __init__(self, kept: int) -> None:
        self.kept: deque[Attempts] = deque(maxlen=kept)

    def add(self, attempts: list[Attempts]) -> None:
        """Keep those that say something: all right or all wrong prefer nothing."""
        self.kept.extend(each for each in attempts if 0 < sum(each.right) < len(each.right))

    def pairs(self, rng: np.random.Generator, count: int) -> Pairs:
        """Pairs of random prompts.

        Raises:
            ValueError: if there are no judgements yet.
        """
        if not self.kept:
            raise ValueError("no prompt was drawn both right and wrong")
        chosen = [self.kept[i] for i in rng.integers(len(self.kept), size=count)]
        sides: dict[bool, list[Tensor]] = {True: [], False: []}
        for each in chosen:
            for side, latents in sides.items():
                places = [i for i, right in enumerate(each.right) if right is side]
                latents.append(each.latents[int(rng.choice(places))])
        return Pairs(
            [each.prompt for each in chosen], torch.stack(sides[True]), torch.stack(sides[False])
        )


def preference(
    model: UniPic, reference: UniPic, levels: Levels, pairs: Pairs, masked: int
) -> Preference:
    """The loss of preferring right drawings, with ``masked`` tokens masked.

    Both drawings of a pair, in both models, meet the same masks, timesteps and noise, so that
    nothing else differs between what is compared.
    """
    count = len(pairs.prompts)
    device = model.device
    layout = lay_out(pairs.prompts * 2, 0)
    ids, real = layout.ids.to(device), layout.mask.to(device)
    latents = torch.cat([pairs.right, pairs.wrong])
    hidden = hidden_tokens(count, model.config.mar.grid, masked).repeat(2, 1).to(device)
    rows = count * masked

    def both(values: Tensor) -> Tensor:
        """Values of a pair's tokens, repeats first, for right and wrong drawings."""
        rest = values.shape[1:]
        repeated = values.view(HEAD_REPEATS, 1, rows, *rest).expand(-1, 2, -1, *(-1 for _ in rest))
        return repeated.flatten(0, 2)

    timesteps = both(stratified_timesteps(rows, device))
    noise = both(torch.randn(HEAD_REPEATS * rows, latents.shape[-1], device=device))

    def losses(which: UniPic) -> Tensor:
        return drawing_rows(which, which.embed(ids), real, latents, hidden, timesteps, noise)

    with torch.no_grad():
        before = losses(reference)
    now = losses(model)
    levels.update(before, timesteps)
    weights = levels.weights(timesteps) / levels.means.mean()
    gained = ((before - now) * weights).view(HEAD_REPEATS, 2, count, masked).mean(dim=(0, 3))
    margins = gained[0] - gained[1]
    imitation = (now * weights).view(HEAD_REPEATS, 2, -1)[:, 0].mean()
    loss = F.softplus(-SHARPNESS * margins).mean() + IMITATION * imitation
    return Preference(loss, (margins.detach() > 0).float().mean())


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
        self.levels = Levels(model.device)
        self.judgements = Judgements(rounds.kept)
        self.means: defaultdict[str, Mean] = defaultdict(Mean)

    def draw(self, step: int) -> None:
        """Draw where a round begins, or where there is nothing to learn from."""
        rounds = self.rounds
        if step % rounds.steps and self.judgements.kept:
            return
        drawn = attempt(
            self.model, self.codec, self.rng, rounds.prompts, rounds.tries, rounds.head_steps
        )
        self.judgements.add(drawn)
        for each in drawn:
            share = torch.tensor(each.right).float().mean()
            self.means["right"].add(share)
            self.means[f"right_{each.sample.kind}"].add(share)

    def backward(self) -> None:
        """Add up a step's gradients."""
        if self.judgements.kept:
            pairs = self.judgements.pairs(self.rng, self.rounds.pairs)
            masked = int(self.rng.integers(FEWEST_MASKED, self.trainer.tokens + 1))
            preferred = preference(self.model, self.reference, self.levels, pairs, masked)
            torch.autograd.backward(preferred.loss)
            self.means["preference"].add(preferred.loss)
            self.means["agreed"].add(preferred.agreed)
        self.trainer.backward(self.means)


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
            refiner.backward()

    def rate(step: int) -> float:
        return learning_rate(run.progress, step, PEAK_RATE, 30, DECAY)

    def log(step: int) -> None:
        if step % LOGGED == LOGGED - 1:
            run.log(**{name: mean.read() for name, mean in refiner.means.items()})

    yield from train_weights(run, model, weights, backward, rate, log, snapshot_minutes)
