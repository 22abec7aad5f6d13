"""What both stages of training share: a run folder, a schedule, averaged weights, a log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unipic_tui.nano.optim import Optimizer
from unipic_tui.nano.parallel import average

CHECKPOINT_SECONDS = 120.0


class Average:
    """Exponential moving average of a module's weights; its memory grows to ``decay``'s."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take in the module's weights of now."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        averages: list[Tensor] = []
        values: list[Tensor] = []
        for name, value in module.named_parameters():
            averages.append(self.weights[name])
            values.append(value)
        torch._foreach_lerp_(averages, values, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {"weights": self.weights, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.weights, self.updates = state["weights"], state["updates"]

    @torch.no_grad()
    def write_to(self, module: nn.Module) -> None:
        """Give the averaged weights to a module of the same shape."""
        for name, value in module.named_parameters():
            value.copy_(self.weights[name])


class Weights:
    """What a stage trains, its optimiser and its average."""

    def __init__(self, module: nn.Module, optimizer: Optimizer, decay: float = 0.998) -> None:
        self.module, self.optimizer = module, optimizer
        self.average = Average(module, decay)
        self.list = list(module.parameters())

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "model": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.module.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])


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


@dataclass
class Run:
    """A training stage in a folder: how far it is and when to stop.

    Attributes:
        folder: holds ``<name>.pt`` (resumable state) and ``<name>.jsonl`` (log).
        minutes: how long the stage trains in all, over however many starts.
        rank: this process's; only rank 0 writes.
    """

    folder: Path
    name: str
    minutes: float
    rank: int = 0
    step: int = 0
    spent: float = 0.0
    _saved: float = field(default_factory=time.monotonic)
    _ticked: float = field(default_factory=time.monotonic)

    @property
    def state_path(self) -> Path:
        """The resumable state."""
        return self.folder / f"{self.name}.pt"

    @property
    def progress(self) -> float:
        """Share of the time budget used, 0 to 1."""
        return min(1.0, self.spent / (60 * self.minutes)) if self.minutes > 0 else 1.0

    def steps(self) -> Iterator[int]:
        """Count optimiser steps until the time is up; `share` must be called in each."""
        self._ticked = time.monotonic()
        while self.progress < 1:
            yield self.step
            self.step += 1

    def share(self, weights: Sequence[Tensor]) -> None:
        """Average the gradients, and the time spent, over all processes."""
        now = time.monotonic()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        (self.spent,) = average(gradients, self.spent + now - self._ticked)
        self._ticked = now

    def due(self) -> bool:
        """Whether it is time to save."""
        return self.rank == 0 and time.monotonic() - self._saved >= CHECKPOINT_SECONDS

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state whole or not at all."""
        if self.rank:
            return
        temporary = self.state_path.with_suffix(".tmp")
        torch.save({**state, "step": self.step, "spent": self.spent}, temporary)
        temporary.replace(self.state_path)
        self._saved = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state of an earlier start, if there is one, and take up its counts."""
        if not self.state_path.exists():
            return None
        state: dict[str, Any] = torch.load(self.state_path, weights_only=True)
        self.step, self.spent = state["step"], state["spent"]
        return state

    def log(self, **values: float) -> None:
        """Print a line and append it to the log."""
        if self.rank:
            return
        record = {"step": self.step, "minutes": round(self.spent / 60, 2), **values}
        shown = "  ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in record.items()
        )
        print(f"{self.name}: {shown}", flush=True)
        with (self.folder / f"{self.name}.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")


class Mean:
    """A running mean since it was last read."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: Tensor) -> None:
        """Take in a scalar."""
        self.total += float(value.detach())
        self.count += 1

    def read(self) -> float:
        """The mean, which starts anew."""
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean
