"""Snapshots: the bytes that carry unfinished pictures over a crash or a cancel."""

from __future__ import annotations

import dataclasses
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
from unipic_tui.inference.state import SamplerState
from unipic_tui.job_json import job_from_dict, job_to_dict
from unipic_tui.jobs import DrawingJob

_VERSION = 2
_STALE = "draw the picture from the start"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Pictures that are being drawn, and where they belong.

    Attributes:
        job: the one that was running, every setting filled in, with the first picture's own seed.
        model: fingerprint of the model that was drawing.
        picture: index of the first picture in the whole job; the others follow it.
        grid: rows and columns of tokens.
        states: one a picture, on the CPU; they may have done different iterations.
    """

    job: DrawingJob
    model: str
    picture: int
    grid: tuple[int, int]
    states: list[SamplerState]


def write_snapshot(
    job: DrawingJob,
    model: str,
    picture: int,
    grid: tuple[int, int],
    states: Sequence[SamplerState],
) -> bytes:
    """States of single pictures as bytes: safetensors, with the rest as JSON in its header."""
    tensors = {
        "tokens": torch.cat([state.tokens.cpu() for state in states]),
        "orders": torch.cat([state.orders for state in states]),
        "generator": torch.stack([state.generators[0].get_state() for state in states]),
    }
    differences = [state.difference for state in states if state.difference is not None]
    if len(differences) == len(states):
        tensors["difference"] = torch.cat([each.cpu() for each in differences])
    rest = {
        "version": _VERSION,
        "job": job_to_dict(job),
        "model": model,
        "picture": picture,
        "grid": grid,
        "iteration": [state.iteration for state in states],
    }
    return save_tensors(tensors, {"unipic": json.dumps(rest)})


def read_snapshot(data: bytes) -> Snapshot:
    """The snapshot that `write_snapshot` wrote, or an older version, which kept one picture.

    Raises:
        InputError: the bytes are no snapshot, or of another version.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        rest: dict[str, Any] = json.loads(header["unipic"])
        if rest["version"] not in {1, _VERSION}:
            raise InputError(f"The snapshot is of another version: {_STALE}.")
        tensors = load_tensors(data)
        job = job_from_dict(rest["job"])
        rows, columns = (int(side) for side in rest["grid"])
        states = _states(tensors, rows * columns, rest["iteration"])
        picture, model = int(rest["picture"]), str(rest["model"])
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError):
        raise InputError(f"The snapshot cannot be read: {_STALE}.") from None
    if not isinstance(job, DrawingJob):
        raise InputError(f"The snapshot is of a job that draws nothing: {_STALE}.")
    return Snapshot(job, model, picture, (rows, columns), states)


def _states(tensors: dict[str, Tensor], total: int, done: int | list[int]) -> list[SamplerState]:
    """A state a picture; raises `ValueError` where the tensors do not fit a grid's tokens."""
    tokens, orders, difference = tensors["tokens"], tensors["orders"], tensors.get("difference")
    seeds = torch.atleast_2d(tensors["generator"])
    iterations = [done] if isinstance(done, int) else done
    count = len(iterations)
    fits = count > 0 and tokens.ndim == 3 and tokens.shape[:2] == (count, total)
    fits &= difference is None or difference.shape[:2] == (count, total)
    placed = orders.ndim == 2 and len(orders) == len(seeds) == count and orders.dtype == torch.int64
    if not (fits and placed and bool(((orders >= 0) & (orders < total)).all())):
        raise ValueError
    generators = [torch.Generator() for _ in seeds]
    for own, seed in zip(generators, seeds, strict=True):
        own.set_state(seed.clone())  # torch crashes over part of a tensor
    run = SamplerState(tokens, orders, 0, generators, difference)
    return [
        dataclasses.replace(run.picture(place), iteration=int(iteration))
        for place, iteration in enumerate(iterations)
    ]
