"""What this computer's processor can do: measured where it cannot be asked."""

from __future__ import annotations

import math
import os
import time
from functools import cache
from pathlib import Path

import torch

_CONTROL_GROUP = Path("/sys/fs/cgroup")


@cache
def product_rate(dtype: torch.dtype, rows: int = 64, width: int = 1536, times: int = 3) -> float:
    """Floating-point operations a second of a matrix product in the CPU's threads, measured once.

    The default shape is one of the diffusion head's: on slow processors it takes 10 ms a product.
    The quickest of several counts, since other programs and the first call only slow them down.
    """
    matrix = torch.ones(width, width, dtype=dtype)
    values = torch.ones(rows, width, dtype=dtype)
    seconds = math.inf
    for _ in range(times):
        began = time.perf_counter()
        torch.nn.functional.linear(values, matrix)
        seconds = min(seconds, time.perf_counter() - began)
    return 2 * rows * width * width / max(seconds, 1e-9)


def processors() -> int | None:
    """Processors that a container grants this program; ``None`` where it sets no limit.

    PyTorch counts all that are there: with 64 threads on two processors it would crawl.
    """
    try:
        quota, period = (_CONTROL_GROUP / "cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max", or another system
        return None


def free_memory() -> int:
    """Bytes of main memory that can be had now; what the system caches of files is among them."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, ValueError, IndexError, StopIteration):
        try:  # a guess where the system does not say: half of what there is
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (OSError, ValueError, AttributeError):
            return 0
    try:
        limit, used = (
            int((_CONTROL_GROUP / f"memory.{name}").read_text()) for name in ("max", "current")
        )
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used))
