"""What a setting of a job is: its name, its help, what it accepts, and how it is read and shown.

The settings themselves stand in `unipic_tui.jobs`, each at the field that holds it. Flags, keys
of batches, fields of the app, sweeps, labels and the texts in pictures are all made from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from unipic_tui.errors import InputError
from unipic_tui.sizes import MAX_SIDE, TOKEN_PIXELS, parse_size, round_size
from unipic_tui.text import one_line

Kind = Literal["whole", "number", "choice", "text", "size", "side"]
"""``size`` is a width and a height, ``side`` the longer one of them."""
Value = int | float | str | tuple[int, int] | None

AUTO = "auto"
"""What is typed to leave a choice to the checkpoint."""
CHECKPOINTS = "the checkpoint's"
"""How help calls a default that is the checkpoint's."""
LARGEST = 2**64 - 1
_METADATA = "setting"
_LONGEST = 10**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting.

    Attributes:
        label: one or two words, as the app shows it.
        help: a phrase without a full stop.
        kind: what its values are.
        low, high: range of a number, both included.
        choices: all values of a ``choice``.
        noun: how a sentence calls it; the label in small letters where empty.
        unit: follows the value where it is shown.
        aliases: other names in sweeps, flags and batches, those of the published scripts and of
            other tools among them.
        letter: its one-letter flag, or "".
        parameter: its name in the ``parameters`` text of pictures, or "".
        usual: a value that goes without saying in pictures and details; the default as well does.
        sweeps: whether a prompt may be drawn with several values.
        advanced: whether the app hides it until it is asked for.
        unset: how help calls a default of ``None``.
        needs: the setting without which, at 0, this one has no effect, or "".
        name: of the job's field; filled in by `settings_of`, like the rest.
        fields: of the job that hold it; several for a size.
        default: of those fields; ``None`` leaves it to the checkpoint.
    """

    label: str
    help: str
    kind: Kind
    low: float = 0
    high: float = LARGEST
    choices: tuple[str, ...] = ()
    noun: str = ""
    unit: str = ""
    aliases: tuple[str, ...] = ()
    letter: str = ""
    parameter: str = ""
    usual: object = None
    sweeps: bool = False
    advanced: bool = False
    unset: str = CHECKPOINTS
    needs: str = ""
    name: str = ""
    fields: tuple[str, ...] = ()
    default: Any = None

    @property
    def options(self) -> tuple[str, ...]:
        """What a person chooses among: the choices, the default first."""
        if self.default is None:
            return (AUTO, *self.choices)
        return (self.default, *(each for each in self.choices if each != self.default))

    @property
    def range(self) -> str:
        """``0 to 10``, or "" where there is none to speak of."""
        if self.kind not in {"whole", "number"} or self.high >= LARGEST:
            return ""
        return f"{_digits(self.low)} to {_digits(self.high)}"

    @property
    def is_size(self) -> bool:
        """Whether it is a size, which a checkpoint may round."""
        return self.kind in {"size", "side"}

    @property
    def types(self) -> tuple[type, ...]:
        """The types that a value may have in JSON."""
        return {
            "whole": (int,),
            "side": (int, str),
            "size": (int, str),
            "number": (int, float),
        }.get(self.kind, (str,))

    def of(self, job: object) -> Value:
        """Its value in a job."""
        return self.joined([getattr(job, field) for field in self.fields])

    def joined(self, values: Sequence[Any]) -> Value:
        """Its value from those of its fields."""
        if len(values) == 1:
            return values[0]  # type: ignore[no-any-return]
        return None if None in values else (values[0], values[1])

    def fill(self, value: Value) -> dict[str, Any]:
        """The job's fields that hold a value."""
        values = value if isinstance(value, tuple) else (value,) * len(self.fields)
        return dict(zip(self.fields, values, strict=True))

    def check(self, job: object) -> None:
        """See that its value in a job is one it may have; raises `InputError`."""
        for field in self.fields:
            value = getattr(job, field)
            if value is not None:
                self._check(field if len(self.fields) > 1 else self.noun_or_label, value)

    @property
    def noun_or_label(self) -> str:
        """How a sentence calls it."""
        return self.noun or self.label.lower()

    def _check(self, noun: str, value: Any) -> None:
        if self.kind == "choice":
            check_choice(noun, value, self.choices)
        elif self.kind == "text":
            check_text(noun, value)
        elif self.kind == "size":
            check_range(noun, value, TOKEN_PIXELS, MAX_SIDE)
            if value % TOKEN_PIXELS:
                raise InputError(f"The {noun} {value} is not a multiple of {TOKEN_PIXELS}.")
        elif self.kind == "side":
            check_range(noun, value, TOKEN_PIXELS, MAX_SIDE)
        else:
            check_range(noun, value, self.low, self.high)
            if self.kind == "whole" and value != int(value):
                raise InputError(f"The {noun} is a whole number, not {value:g}.")

    def read(self, text: str, base: int) -> tuple[Value, str | None]:
        """The value that a person typed.

        Args:
            text: as typed; not empty.
            base: side, in pixels, of the square whose area an aspect ratio keeps.

        Returns:
            The value, and a sentence where a size was rounded.

        Raises:
            InputError: it cannot be understood, or is out of range.
        """
        if self.kind == "size":
            width, height, notice = parse_size(text, base)
            return (width, height), notice
        if self.kind == "side":
            return self._side(text)
        if self.kind == "choice":
            value = text.strip().lower()
            if value not in self.options:
                raise InputError(
                    f"{self.label} {one_line(text, 60)!r} is unknown: "
                    f"use {', '.join(self.options)}."
                )
            return None if value == AUTO else value, None
        if self.kind == "text":
            return text, None
        return self._number(text), None

    def _side(self, text: str) -> tuple[int, str | None]:
        try:
            number = int(text)
        except ValueError:
            raise InputError(
                f"The size {one_line(text, 60)!r} is not a whole number: give the longest side in "
                "pixels; the result has the picture's own aspect ratio."
            ) from None
        return round_size(number)

    def _number(self, text: str) -> float:
        whole = self.kind == "whole"
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            what = "a whole number" if whole else "a number"
            raise InputError(f"{self.label} is {what}, not {one_line(text, 60)!r}.") from None
        if not self.low <= number <= self.high:  # no comparison holds for a NaN
            limit = self.range or f"{_digits(self.low)} or more, up to 2⁶⁴−1"
            raise InputError(f"{self.label} is {limit}, not {one_line(text, 60)}.")
        return number

    def typed(self, value: Value) -> str:
        """What to type to get a value; "" to leave it open."""
        if self.kind == "choice":
            return self.options[0] if value is None else str(value)
        return "" if value is None else self.shown(value)

    def shown(self, value: Value) -> str:
        """A value in words, without its unit."""
        if value is None:
            return AUTO if self.unset == CHECKPOINTS else self.unset
        if isinstance(value, tuple):
            return "×".join(str(side) for side in value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def is_usual(self, value: Value) -> bool:
        """Whether a value goes without saying."""
        return value is None or value in (self.default, self.usual)


def setting(
    default: Any,
    kind: Kind,
    label: str,
    help: str,  # noqa: A002 (argparse's own name)
    *,
    fields: tuple[str, ...] = (),
    name: str = "",
    **options: Any,
) -> Any:
    """A field of a job that is a setting.

    Args:
        default: of the field.
        kind, label, help, options: as `Setting` has them.
        fields: where a setting is held by more than this field.
        name: where it is not called as the field.
    """
    described = Setting(
        label=label, help=help, kind=kind, default=default, fields=fields, name=name, **options
    )
    return dataclasses.field(default=default, metadata={_METADATA: described})


def settings_of(kind: type) -> tuple[Setting, ...]:
    """The settings of a kind of job: its own first, then those it shares with others."""
    return _collect(kind)


@cache
def _collect(kind: Any) -> tuple[Setting, ...]:
    owners = {
        name: depth
        for depth, owner in reversed(list(enumerate(kind.__mro__)))
        for name in vars(owner).get("__annotations__", {})
    }
    found: list[tuple[int, Setting]] = []
    for field in dataclasses.fields(kind):
        described: Setting | None = field.metadata.get(_METADATA)
        if described is not None:
            whole = dataclasses.replace(
                described,
                name=described.name or field.name,
                fields=described.fields or (field.name,),
            )
            found.append((owners[field.name], whole))
    return tuple(each for _, each in sorted(found, key=lambda pair: pair[0]))


def caption(job: object, *, seed_known: bool = True) -> list[str]:
    """What tells a job from others, in a few words each: ``seed 1``, ``guidance 3``."""
    return [
        f"{each.label.lower()} {each.shown(each.of(job))}"
        for each in settings_of(type(job))
        if each.sweeps and not each.advanced and not each.is_size
        if (seed_known if each.name == "seed" else not each.is_usual(each.of(job)))
    ]


def named(kind: type) -> Mapping[str, Setting]:
    """The settings of a kind by every name they go by, as `plain_name` gives it."""
    return {name: each for each in settings_of(kind) for name in (each.name, *each.aliases)}


def plain_name(name: str) -> str:
    """A name as those of settings are compared: in small letters, with ``_`` between words."""
    return name.lower().replace("-", "_").replace(" ", "_")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise `InputError` for a number outside of a range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"The {name} is a number, not {one_line(repr(value), 60)}.")
    if low <= value <= high:  # no comparison holds for a NaN
        return
    shown = "given" if isinstance(value, int) and abs(value) > _LONGEST else _digits(value)
    raise InputError(f"The {name} {shown} is out of range: use {_digits(low)} to {_digits(high)}.")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `InputError` for a value that is none of the choices."""
    if value not in choices:
        raise InputError(f"The {name} {value!r} is unknown: use one of {', '.join(choices)}.")


def check_text(name: str, value: str) -> None:
    """Raise `InputError` for what is no text, is empty, or no tokenizer and no file takes."""
    if not isinstance(value, str):
        raise InputError(f"The {name} is a text, not {one_line(repr(value), 60)}.")
    if not value.strip():
        raise InputError(f"The {name} is empty: say in words what you want.")
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates
        raise InputError(
            f"The {name} holds bytes that are not UTF-8 text: type it again."
        ) from None


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
