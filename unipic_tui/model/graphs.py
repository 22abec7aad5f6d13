"""CUDA graphs: whole stretches of the sampler as one launch.

A stretch is a function of tensors that reads nothing back. The first time it runs as it is, the
second time it is also recorded, and from then on replayed on buffers of its own. What it was
recorded with and is not among its tensors belongs into its key. Results are held against the plain
function's when recorded; whatever goes wrong, the plain function goes on in its place.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

import torch
from torch import Tensor

_log = logging.getLogger(__name__)
VARIABLE = "UNIPIC_TUI_CUDA_GRAPHS"
"""The environment variable that asks for them: they were never seen on a GPU yet."""
_KEPT = 128
"""Recordings that are kept: the iterations of two sizes, and their rows in the head."""
_TOLERANCE = 0.02
"""Largest difference from the plain result, relative to its largest value: that of half precision,
as other kernels may be chosen while recording."""
ROWS = 64
"""The head's rows are filled up to a multiple, so that few recordings serve all iterations."""

Stretch = Callable[..., Tensor]
Recorder = Callable[[Callable[[], Tensor]], tuple[Callable[[], object], Tensor]]
"""Runs a function once and returns what repeats it, and the tensor that then holds its result."""


class _Recording(NamedTuple):
    inputs: tuple[Tensor, ...]
    replay: Callable[[], object]
    result: Tensor


class Graphs:
    """Runs stretches plainly, or by replaying what was recorded of them.

    Args:
        recorder: `record_cuda`, `record_plain`, or ``None`` to record nothing.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._recordings: OrderedDict[Hashable, _Recording | None] = OrderedDict()

    @property
    def active(self) -> bool:
        """Whether anything is recorded."""
        return self._recorder is not None

    def run(self, stretch: Stretch, tensors: tuple[Tensor, ...], *key: Hashable) -> Tensor:
        """The stretch's result.

        Args:
            stretch: reads no tensor back; its result depends on ``tensors`` and ``key`` alone, and
                on memory that ``key`` names by address.
            tensors: its arguments.
            key: tells stretches apart, with all that they do not get as tensors.
        """
        if self._recorder is None:
            return stretch(*tensors)
        key += tuple((each.shape, each.dtype, each.device) for each in tensors)
        recording = self._recordings.get(key)
        if recording is not None:
            self._recordings.move_to_end(key)
            return _replay(recording, tensors)
        result = stretch(*tensors)
        if key in self._recordings:
            self._record(key, stretch, tensors, result)
        else:
            self._recordings[key] = None
        if len(self._recordings) > _KEPT:
            self._recordings.popitem(last=False)
        return result

    def _record(
        self, key: Hashable, stretch: Stretch, tensors: tuple[Tensor, ...], expected: Tensor
    ) -> None:
        """Record a stretch and try it; give up recording where that goes wrong."""
        assert self._recorder is not None
        try:
            inputs = tuple(each.clone() for each in tensors)
            recording = _Recording(inputs, *self._recorder(lambda: stretch(*inputs)))
            off = (_replay(recording, tensors) - expected).abs().max()
            if not off <= _TOLERANCE * expected.abs().max():
                raise RuntimeError("its result is another")
            self._recordings[key] = recording
        except RuntimeError as error:
            _log.warning("CUDA graphs are not used: %s", str(error).partition("\n")[0])
            self._recorder = None
            self._recordings.clear()


def _replay(recording: _Recording, tensors: tuple[Tensor, ...]) -> Tensor:
    for buffer, each in zip(recording.inputs, tensors, strict=True):
        buffer.copy_(each)
    recording.replay()
    # The buffer is written again by the next replay.
    return recording.result.clone()


def record_plain(stretch: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    """A recorder without graphs, for tests: it calls the function again."""
    result = stretch()
    return lambda: result.copy_(stretch()), result


def cuda_recorder() -> Recorder:
    """Records CUDA graphs, which share their memory as they never run at once."""
    pool = torch.cuda.graph_pool_handle()

    def record(stretch: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            result = stretch()
        return graph.replay, result

    return record


def graphs_for(device: torch.device) -> Graphs:
    """What a device can do, where `VARIABLE` asks for it; says in the log that it cannot."""
    if os.environ.get(VARIABLE, "0") in ("", "0"):
        return Graphs()
    if device.type != "cuda":
        _log.warning("CUDA graphs are not used: the model runs on %s", device)
        return Graphs()
    return Graphs(cuda_recorder())
