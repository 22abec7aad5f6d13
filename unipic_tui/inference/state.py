"""A drawing between two iterations, and the bytes that carry it over a crash or a cancel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from unipic_tui.errors import InputError
from unipic_tui.jobs import DrawingJob, job_from_dict, job_to_dict

_VERSION = 1
_STALE = "draw the picture from the start"


@dataclass(slots=True)
class SamplerState:
    """A run between two iterations: all that the rest of it depends on.

    Attributes:
        tokens: (pictures, tokens, channels) latents in raster order, float32; 0 where masked.
        orders: (pictures, to draw) the first k are the ones still masked when k are; on the CPU.
        iteration: iterations done.
        generators: one a picture, for its noise; on the CPU.
        difference: (pictures, tokens, decoder width), what ``fast`` quality keeps of the last
            unconditional pass.
    """

    tokens: Tensor
    orders: Tensor
    iteration: int
    generators: list[torch.Generator]
    difference: Tensor | None = None

    @classmethod
    def start(
        cls,
        seeds: Sequence[int],
        tokens: Tensor,
        region: Tensor | None = None,
        order: Tensor | None = None,
    ) -> SamplerState:
        """A run that has drawn nothing.

        Args:
            seeds: one a picture; the noise comes from it, and a random order.
            tokens: (pictures, tokens, channels), zeros or, with a region, the source's latents.
            region: (to draw,) indices of the tokens to draw; all by default.
            order: (tokens,) indices of all tokens, the first to appear first; random by default.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        chosen = torch.arange(tokens.shape[1]) if region is None else region.cpu()
        if order is None:
            orders = [chosen[torch.randperm(len(chosen), generator=own)] for own in generators]
        else:
            orders = [order[torch.isin(order, chosen)].flip(0)] * len(seeds)
        return cls(tokens, torch.stack(orders), 0, generators)

    def drawn(self, masked: int) -> Tensor:
        """(pictures, tokens) True where a token is drawn while ``masked`` are not; on the CPU."""
        flags = torch.ones(self.tokens.shape[:2], dtype=torch.bool)
        return flags.scatter_(1, self.orders[:, :masked], False)

    def known(self, masked: int) -> list[tuple[bool, ...]]:
        """`drawn` as plain data, a row a picture."""
        return [tuple(row) for row in self.drawn(masked).tolist()]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A kept state and where it belongs.

    Attributes:
        job: the one that was running, every setting filled in, with the picture's own seed.
        model: fingerprint of the model that was drawing.
        picture: index of the picture in the whole job.
        grid: rows and columns of tokens.
        state: on the CPU.
    """

    job: DrawingJob
    model: str
    picture: int
    grid: tuple[int, int]
    state: SamplerState


def keep(
    job: DrawingJob, model: str, picture: int, grid: tuple[int, int], state: SamplerState
) -> bytes:
    """A state of one picture as bytes: safetensors, with the rest as JSON in its header."""
    tensors = {
        "tokens": state.tokens.cpu().contiguous(),
        "orders": state.orders.contiguous(),
        "generator": state.generators[0].get_state(),
    }
    if state.difference is not None:
        tensors["difference"] = state.difference.cpu().contiguous()
    rest = {
        "version": _VERSION,
        "job": job_to_dict(job),
        "model": model,
        "picture": picture,
        "grid": grid,
        "iteration": state.iteration,
    }
    return save_tensors(tensors, {"unipic": json.dumps(rest)})


def recall(data: bytes) -> KeptRun:
    """The state that `keep` wrote.

    Raises:
        InputError: the bytes are no such state, or of another version.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        rest: dict[str, Any] = json.loads(header["unipic"])
        if rest["version"] != _VERSION:
            raise InputError(f"The kept state is of another version: {_STALE}.")
        tensors = load_tensors(data)
        job = job_from_dict(rest["job"])
        generator = torch.Generator()
        generator.set_state(tensors["generator"])
        rows, columns = (int(side) for side in rest["grid"])
        tokens, orders = tensors["tokens"], tensors["orders"]
        fits = tokens.ndim == 3 and tokens.shape[:2] == (1, rows * columns)
        placed = orders.ndim == 2 and orders.shape[0] == 1 and orders.dtype == torch.int64
        if not (fits and placed and bool(((orders >= 0) & (orders < rows * columns)).all())):
            raise ValueError
        difference = tensors.get("difference")
        state = SamplerState(tokens, orders, int(rest["iteration"]), [generator], difference)
        picture, model = int(rest["picture"]), str(rest["model"])
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError):
        raise InputError(f"The kept state cannot be read: {_STALE}.") from None
    if not isinstance(job, DrawingJob):
        raise InputError(f"The kept state is of a job that draws nothing: {_STALE}.")
    return KeptRun(job, model, picture, (rows, columns), state)
