"""The parts of a model that measurements tell apart, and what of their work is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from unipic_tui.model.unipic import UniPicModel

PROMPT, REST = "prompt", "rest"
"""The language model before the first iteration, and what belongs to no part."""
LANGUAGE_MODEL, VAE = "language model", "VAE"
_METHODS = (
    ("mar", "encode", "MAR encoder"),
    ("", "read", LANGUAGE_MODEL),
    ("mar", "decode", "MAR decoder"),
    ("mar.diffloss", "sample", "head"),
    ("vae", "decode", VAE),
    ("vae", "encode", VAE),
)
"""Module, method and the part that it is."""
PARTS = (PROMPT, *dict.fromkeys(name for _, _, name in _METHODS))
FREE = frozenset(
    """_reshape_alias _unsafe_view alias as_strided chunk detach empty empty_like empty_strided
    expand lift_fresh narrow new_empty permute reshape select slice split split_with_sizes
    squeeze t transpose unbind unflatten unsqueeze view""".split()  # noqa: SIM905
)
"""Operations that only allocate, or look at the same memory in another way."""

Method = Callable[..., Any]


def flop_formula(func: Any) -> Method | None:
    """Torch's formula for the floating-point operations of an operation, in place or not."""
    plain = getattr(torch.ops.aten, func.overloadpacket.__name__.removesuffix("_"), None)
    found: Method | None = flop_registry.get(func.overloadpacket) or flop_registry.get(plain)
    return found


@contextmanager
def wrapped(model: UniPicModel, wrap: Callable[[Method, str], Method]) -> Iterator[None]:
    """Put ``wrap(method, part)`` in the place of each part's methods, and these back at the end."""
    methods = [(model.get_submodule(path), method, name) for path, method, name in _METHODS]
    for owner, method, name in methods:
        setattr(owner, method, wrap(getattr(owner, method), name))
    try:
        yield
    finally:
        for owner, method, _ in methods:
            delattr(owner, method)
