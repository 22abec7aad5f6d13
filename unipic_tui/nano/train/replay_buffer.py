"""Replay buffers: encoded samples that are trained on a few times.

Every sample is drawn, rendered and encoded once and then reused with other masks and noise. New
samples replace the oldest while training goes on, so that no sample is reused for long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.prompts import Prompt
from unipic_tui.nano.train.samples import TrainingSample
from unipic_tui.nano.world.scene import Scene


@dataclass(slots=True)
class ReplayBatch:
    """Samples as tensors.

    Attributes:
        source: (batch, tokens, channels) latents, where the task has a source.
        target: (batch, tokens, channels) latents, where the task draws.
        answers: ids of the answers, where the task describes.
    """

    prompts: list[Prompt]
    source: Tensor | None
    target: Tensor | None
    answers: list[tuple[int, ...]]


class ReplayBuffer:
    """Encoded samples of one task.

    Args:
        make: makes a sample.
        encode: scenes to latents (count, tokens, channels).
        size: the largest number of samples.
    """

    def __init__(
        self,
        make: Callable[[], TrainingSample],
        encode: Callable[[Sequence[Scene]], Tensor],
        size: int,
    ) -> None:
        self.make, self.encode, self.size = make, encode, size
        self.entries: list[tuple[TrainingSample, Tensor | None, Tensor | None]] = []
        self._oldest = 0

    def refill(self, count: int) -> None:
        """Add samples; they replace the oldest once the buffer is full."""
        fresh = [self.make() for _ in range(count)]
        sources = self._latents([sample.source for sample in fresh])
        targets = self._latents([sample.target for sample in fresh])
        for entry in zip(fresh, sources, targets, strict=True):
            if len(self.entries) < self.size:
                self.entries.append(entry)
            else:
                self.entries[self._oldest] = entry
                self._oldest = (self._oldest + 1) % self.size

    def _latents(self, scenes: Sequence[Scene | None]) -> Sequence[Tensor | None]:
        present = [scene for scene in scenes if scene is not None]
        return list(self.encode(present)) if present else [None] * len(scenes)

    def sample(self, rng: np.random.Generator, count: int) -> ReplayBatch:
        """Samples of similar length, which saves padding: a slice of a larger draw, sorted."""
        drawn = rng.integers(len(self.entries), size=4 * count)
        samples = (self.entries[i][0] for i in drawn)
        lengths = [sample.prompt.text_tokens + len(sample.answer) for sample in samples]
        start = int(rng.integers(4)) * count
        order = drawn[np.argsort(lengths, kind="stable")][start : start + count]
        picked, sources, targets = zip(*(self.entries[i] for i in order), strict=True)
        return ReplayBatch(
            [sample.prompt for sample in picked],
            _stack(sources),
            _stack(targets),
            [sample.answer for sample in picked],
        )


def _stack(latents: Sequence[Tensor | None]) -> Tensor | None:
    present = [each for each in latents if each is not None]
    return torch.stack(present) if present else None
