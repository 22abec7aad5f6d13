"""Sharing the work among the processes that torch's launcher, ``torchrun``, has started."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(days=30)
"""How long the leader waits for the others when it is done; the launcher ends it if one dies."""


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
        """Tell the leader a value, once this process's share is done.

        The values go through the launcher's store, which outlives a restart and forgets nothing: a
        share that was done before counts as done, with the value that it had or has now. A process
        group would find there the addresses of processes that are gone.

        Returns:
            For the leader, when all shares are done, every process's value in order of rank; for
            the others, at once, nothing.
        """
        if self.count == 1:
            return [value]
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous("env://", self.rank, self.count, timeout=_PATIENCE))
        store.set(self._key(self.rank), pickle.dumps(value))
        if not self.leads:
            return []
        return [pickle.loads(store.get(self._key(rank))) for rank in range(self.count)]

    def _key(self, rank: int) -> str:
        """Where a share's value is: with another number of processes it is another share."""
        return f"unipic-tui/{self.count}/{rank}"
