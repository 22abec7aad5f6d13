"""What every format comes to, and how its values are checked.

All of it is a stranger's word: a value of the wrong type or out of range is unknown, not zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from unipic_tui.library.records import clean
from unipic_tui.text import one_line

_Value = TypeVar("_Value")

PROMPT_LIMIT = 100_000
"""Most characters of a prompt that are kept."""
MAX_SEED = 2**64 - 1
"""Largest seed any tool draws."""

_MOST_STEPS = 100_000
_LARGEST_SIDE = 1_000_000
_MOST_GUIDANCE = 1000.0
_MOST_UNREAD = 200
_EXACT_FLOAT = 2**53
_NAME_KEYS = ("name", "model_name", "content", "modelName")
_SIZE = re.compile(r"[(\[]?\s*(\d{1,7})\s*[x×X,*]\s*(\d{1,7})\b")


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a picture was made, as far as its file tells; ``None`` is what it does not tell.

    Attributes:
        origin: the tool whose format it is, "" where the file says nothing that is known.
        prompt, negative: what was to be drawn and to be avoided.
        seed: 0 to 2⁶⁴−1, whole.
        steps: iterations of the sampler, 1 or more.
        guidance: weight of classifier-free guidance, or of the distilled one where that is in use.
        sampler, model: their names.
        width, height: size in pixels; both or neither.
        writer: the program that wrote it and its version.
        unread: names of what else the file tells.
    """

    origin: str = ""
    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    writer: str | None = None
    unread: tuple[str, ...] = ()


FIELDS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "positive_prompt"),
    "negative": ("negative_prompt", "negative prompt"),
    "seed": ("seed",),
    "steps": ("steps",),
    "guidance": ("cfg_scale", "cfg scale", "guidance_scale", "guidance scale", "cfg"),
    "distilled": ("distilled cfg scale", "guidance"),
    "sampler": ("sampler", "sampler_name", "scheduler"),
    "size": ("size", "resolution"),
    "width": ("width",),
    "height": ("height",),
    "model": ("model",),
    "writer": ("version",),
}
"""The names under which most tools tell each value, in lower case."""


def collect(
    origin: str,
    values: Mapping[str, object],
    fields: Mapping[str, tuple[str, ...]] = FIELDS,
    unread: Iterable[str] = (),
) -> Provenance:
    """The common result of what a tool wrote.

    Args:
        origin: the tool.
        values: what it wrote, by its own names; upper and lower case are the same.
        fields: names to look for; fields that are not given here are looked up in `FIELDS`. The
            first that holds a usable value counts.
        unread: further names that were left unread.
    """
    names = {**FIELDS, **fields}
    known = {name.lower(): value for name, value in values.items()}

    def first(field: str, convert: Callable[[object], _Value | None]) -> _Value | None:
        found = (convert(known.get(name.lower())) for name in names[field])
        return next((value for value in found if value is not None), None)

    width, height = first("width", side), first("height", side)
    if width is None or height is None:
        width, height = first("size", size) or (None, None)
    weight, distilled = first("guidance", guidance), first("distilled", guidance)
    writer = first("writer", label)
    read = {name.lower() for group in names.values() for name in group}
    left = [name for name in values if name.lower() not in read]
    return Provenance(
        origin=origin,
        prompt=first("prompt", text),
        negative=first("negative", text),
        seed=first("seed", seed),
        steps=first("steps", steps),
        guidance=weight if distilled is None or weight not in {None, 1.0} else distilled,
        sampler=first("sampler", label),
        width=width,
        height=height,
        model=first("model", label),
        writer=f"{origin} {writer}" if writer and not _names_program(writer) else writer,
        unread=tuple(clean(name)[:80] for name in (*left, *unread))[:_MOST_UNREAD],
    )


def _names_program(writer: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z .-]{3,}", writer) is not None


def text(value: object) -> str | None:
    """A prompt; ``None`` for anything but text that is not blank."""
    if not isinstance(value, str):
        return None
    return clean(value[:PROMPT_LIMIT]).replace("\0", "").strip() or None


def label(value: object) -> str | None:
    """A name on one line: text, or the name in an object that describes a model."""
    if isinstance(value, dict):
        value = next((value[key] for key in _NAME_KEYS if value.get(key)), None)
    if not isinstance(value, str) or value.strip().lower() in {"", "none"}:
        return None
    return one_line(clean(value), 200) or None


def whole(value: object, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``: an int, its digits, or a float that is one."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,20}\s*", value, re.ASCII):
        value = int(value)
    elif isinstance(value, str):
        value = _decimal(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None


seed = partial(whole, low=0, high=MAX_SEED)
"""A seed; -1 and the like stand for one that was drawn and not told."""
steps = partial(whole, low=1, high=_MOST_STEPS)
side = partial(whole, low=1, high=_LARGEST_SIDE)


def guidance(value: object) -> float | None:
    """A weight of guidance: finite, 0 or more."""
    number = _decimal(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return float(number) if 0 <= number <= _MOST_GUIDANCE else None


def size(value: object) -> tuple[int, int] | None:
    """Width and height from ``512x768``, ``(512, 768)`` or a list of both; both or neither."""
    if isinstance(value, str):
        match = _SIZE.match(value.strip())
        value = list(match.groups()) if match else None
    if not isinstance(value, list) or len(value) != 2:
        return None
    width, height = side(value[0]), side(value[1])
    return None if width is None or height is None else (width, height)


def _decimal(value: str) -> float | None:
    short = value.strip()
    return float(short) if re.fullmatch(r"[-+]?\d{1,20}(\.\d{0,20})?", short, re.ASCII) else None
