"""Several training processes on one machine, as ``torchrun`` starts them.

On a few cores two processes of one thread each train nearly twice as fast as one of two threads,
whose small operations spend their time waiting for each other.
"""

import os
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributed as dist


def rank() -> int:
    """This process's rank; joins the group that ``torchrun`` describes, if it does."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def average(gradients: Sequence[Tensor], *scalars: float) -> list[float]:
    """Average gradients in place over all processes, and some numbers with them."""
    if not dist.is_initialized():
        return list(scalars)
    flat = torch.cat(
        [*(gradient.flatten().float() for gradient in gradients), torch.tensor(scalars)]
    )
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return [float(value) for value in flat[start:]]
