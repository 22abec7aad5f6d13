"""Sharing the work among the processes that torch's launcher, ``torchrun``, has started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(days=30)
"""How long a process that is done waits for the others; the launcher ends it if one dies."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
        local: its number among those of this machine.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """What ``torchrun`` says; a process of its own where it says nothing."""
        try:
            rank, count = int(variables["RANK"]), int(variables["WORLD_SIZE"])
            local = int(variables["LOCAL_RANK"])
        except (KeyError, ValueError):
            return cls()
        return cls(rank, count, local) if 0 <= rank < count else cls()

    @property
    def leads(self) -> bool:
        """Whether this process says and writes what concerns all."""
        return self.rank == 0

    def owns(self, index: int) -> bool:
        """Whether an item is this process's; it depends on its index alone."""
        return index % self.count == self.rank

    def device(self, name: str) -> str:
        """The device of this process: each has a GPU of its own where there are GPUs."""
        if self.count == 1 or name not in {"auto", "cuda"}:
            return name
        import torch

        return f"cuda:{self.local}" if torch.cuda.is_available() else name

    def gather(self, value: T) -> list[T]:
        """Wait for all processes; what each of them gave, in order of rank."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        dist.init_process_group("gloo", timeout=_PATIENCE)
        try:
            values: list[T | None] = [None] * self.count
            dist.all_gather_object(values, value)
            return [each for each in values if each is not None]
        finally:
            dist.destroy_process_group()
