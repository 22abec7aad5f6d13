"""Where drawing spends its time: seconds, operations and launches of each part of the model.

Parts are wrapped for the time of a measurement; drawing elsewhere knows nothing of it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from unipic_tui.bench.parts import (
    FREE,
    LANGUAGE_MODEL,
    PARTS,
    PROMPT,
    REST,
    VAE,
    Method,
    flop_formula,
    wrapped,
)
from unipic_tui.errors import InputError
from unipic_tui.events import BackendOptions, Failed, Loading, Preview, Progress, Stage
from unipic_tui.inference.drawing import Drawer
from unipic_tui.inference.engine import (
    Engine,
    choose_device,
    choose_dtype,
    choose_threads,
    choose_writing,
    info_of,
    load_engine,
)
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.jobs import GenerateJob, Quality
from unipic_tui.model.checkpoint import TIED, TOKENIZER_FILE, build_on_meta
from unipic_tui.model.config import PRESETS
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.paths import EMBEDDED_CHECKPOINT

_PROMPT = "a red circle left of a blue square"


@dataclass(slots=True)
class Part:
    """What one part of the model took; ``flop`` and ``launches`` are of the counted run."""

    name: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    flop: float = 0.0
    launches: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One quality measured.

    Attributes:
        seconds, cpu_seconds: of the whole job, from its start to the last picture.
        parts: in the order of `PARTS`, then the rest.
        evaluations: calls of the head's network.
        first_preview: seconds until one was there, where previews were asked for at once.
        cancel: the longest a request to stop can have waited.
        peak_bytes: most memory that this process, or the GPU, has held so far.
        rate: FLOP a second of a large matrix product on this device, in the model's type.
    """

    quality: str
    seconds: float
    cpu_seconds: float
    parts: tuple[Part, ...]
    evaluations: int
    first_preview: float | None
    cancel: float
    peak_bytes: int
    rate: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can be measured: how long loading took, first from the disk and then again."""

    pipeline: Pipeline
    dtype: str
    first: float
    again: float


class _Random(Pipeline):
    """A preset with random weights and the embedded model's tokenizer."""

    def __init__(self, options: BackendOptions, preset: str) -> None:
        super().__init__(options)
        self._preset = preset

    def load(self) -> Iterator[Loading]:
        """Make the weights."""
        if self._engine is not None:
            return
        yield Loading(f"making up {self._preset}", 0.0)
        config = dataclasses.replace(PRESETS[self._preset], siglip=None)
        model = build_on_meta(config)
        count = sum(value.numel() for value in model.parameters())
        device = choose_device(self.options.device)
        choose_threads(device, count)
        dtype = choose_dtype(self.options.dtype, device, count)
        state = {
            key: torch.empty(value.shape, dtype=dtype, device=device).normal_(std=0.02)
            for key, value in model.state_dict().items()
            if key != TIED
        }
        state[TIED] = state["llm.model.embed_tokens.weight"]
        model.load_state_dict(state, assign=True)
        model.llm.tie_weights()
        model.llm.model.rotary_emb.to(device)
        codec = PromptCodec.load(EMBEDDED_CHECKPOINT / TOKENIZER_FILE)
        info = info_of(model.requires_grad_(False), embedded=False)
        writing = choose_writing(self.options.dtype, model)
        self._engine = Engine(model, codec, info, GenerationConfig(), writing)


def load(options: BackendOptions, preset: str | None) -> Loaded:
    """Load a checkpoint twice, or make up a preset's weights.

    Raises:
        UnipicError: it cannot be loaded.
    """
    if preset is None:
        forget(options.checkpoint or EMBEDDED_CHECKPOINT)
    began = time.perf_counter()
    pipeline = Pipeline(options) if preset is None else _Random(options, preset)
    for _ in pipeline.load():
        pass
    first, began = time.perf_counter() - began, time.perf_counter()
    if preset is None:
        for _ in load_engine(options):
            pass
    dtype = str(pipeline.engine.model.dtype).removeprefix("torch.")
    return Loaded(pipeline, dtype, first, time.perf_counter() - began if preset is None else 0.0)


def forget(folder: Path) -> None:
    """Ask the system to drop a folder's files from memory, so that they come from the disk."""
    if not hasattr(os, "posix_fadvise"):  # macOS, Windows
        return
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(
    loaded: Loaded,
    quality: Quality,
    size: tuple[int, int] | None,
    iterations: int | None,
    count: int,
) -> Result:
    """Draw once to measure and, with one picture, once more to count.

    Raises:
        InputError: the job failed.
    """
    pipeline, model = loaded.pipeline, loaded.pipeline.engine.model
    job = GenerateJob(prompt=_PROMPT, seed=1, quality=quality, count=count, iterations=iterations)
    if size is not None:
        job = dataclasses.replace(job, width=size[0], height=size[1])
    watch = _Watch(model.device)
    with watch.wrapping(model):
        started, cpu = watch.now(), time.process_time()
        waits, last = [], started
        for event in pipeline.run(job):
            if isinstance(event, Failed):
                raise InputError(event.message)
            if isinstance(event, Stage | Progress):
                waits.append(watch.now() - last)
            last = watch.now()
        seconds, cpu_seconds = last - started, time.process_time() - cpu
        peak = _peak_bytes(model.device)
        evaluations = watch.evaluations
        with _Counting(watch):
            for _ in pipeline.run(dataclasses.replace(job, count=1)):
                pass
    parts = watch.parts.values()
    rest = Part(REST, seconds - sum(part.seconds for part in parts))
    rest.cpu_seconds = cpu_seconds - sum(part.cpu_seconds for part in parts)
    rest.launches, rest.flop = watch.rest.launches, watch.rest.flop
    return Result(
        quality,
        seconds,
        cpu_seconds,
        (*parts, rest),
        evaluations,
        _first_preview(pipeline, job),
        max(waits),
        peak,
        _product_rate(model.device, model.dtype),
    )


def _first_preview(pipeline: Pipeline, job: GenerateJob) -> float | None:
    options = dataclasses.replace(pipeline.options, preview_seconds=0.0)
    began = time.perf_counter()
    with closing(Drawer(pipeline.engine, options).draw([(job, None)])) as told:
        shown = any(isinstance(event, Preview) for _, event in told)
        return time.perf_counter() - began if shown else None


class _Watch:
    """Times the parts of a model while they are wrapped."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.parts = {name: Part(name) for name in PARTS}
        self.rest = Part(REST)
        self.current: Part | None = None
        self.evaluations = 0
        self._drawing = False
        self.counting = False

    def now(self) -> float:
        """Seconds, when the device has done all it was asked for."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    @contextmanager
    def wrapping(self, model: UniPicModel) -> Iterator[None]:
        """Wrap the parts' methods, and unwrap them at the end."""
        hook = model.mar.diffloss.net.final_layer.register_forward_hook(self._evaluated)
        try:
            with wrapped(model, lambda method, name: partial(self._timed, method, name)):
                yield
        finally:
            hook.remove()

    def _evaluated(self, *_: object) -> None:
        self.evaluations += 1

    def _timed(self, method: Method, name: str, *args: Any, **options: Any) -> Any:
        if name != LANGUAGE_MODEL:
            self._drawing = name != VAE
        elif not self._drawing:
            name = PROMPT
        self.current, outer = self.parts[name], self.current
        began, cpu = self.now(), time.process_time()
        try:
            return method(*args, **options)
        finally:
            part, self.current = self.current, outer
            if not self.counting:
                part.seconds += self.now() - began
                part.cpu_seconds += time.process_time() - cpu


class _Counting(TorchDispatchMode):
    """Counts what the parts ask of the device, by torch's own formulas."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watch = watch
        watch.counting = True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula = flop_formula(func)
        if formula is None:
            with self:  # linear layers and the like count as what they are made of
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        out = func(*args, **kwargs)
        part = self._watch.current or self._watch.rest
        if func.__name__.split(".")[0] not in FREE:
            part.launches += 1
        if formula is not None:
            part.flop += float(formula(*args, **kwargs, out_val=out))
        return out


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _product_rate(device: torch.device, dtype: torch.dtype) -> float:
    width = 1536 if device.type == "cpu" else 8192
    matrix, best = torch.ones(width, width, dtype=dtype, device=device), float("inf")
    watch = _Watch(device)
    for _ in range(4):
        began = watch.now()
        matrix @ matrix
        best = min(best, watch.now() - began)
    return 2 * width**3 / best
