"""Jobs to and from plain dicts, as files and databases keep them."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from unipic_tui.errors import InputError
from unipic_tui.job_parts import Region, Turn
from unipic_tui.jobs import KINDS, Job

_Read = TypeVar("_Read")


def job_to_dict(job: Job) -> dict[str, Any]:
    """A JSON-ready dict with the job's ``mode`` and every field."""
    return {"mode": job.mode, **dataclasses.asdict(cast("Any", job))}


def job_from_dict(data: dict[str, Any]) -> Job:
    """The job that `job_to_dict` wrote.

    Raises:
        InputError: the dict names no known mode, or a field is unknown, missing or out of range.
    """
    fields = dict(data)
    kind = KINDS.get(str(fields.pop("mode", "")))
    if kind is None:
        raise InputError(f"The saved job names no known mode ({', '.join(KINDS)}).")
    try:
        if fields.get("region") is not None:
            fields["region"] = _read(Region, fields["region"])
        if "turns" in fields:
            fields["turns"] = tuple(_read(Turn, turn) for turn in fields["turns"])
        return _read(kind, fields)
    except (TypeError, AttributeError) as error:
        raise InputError(f"The saved job does not fit this version: {error}.") from None


def _read(kind: type[_Read], fields: dict[str, Any]) -> _Read:
    """A dataclass from untrusted fields; raises `TypeError` where they are not its own."""
    known = _known(cast("Any", kind))
    for name, value in fields.items():
        if name not in known:
            raise TypeError(f"it has an unknown field {str(name)[:40]!r}")
        types, _ = known[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"its {name} is of the wrong type, {type(value).__name__}")
    for name, (_, needed) in known.items():
        if needed and name not in fields:
            raise TypeError(f"it lacks the field {name!r}")
    return kind(**fields)


@cache
def _known(kind: type[Any]) -> dict[str, tuple[tuple[type, ...], bool]]:
    """For each field, the types it may have, and whether it must be given.

    Worked out once for each kind of job: a library reads jobs by the thousand.
    """
    hints = get_type_hints(kind)
    return {
        field.name: (_types(hints[field.name]), field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    }


def _types(hint: Any) -> tuple[type, ...]:
    if get_origin(hint) is Literal:
        return (str,)  # which ones are allowed is the job's own check
    if get_origin(hint) is tuple:
        return (tuple,)
    options = get_args(hint)
    if options:
        return tuple(each for option in options for each in _types(option))
    return (int, float) if hint is float else (hint,)
