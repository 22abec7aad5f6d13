"""Snapshots: the bytes that carry an unfinished drawing over a crash or a cancel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from unipic_tui.errors import InputError
from unipic_tui.inference.state import SamplerState
from unipic_tui.job_json import job_from_dict, job_to_dict
from unipic_tui.jobs import DrawingJob

_VERSION = 1
_STALE = "draw the picture from the start"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A drawing's state, and where it belongs.

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


def write_snapshot(
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


def read_snapshot(data: bytes) -> Snapshot:
    """The snapshot that `write_snapshot` wrote.

    Raises:
        InputError: the bytes are no snapshot, or of another version.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        rest: dict[str, Any] = json.loads(header["unipic"])
        if rest["version"] != _VERSION:
            raise InputError(f"The snapshot is of another version: {_STALE}.")
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
        raise InputError(f"The snapshot cannot be read: {_STALE}.") from None
    if not isinstance(job, DrawingJob):
        raise InputError(f"The snapshot is of a job that draws nothing: {_STALE}.")
    return Snapshot(job, model, picture, (rows, columns), state)
