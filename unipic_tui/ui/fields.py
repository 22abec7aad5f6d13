"""The fields below the prompt, made from the settings of the jobs.

A field holds text, as typed. `read` turns it into the values it stands for: one, or several where
the text is a sweep such as ``2,3,4`` or ``1..8``; an empty field leaves the choice to the
checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError, UnipicError
from unipic_tui.job_settings import CHECKPOINTS, Setting, Value, settings_of
from unipic_tui.jobs import KINDS
from unipic_tui.ui.iterate import sweep_values

EVERY, ONE = "every", "one"
"""What to do with wildcards: draw every combination, or one at random."""
_RANDOM = "random"
_WIDEST = 11
_SEED = 10
"""Cells of a size, and of a new seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A setting, where the app shows it; each is there once, and equal to itself alone.

    Attributes:
        key: its name, with the mode before it where another mode has another setting of that name.
        setting: what it accepts.
        modes: the kinds of job that have it.
    """

    key: str
    setting: Setting
    modes: tuple[str, ...]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values, where there are only these; the first is the default."""
        return self.setting.options if self.setting.kind == "choice" else ()

    @property
    def width(self) -> int:
        """Cells its text usually takes."""
        widest = max((len(choice) + 2 for choice in self.choices), default=0)
        size = _WIDEST if self.setting.is_size else 0
        number = max(size, _SEED if self.setting.name == "seed" else 0)
        text = 2 * _WIDEST if self.setting.kind == "text" else 0
        return max(len(self.setting.label), widest, number, text)

    @property
    def empty(self) -> str:
        """The text that leaves it as it is by default."""
        return self.choices[0] if self.choices else ""


WILDCARDS = Field(
    "wildcards",
    Setting(
        name="wildcards",
        label="Wildcards",
        help="for {red|green}: draw every combination, or one at random",
        kind="choice",
        choices=(EVERY, ONE),
        default=EVERY,
        advanced=True,
    ),
    tuple(mode for mode, kind in KINDS.items() if kind.draws),
)
"""The one field that no job has: it decides how many jobs there are."""


def all_fields() -> tuple[Field, ...]:
    """Every field of every mode, in the order they are shown."""
    return _collect(tuple(KINDS.items()))


@cache
def _collect(kinds: Any) -> tuple[Field, ...]:
    """Worked out once: what a prompt makes is looked at after every key."""
    found: dict[str, Field] = {}
    for mode, kind in kinds:
        for each in settings_of(kind):
            key, known = each.name, found.get(each.name)
            if known is not None and known.setting != each:
                key = f"{mode}_{each.name}"
            modes = (*known.modes, mode) if known and known.setting == each else (mode,)
            found[key] = Field(key, each, modes)
    return (*found.values(), WILDCARDS)


def fields_of(mode: str) -> list[Field]:
    """The fields of a mode, in the order they are shown."""
    return [field for field in all_fields() if mode in field.modes]


def field_of(mode: str, name: str) -> Field:
    """The field of a mode's setting."""
    return next(field for field in fields_of(mode) if field.setting.name == name)


def placeholder(field: Field, defaults: Defaults | None, mode: str) -> str:
    """What an empty field means, in the words shown in its place."""
    setting = field.setting
    if setting.name == "seed" and KINDS[mode].draws:
        return _RANDOM
    value, checkpoints = setting.default, setting.unset == CHECKPOINTS
    if value is None and checkpoints and defaults is not None and mode in field.modes:
        value = defaults.value(KINDS[mode], setting.name)
    return setting.shown(value)


def read(field: Field, text: str, defaults: Defaults | None = None) -> list[Value]:
    """The values a field's text stands for; ``[None]`` for an empty one.

    Raises:
        InputError: the text is not understood or out of range.
    """
    setting = field.setting
    text = text.strip() or field.empty
    parts = sweep_values(text) if setting.sweeps else [text] if text else []
    side = (defaults or Defaults()).side
    return list(dict.fromkeys(setting.read(part, side)[0] for part in parts)) or [None]


def problem(field: Field, text: str, defaults: Defaults | None = None) -> str | None:
    """Why a field's text cannot be used, one sentence; ``None`` when it can."""
    try:
        read(field, text, defaults)
    except UnipicError as error:
        return error.message
    return None


def rounding(field: Field, text: str, defaults: Defaults | None = None) -> str | None:
    """A sentence where a size in a field is not in whole tokens and another one is used."""
    for part in sweep_values(text):
        try:
            notice = field.setting.read(part, (defaults or Defaults()).side)[1]
        except InputError:
            continue
        if notice:
            return notice
    return None
