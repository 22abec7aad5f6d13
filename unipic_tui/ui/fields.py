"""The settings beside the prompt: what each is called, accepts and means.

A field holds text, as typed. `read` turns it into the values it stands for: one, or several where
the text is a sweep such as ``2,3,4`` or ``1..8``; an empty field leaves the choice to the
checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from unipic_tui.errors import InputError, UnipicError
from unipic_tui.events import Defaults
from unipic_tui.jobs import (
    MAX_COUNT,
    MAX_SEED,
    ORDERS,
    QUALITIES,
    SCHEDULES,
    VISIONS,
)
from unipic_tui.sizes import parse_size, round_size
from unipic_tui.ui.iterate import sweep_values

Mode = Literal["draw", "edit", "describe"]
MODES: tuple[Mode, ...] = get_args(Mode)

Size = tuple[int, int]
Value = int | float | str | Size | None

DRAWING: tuple[Mode, ...] = ("draw", "edit")
AUTO = "auto"
"""A choice left to the checkpoint."""
EVERY, ONE = "every", "one"
"""What to do with wildcards: draw every combination, or one at random."""


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        name: how the rest of the program calls it.
        label: one or two plain words.
        width: cells its text usually takes.
        modes: where it is shown.
        help: one sentence.
        choices: the values, where there are only these; the first is the default.
        sweeps: whether it may hold several values.
        further: whether it is shown among the less used ones.
    """

    name: str
    label: str
    width: int
    modes: tuple[Mode, ...]
    help: str
    choices: tuple[str, ...] = ()
    sweeps: bool = False
    further: bool = False


# fmt: off
FIELDS: tuple[Field, ...] = (
    Field(
        "size", "Size", 11, ("draw",),
        "Width×height (512x768), one side (512) or an aspect (3:2), in multiples of 16 pixels.",
        sweeps=True,
    ),
    Field(
        "edit_size", "Size", 11, ("edit",),
        "Longest side, in pixels, at which the model works; the result has the source's size.",
        sweeps=True,
    ),
    Field("count", "Count", 5, DRAWING, f"How many pictures: 1 to {MAX_COUNT}."),
    Field(
        "seed", "Seed", 11, DRAWING,
        "Empty draws a new seed each time; a number locks it; 1..8 draws each of them.",
        sweeps=True,
    ),
    Field(
        "guidance", "Guidance", 8, DRAWING,
        "How closely to follow the prompt: 1 is not at all, 3 is usual; 2,3,4 draws each.",
        sweeps=True,
    ),
    Field(
        "iterations", "Iterations", 10, DRAWING,
        "In how many steps the tokens of a picture appear: 1 to 1024.",
        sweeps=True,
    ),
    Field(
        "temperature", "Temperature", 11, DRAWING,
        "How far pictures stray: 0 to 10, 1 is usual.",
        sweeps=True,
    ),
    Field(
        "quality", "Quality", 7, DRAWING,
        "Full is the usual choice; fast takes fewer steps; exact is the published sampler.",
        choices=("full", *(quality for quality in QUALITIES if quality != "full")),
        sweeps=True,
    ),
    Field(
        "schedule", "Schedule", 9, DRAWING,
        "Guidance over the iterations: the same throughout, or rising from 1.",
        choices=SCHEDULES, sweeps=True, further=True,
    ),
    Field(
        "order", "Order", 6, DRAWING,
        "In which order the tokens appear: auto is the checkpoint's, random, or spread evenly.",
        choices=(AUTO, *ORDERS), sweeps=True, further=True,
    ),
    Field(
        "head_steps", "Head steps", 10, DRAWING,
        "Diffusion steps for each token: 1 to 1000.",
        sweeps=True, further=True,
    ),
    Field(
        "wildcards", "Wildcards", 10, DRAWING,
        "For {red|green}: draw every combination, or one at random.",
        choices=(EVERY, ONE), further=True,
    ),
    Field(
        "length", "Longest answer", 14, ("describe",),
        "The answer ends after so many tokens at the latest: 1 to 8192.",
    ),
    Field(
        "sampling", "Temperature", 11, ("describe",),
        "0 always takes the likeliest word; above it, answers vary.",
    ),
    Field("answer_seed", "Seed", 11, ("describe",), "Seed of an answer that varies."),
    Field(
        "vision", "Looks with", 10, ("describe",),
        "Which encoder looks at the picture: mar, or siglip2 where the checkpoint has it.",
        choices=VISIONS,
    ),
)
# fmt: on

_BY_NAME = {field.name: field for field in FIELDS}


def fields_of(mode: Mode) -> list[Field]:
    """The fields of a mode, in the order they are shown."""
    return [field for field in FIELDS if mode in field.modes]


def field(name: str) -> Field:
    """The field of a name."""
    return _BY_NAME[name]


def placeholder(name: str, defaults: Defaults | None, mode: Mode = "draw") -> str:
    """What an empty field means, in the words shown in its place."""
    auto: dict[str, str] = {}
    if defaults is not None:
        guidance = defaults.edit_guidance if mode == "edit" else defaults.guidance
        auto = {
            "size": f"{defaults.width}×{defaults.height}",
            "guidance": f"{guidance:g}",
            "iterations": str(defaults.iterations),
            "head_steps": str(defaults.head_steps),
        }
    fixed = {"count": "1", "seed": "random", "temperature": "1"}
    fixed |= {"length": "1024", "sampling": "0", "answer_seed": "0"}
    return auto.get(name) or fixed.get(name) or "auto"


def read(name: str, text: str, defaults: Defaults | None = None) -> list[Value]:
    """The values a field's text stands for; ``[None]`` for an empty one.

    Raises:
        InputError: the text is not understood or out of range.
    """
    spec = _BY_NAME[name]
    if spec.choices:
        choice = text.strip().lower() or spec.choices[0]
        values = sweep_values(choice) if spec.sweeps else [choice]
        for value in values:
            if value not in spec.choices:
                raise InputError(
                    f"{spec.label} {value!r} is unknown: use {', '.join(spec.choices)}."
                )
        return [None if value == AUTO else value for value in values]
    parts = sweep_values(text) if spec.sweeps else [text.strip()] if text.strip() else []
    reader = _READERS[name]
    return list(dict.fromkeys(reader(part, defaults) for part in parts)) or [None]


def problem(name: str, text: str, defaults: Defaults | None = None) -> str | None:
    """Why a field's text cannot be used, one sentence; ``None`` when it can."""
    try:
        read(name, text, defaults)
    except UnipicError as error:
        return error.message
    return None


Reader = Callable[[str, Defaults | None], Value]


def _whole(label: str, low: int, high: int) -> Reader:
    def reader(text: str, _: Defaults | None) -> int:
        try:
            number = int(text)
        except ValueError:
            raise InputError(f"{label} is a whole number, not {text!r}.") from None
        if not low <= number <= high:
            limit = f"{low} to {high}" if high < MAX_SEED else f"{low} or more, up to 2⁶³−1"
            raise InputError(f"{label} is {limit}, not {text}.")
        return number

    return reader


def _number(label: str, low: float, high: float) -> Reader:
    def reader(text: str, _: Defaults | None) -> float:
        try:
            number = float(text)
        except ValueError:
            raise InputError(f"{label} is a number, not {text!r}.") from None
        if not low <= number <= high:
            raise InputError(f"{label} is {low:g} to {high:g}, not {text}.")
        return number

    return reader


def _size(text: str, defaults: Defaults | None) -> Size:
    width, height, _ = parse_size(text, _base(defaults))
    return width, height


def _side(text: str, _: Defaults | None) -> int:
    if not text.isdecimal():
        raise InputError(f"Size is the longest side in pixels, not {text!r}.")
    return round_size(int(text))[0]


def _base(defaults: Defaults | None) -> int:
    """Side of the square that is as large as the checkpoint's usual picture."""
    standard = defaults or Defaults()
    return round(math.sqrt(standard.width * standard.height))


def rounding(text: str, defaults: Defaults | None = None) -> str | None:
    """A sentence where a size in a field is not in whole tokens and another one is used."""
    for part in sweep_values(text):
        notice = parse_size(part, _base(defaults))[2]
        if notice:
            return notice
    return None


_READERS: dict[str, Reader] = {
    "size": _size,
    "edit_size": _side,
    "count": _whole("Count", 1, MAX_COUNT),
    "seed": _whole("Seed", 0, MAX_SEED),
    "guidance": _number("Guidance", 0, 100),
    "iterations": _whole("Iterations", 1, 1024),
    "temperature": _number("Temperature", 0, 10),
    "head_steps": _whole("Head steps", 1, 1000),
    "length": _whole("Longest answer", 1, 8192),
    "sampling": _number("Temperature", 0, 10),
    "answer_seed": _whole("Seed", 0, MAX_SEED),
}
