"""Sharing the work among the processes that torch's launcher, ``torchrun``, has started."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(days=30)
_INTERVAL = 0.2
"""Seconds between two looks at whether the others are done; the launcher ends it if one dies."""


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

    def gather(self, value: T, waiting: Callable[[], None] = lambda: None) -> list[T]:
        """Tell the leader a value, once this process's share is done.

        The values go through the launcher's store, which outlives a restart and forgets nothing: a
        share that was done before counts as done, with the value that it had or has now. A process
        group would find there the addresses of processes that are gone.

        Args:
            value: of this process.
            waiting: is called now and then while the leader waits for the others.

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
        keys = [self._key(rank) for rank in range(self.count)]
        while not store.check(keys):
            waiting()
            time.sleep(_INTERVAL)
        return [pickle.loads(store.get(key)) for key in keys]

    def _key(self, rank: int) -> str:
        """Where a share's value is: with another number of processes it is another share."""
        return f"unipic-tui/{self.count}/{rank}"


class Others:
    """Counts what the other processes have done, by their records in the shared folder.

    Args:
        folder: of the records.
        records: names of the others' records.
        redo: whether records that are there already are made again.
    """

    def __init__(self, folder: Path, records: Iterable[str], *, redo: bool) -> None:
        self._folder = folder
        self._missing = set(records)
        self._stale = self._there() if redo else {}
        self._looked = -math.inf
        self._done = 0

    def _there(self) -> dict[str, int]:
        """When each record that was missing and is there was written."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            return {
                entry.name: entry.stat().st_mtime_ns
                for entry in entries
                if entry.name in self._missing
            }
        return {}

    def done(self) -> int:
        """How many are done, as of the last second."""
        now = time.monotonic()
        if self._missing and now - self._looked >= 1:
            self._looked = now
            there = self._there()
            made = {name for name in there if there[name] != self._stale.get(name)}
            self._done += len(made)
            self._missing -= made
        return self._done
