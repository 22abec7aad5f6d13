"""Batches for the second stage: prompts as ids, pictures as latents.

Every sample is drawn, rendered and encoded once and then used a few times with other masks and
noise: a pool a task is refilled while training goes on, so that no picture stays for long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.jobs import EditJob
from unipic_tui.model.losses import IGNORED
from unipic_tui.model.unipic import UniPic
from unipic_tui.nano.train_vae import to_tensor
from unipic_tui.nano.world import (
    Scene,
    describe_sample,
    draw_sample,
    edit_sample,
    question_sample,
    render_batch,
)

PROMPTS_DROPPED = 0.1
DESCRIBED = 0.06
"""Share of drawing prompts that are whole descriptions, so that a description can be redrawn."""
DESCRIPTIONS = 0.25
"""Share of descriptions among the questions about a picture: questions are learnt later."""
RELATIONS_ASKED = 0.35
"""Share of questions for a relation beside those of the usual mix: they are learnt last of all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to learn: a prompt, perhaps a source picture, and a picture or an answer."""

    prompt: Prompt
    source: Scene | None
    target: Scene | None
    answer: tuple[int, ...] = ()


def drawing(codec: PromptCodec, rng: np.random.Generator) -> Sample:
    """A prompt and a picture of it; now and then no prompt."""
    kind = "described" if rng.random() < DESCRIBED else None
    drawn = draw_sample(rng, kind=kind, unseen=False)  # type: ignore[arg-type]
    dropped = rng.random() < PROMPTS_DROPPED
    prompt = codec.draw_unconditional() if dropped else codec.draw(drawn.prompt)
    return Sample(prompt, None, drawn.scene)


def editing(codec: PromptCodec, rng: np.random.Generator) -> Sample:
    """An instruction, a picture and what becomes of it; now and then it is repeated."""
    edit = edit_sample(rng)
    if rng.random() < PROMPTS_DROPPED:
        return Sample(codec.about_image(EditJob.own_unconditional), edit.source, edit.source)
    return Sample(codec.about_image(edit.instruction), edit.source, edit.target)


def describing(codec: PromptCodec, rng: np.random.Generator) -> Sample:
    """A picture, a question and its answer."""
    if rng.random() < DESCRIPTIONS:
        asked = describe_sample(rng)
    else:
        asked = question_sample(rng, "relation" if rng.random() < RELATIONS_ASKED else None)
    answer = tuple(codec.answer(asked.answer))
    return Sample(codec.about_image(asked.question), asked.scene, None, answer)


@dataclass(slots=True)
class Batch:
    """Samples as tensors.

    Attributes:
        prompts: prompts of the samples.
        source: (batch, tokens, channels) latents, where the task has a source.
        target: (batch, tokens, channels) latents, where the task draws.
        answers: ids of the answers, where the task describes.
    """

    prompts: list[Prompt]
    source: Tensor | None
    target: Tensor | None
    answers: list[tuple[int, ...]]


class Pool:
    """Encoded samples of one task.

    Args:
        make: draws a sample.
        encode: scenes to latents (count, tokens, channels).
        size: samples kept.
    """

    def __init__(
        self,
        make: Callable[[], Sample],
        encode: Callable[[Sequence[Scene]], Tensor],
        size: int,
    ) -> None:
        self.make, self.encode, self.size = make, encode, size
        self.samples: list[Sample] = []
        self.source: Tensor | None = None
        self.target: Tensor | None = None
        self._next = 0

    def refill(self, count: int) -> None:
        """Add samples, in place of the oldest once the pool is full."""
        fresh = [self.make() for _ in range(count)]
        sources = self._latents([sample.source for sample in fresh])
        targets = self._latents([sample.target for sample in fresh])
        if len(self.samples) < self.size:
            self.samples += fresh
            self.source = _join(self.source, sources)
            self.target = _join(self.target, targets)
            return
        places = [(self._next + offset) % self.size for offset in range(count)]
        self._next = (self._next + count) % self.size
        for place, sample in zip(places, fresh, strict=True):
            self.samples[place] = sample
        for kept, new in ((self.source, sources), (self.target, targets)):
            if kept is not None and new is not None:
                kept[places] = new

    def _latents(self, scenes: Sequence[Scene | None]) -> Tensor | None:
        present = [scene for scene in scenes if scene is not None]
        return self.encode(present) if present else None

    def batch(self, rng: np.random.Generator, count: int) -> Batch:
        """Samples of like length, which saves padding: a slice of a larger draw, sorted."""
        drawn = rng.integers(len(self.samples), size=4 * count)
        lengths = [self.samples[i].prompt.text_tokens + len(self.samples[i].answer) for i in drawn]
        order = drawn[np.argsort(lengths, kind="stable")]
        start = int(rng.integers(4)) * count
        chosen = order[start : start + count]
        picked = [self.samples[i] for i in chosen]
        index = torch.from_numpy(chosen)
        return Batch(
            [sample.prompt for sample in picked],
            None if self.source is None else self.source[index],
            None if self.target is None else self.target[index],
            [sample.answer for sample in picked],
        )


def _join(kept: Tensor | None, new: Tensor | None) -> Tensor | None:
    if kept is None or new is None:
        return new if kept is None else kept
    return torch.cat([kept, new])


class SceneEncoder:
    """Scenes to latents by the model's autoencoder, in batches."""

    def __init__(self, model: UniPic, batch: int = 64) -> None:
        self.model, self.batch = model, batch

    @torch.no_grad()
    def __call__(self, scenes: Sequence[Scene]) -> Tensor:
        """(count, tokens, channels)."""
        device = self.model.device
        latents = []
        for start in range(0, len(scenes), self.batch):
            images = to_tensor(render_batch(list(scenes[start : start + self.batch])), device)
            with torch.autocast(device.type, torch.bfloat16):
                encoded = self.model.vae.encode(images)
            latents.append(encoded.float().flatten(1, 2))
        return torch.cat(latents)


@dataclass(slots=True)
class Layout:
    """A batch of prompts laid out for the language model, padded on the right.

    Attributes:
        ids: (batch, length); 0 where padded or where an image goes.
        mask: (batch, length), True for real positions.
        image: (batch, positions) indices where the image goes; empty without one.
        labels: (batch, length), `IGNORED` but for answers.
    """

    ids: Tensor
    mask: Tensor
    image: Tensor
    labels: Tensor


def lay_out(
    prompts: Sequence[Prompt],
    image_positions: int,
    answers: Sequence[Sequence[int]] = (),
) -> Layout:
    """Prompts, with room for an image between their pieces, and answers behind them."""
    rows: list[list[int]] = []
    starts: list[int] = []
    for prompt in prompts:
        if len(prompt.pieces) == 1:
            rows.append(list(prompt.pieces[0]))
            continue
        before, after = prompt.pieces
        starts.append(len(before))
        rows.append([*before, *([0] * image_positions), *after])
    labels = [[IGNORED] * len(row) for row in rows]
    for row, label, answer in zip(rows, labels, answers, strict=False):
        row.extend(answer)
        label.extend(answer)
    length = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    mask = torch.tensor([[True] * len(row) + [False] * (length - len(row)) for row in rows])
    padded = [label + [IGNORED] * (length - len(label)) for label in labels]
    image = (
        torch.tensor(starts)[:, None] + torch.arange(image_positions)
        if starts
        else torch.empty(len(rows), 0)
    )
    return Layout(ids, mask, image.long(), torch.tensor(padded))
