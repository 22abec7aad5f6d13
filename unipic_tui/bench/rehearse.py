"""What a GPU would be asked to do for one drawing, counted without one.

The sampler runs on the meta device, whose tensors have shapes and no contents. So the counts hold
for any model and size on any computer, and what would make a GPU wait, reading a value back, is an
error, as is an operation on tensors of two devices.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from unipic_tui.bench.parts import FREE, REST, flop_formula, wrapped
from unipic_tui.inference.sampling import read_prefix, sample
from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import SamplingSettings
from unipic_tui.model.checkpoint import build_on_meta
from unipic_tui.model.config import UniPicConfig
from unipic_tui.sizes import TOKEN_PIXELS

PROMPTS = (40, 11)
"""Tokens of a usual prompt and of the unconditional one."""
_COPIES = ("_to_copy", "copy_")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a drawing asks of a GPU.

    Attributes:
        kernels: operations on the device that are no views, an iteration each.
        stages: the same by part of the model, all iterations together.
        copies: from the host, an iteration each.
        copied: their bytes in all.
        flops: of products and attention, the causal half counted only.
        prompt, decoding: kernels before the first iteration and of the VAE after the last.
        weights, peak: bytes on the device.
    """

    kernels: tuple[int, ...]
    stages: dict[str, int]
    copies: tuple[int, ...]
    copied: int
    flops: int
    prompt: int
    decoding: int
    weights: int
    peak: int


class Watch(TorchDispatchMode):
    """Counts operations on meta tensors and refuses those that mix devices."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stages: Counter[str] = Counter()
        self.stage = REST
        self.copies = self.copied = self.flops = self.live = self.peak = 0
        self._sizes: dict[int, int] = {}
        self._shapes: dict[tuple[Any, ...], Any] = {}

    @property
    def kernels(self) -> int:
        """Of all stages so far."""
        return sum(self.stages.values())

    def count(self, made: Tensor, flops: int = 0) -> Tensor:
        """Take in one kernel and its result."""
        self.stages[self.stage] += 1
        self.flops += flops
        self.hold(made)
        return made

    def hold(self, made: Tensor) -> None:
        """Count a tensor's memory until it is freed."""
        storage = made.untyped_storage()
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self.live -= self._sizes.pop(key, 0)

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Count for a part of the model."""
        outer, self.stage = self.stage, stage
        try:
            yield
        finally:
            self.stage = outer

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count it where it concerns the device."""
        kwargs = kwargs or {}
        name = func.__name__.split(".")[0]
        leaves = tree_leaves((args, kwargs))
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        # Numbers are tensors without dimensions, which every device takes.
        mixed = {each.is_meta for each in given if each.ndim} == {True, False}
        if mixed and name not in _COPIES:
            raise RuntimeError(f"{name} mixes tensors of two devices")
        out = self._run(func, args, kwargs, leaves) if given else func(*args, **kwargs)
        made = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor) and leaf.is_meta]
        if name in _COPIES and (mixed or (made and not given[-1].is_meta)):
            self.copies += 1
            self.copied += sum(each.nbytes for each in made)
        elif made and name not in FREE:
            self.stages[self.stage] += 1
            formula = flop_formula(func)
            if formula is not None:
                self.flops += formula(*args, **kwargs, out_val=out)
        for each in made:
            self.hold(each)
        return out

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: Any, leaves: list[Any]) -> Any:
        """An operation's result, its shape worked out once: torch takes long for that."""
        if not func._schema.returns or func._schema.is_mutable or func.is_view:
            return func(*args, **kwargs)
        key = (func, *map(_describe, leaves))
        if key not in self._shapes:
            out = func(*args, **kwargs)
            results = tree_leaves(out)
            if not all(isinstance(each, Tensor) and each.is_meta for each in results):
                return out
            layouts = [(each.shape, each.stride(), each.dtype) for each in results]
            self._shapes[key] = (layouts, isinstance(out, Tensor))
            return out
        layouts, single = self._shapes[key]
        made = [
            torch.empty_strided(shape, stride, dtype=dtype, device="meta")
            for shape, stride, dtype in layouts
        ]
        return made[0] if single else tuple(made)


def _describe(leaf: Any) -> Any:
    """What a result's shape depends on."""
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.stride(), leaf.dtype, leaf.device
    return float if isinstance(leaf, float) else leaf


class Fused(TorchFunctionMode):
    """Attention and norms as CUDA has them: one kernel, and attention's result as flash lays it."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function, or stand in for it."""
        kwargs = kwargs or {}
        if func not in (F.rms_norm, F.scaled_dot_product_attention) or not args[0].is_meta:
            return func(*args, **kwargs)
        if func is F.rms_norm:
            return self.watch.count(torch.empty_like(args[0]))
        queries, keys, values = args[:3]
        rows, heads, length, width = queries.shape
        made = queries.new_empty(rows, length, heads, values.shape[-1])
        flops = 4 * rows * heads * length * keys.shape[2] * width
        return self.watch.count(made, flops // (2 if kwargs.get("is_causal") else 1)).transpose(
            1, 2
        )


def rehearse(
    config: UniPicConfig, side: int, settings: SamplingSettings, *, only: range | None = None
) -> Rehearsed:
    """Draw one square picture from a text on the meta device in bfloat16.

    Args:
        side: pixels along a side.
        settings: with none left open.
        only: iterations to rehearse, counted from 0; all by default.
    """
    grid = (side // TOKEN_PIXELS, side // TOKEN_PIXELS)
    tokens, channels = grid[0] * grid[1], config.mar.latent_channels
    model = build_on_meta(dataclasses.replace(config, siglip=None)).to(torch.bfloat16)
    rows = 1 if settings.guidance == 1 else 2
    mask = torch.arange(PROMPTS[0]) < torch.tensor(PROMPTS[:rows])[:, None]
    state = SamplerState.start([0], torch.zeros(1, tokens, channels, device="meta"))
    if only is not None:
        state.iteration = only.start
    watch = Watch()
    kernels: list[int] = []
    copies: list[int] = []
    with torch.no_grad(), watch, Fused(watch):
        model.pack()
        for weight in model.parameters():
            watch.hold(weight)
        weights, packing = watch.live, watch.kernels
        embeddings = torch.empty(
            rows, PROMPTS[0], config.llm.hidden_size, dtype=torch.bfloat16, device="meta"
        )
        prefix = read_prefix(model, embeddings, mask, tokens, guided=rows == 2)
        prompt = watch.kernels - packing
        watch.stages.clear()
        with wrapped(model, lambda method, part: watch.during(part)(method)):
            for step in sample(model, prefix, state, grid, settings):
                kernels.append(watch.kernels - sum(kernels))
                copies.append(watch.copies - sum(copies))
                if only is not None and step.iteration >= only.stop:
                    break
            del prefix
            model.vae.decode(state.tokens.bfloat16().unflatten(1, grid))
    return Rehearsed(
        kernels=tuple(kernels),
        stages=dict(watch.stages),
        copies=tuple(copies),
        copied=watch.copied,
        flops=watch.flops,
        prompt=prompt,
        decoding=watch.kernels - sum(kernels),
        weights=weights,
        peak=watch.peak,
    )
