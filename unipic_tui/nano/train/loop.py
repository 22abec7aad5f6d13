"""The training loop: a run in a folder that can be resumed, its schedule and its log."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unipic_tui.nano.train.ema import TrainState
from unipic_tui.nano.train.parallel import average, rank

SAVE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where, how long and on what a stage trains.

    Attributes:
        folder: holds each stage's state and log.
        minutes: time budget of the stage, summed over all starts.
        device: "cpu" or "cuda".
        snapshot_minutes: time between two snapshots.
        compiled: compile the blocks, which takes a minute and a C++ compiler.
    """

    folder: Path
    minutes: float
    device: str = "cpu"
    seed: int = 0
    snapshot_minutes: float = 10
    compiled: bool = False


def learning_rate(
    progress: float, step: int, peak: float, warmup: int = 100, decay: float = 0.4
) -> float:
    """Warm up over the first steps, hold, and fall to zero at the end.

    Args:
        progress: share of the run that is done, 0 to 1.
        step: optimiser steps done in all.
        decay: the share of the run in which the rate falls.
    """
    rising = min(1.0, (step + 1) / warmup)
    falling = min(1.0, (1 - progress) / decay)
    return peak * rising * max(0.0, falling)


class RunningMean:
    """A mean of scalars since it was last read."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: Tensor | float) -> None:
        """Add a scalar."""
        self.total += float(value.detach() if isinstance(value, Tensor) else value)
        self.count += 1

    def read(self) -> float:
        """The mean, not a number without values; resets it."""
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean


@dataclass
class Run:
    """A training stage: how far it is, when to stop, its learning rate and its log.

    Attributes:
        name: the folder holds ``<name>.pt`` (resumable state) and ``<name>.jsonl`` (log).
        peak, warmup, decay: see `learning_rate`.
        log_every: steps from one line of the log to the next.
        means: what such a line tells; a stage adds to them.
        rank: this process's; only rank 0 writes.
    """

    options: RunOptions
    name: str
    peak: float
    warmup: int = 100
    decay: float = 0.4
    log_every: int = 100
    means: defaultdict[str, RunningMean] = field(default_factory=lambda: defaultdict(RunningMean))
    rank: int = field(default_factory=rank)
    step: int = 0
    spent: float = 0.0
    _saved: float = field(default_factory=time.monotonic)
    _ticked: float = field(default_factory=time.monotonic)

    @property
    def state_path(self) -> Path:
        """The resumable state."""
        return self.options.folder / f"{self.name}.pt"

    @property
    def progress(self) -> float:
        """Share of the time budget used, 0 to 1."""
        seconds = 60 * self.options.minutes
        return min(1.0, self.spent / seconds) if seconds > 0 else 1.0

    def steps(self) -> Iterator[int]:
        """Count optimiser steps until the time is up; `synchronise` must be called in each."""
        self._ticked = time.monotonic()
        while self.progress < 1:
            yield self.step
            self.step += 1

    def synchronise(self, weights: Sequence[Tensor]) -> None:
        """Average the gradients, and the time spent, over all processes."""
        now = time.monotonic()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        (self.spent,) = average(gradients, self.spent + now - self._ticked)
        self._ticked = now

    def save_due(self) -> bool:
        """Whether it is time to save."""
        return self.rank == 0 and time.monotonic() - self._saved >= SAVE_SECONDS

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state whole or not at all."""
        if self.rank:
            return
        temporary = self.state_path.with_suffix(".tmp")
        torch.save({**state, "step": self.step, "spent": self.spent}, temporary)
        temporary.replace(self.state_path)
        self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state of an earlier start, if there is one; restores step and time spent."""
        if not self.state_path.exists():
            return None
        state: dict[str, Any] = torch.load(self.state_path, weights_only=True)
        self.step, self.spent = state["step"], state["spent"]
        return state

    def random_stream(self, seed: int) -> int:
        """A seed that no other process and no other start of this run has; also seeds torch."""
        stream = seed + self.step + 1_000_003 * self.rank
        torch.manual_seed(stream)
        return stream

    def log(self, further: Callable[[], Mapping[str, float]]) -> None:
        """Print a line of what ``further`` tells and of the means, and append it to the log."""
        if self.rank:
            return
        record = {"step": self.step, "minutes": round(self.spent / 60, 2), **further()}
        record |= {name: mean.read() for name, mean in self.means.items()}
        shown = "  ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in record.items()
        )
        print(f"{self.name}: {shown}", flush=True)
        with (self.options.folder / f"{self.name}.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    def optimise(
        self,
        state: TrainState,
        backward: Callable[[int], None],
        further: Callable[[], Mapping[str, float]] = dict,
    ) -> Iterator[None]:
        """Optimise until the time is up.

        Args:
            backward: adds up the gradients of a step.
            further: what a line of the log tells besides the means.

        Yields:
            When a snapshot is due, and at the end.
        """
        wait = 60 * self.options.snapshot_minutes
        snapshot_at = self.spent + wait
        for step in self.steps():
            state.module.zero_grad()
            backward(step)
            self.synchronise(state.parameters)
            nn.utils.clip_grad_norm_(state.parameters, 1.0)
            rate = learning_rate(self.progress, step, self.peak, self.warmup, self.decay)
            state.optimizer.step(rate)
            state.ema.update(state.module)
            if step % self.log_every == self.log_every - 1:
                self.log(further)
            if self.save_due():
                self.save(state.state_dict())
            if self.spent >= snapshot_at:
                snapshot_at = self.spent + wait
                yield
        self.save(state.state_dict())
        yield
