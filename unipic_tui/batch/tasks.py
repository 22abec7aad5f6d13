"""From an entry of a file to a task: the job, and the files that hold its result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipic_tui.batch.items import PROMPT_KEYS, Item
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.inference.ranking import check_choice
from unipic_tui.job_parts import Region
from unipic_tui.job_settings import named, plain_name, settings_of
from unipic_tui.jobs import KINDS, MAX_COUNT, EditJob, GenerateJob, Job, random_seed
from unipic_tui.paths import absolute
from unipic_tui.sizes import round_size
from unipic_tui.text import one_line

FORMATS = ("jpg", "png", "webp")
RANDOM = -1
"""The seed that stands for a random one."""

_OWN: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(PROMPT_KEYS, (str,)),
    "mode": (str,),
    "size": (int, str),
    "width": (int,),
    "height": (int,),
    "source": (str,),
    "image": (str,),
    "region": (str,),
    "grid_size": (int,),
}
"""Keys of an entry beside the settings of its kind of job."""
_HERE = {"size", "count"}
"""Settings that an entry says in another way."""
_WHOLE = re.compile(r"[+-]?\d{1,25}(\.0*)?", re.ASCII)
_WORDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that a task writes.

    Attributes:
        path: inside of the result folder, with ``/`` between its parts.
        first: the first of the job's pictures in it.
        grid: pictures along each side.
    """

    path: str
    first: int = 0
    grid: int = 1


@dataclass(frozen=True, slots=True)
class Task:
    """One job of many, and where its result goes.

    Attributes:
        index: its place among all.
        random: whether its job's seed may be any.
        job: as asked for; what it leaves open, the checkpoint fills in.
        record: the JSON file that says what was done, inside of the result folder.
        files: the pictures it writes; none for an answer.
        carried: what the record takes over from the file of prompts.
        texts: further files that go with the pictures: path and contents.
        copies: pictures that go with them as PNG: path, and the picture to copy.
    """

    index: int
    job: Job
    record: str
    files: tuple[PictureFile, ...] = ()
    carried: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    random: bool = False


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        tasks: in the order of their index.
        problems: for each index without a task, why.
        missing: those of the problems that are sources which are not there.
    """

    tasks: list[Task] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for every entry that does not say otherwise.

    Attributes:
        folder: what relative paths of sources start from.
        mode: of `unipic_tui.jobs.KINDS`; "" takes edit for entries with a source.
        seed: the seed of entry 0; entry k has this plus k. `RANDOM` gives each a random one.
        size: as a person types it, or ``None`` for the checkpoint's.
        grid: pictures along each side of each file.
        format: one of `FORMATS`.
        given: settings by name, for the jobs that have them.
    """

    folder: Path
    mode: str = ""
    seed: int = 0
    size: str | None = None
    grid: int = 1
    format: str = "jpg"
    given: dict[str, Any] = field(default_factory=dict)


def make_task(item: Item, common: Common, defaults: Defaults) -> Task:
    """The task of an entry, named as the published script names it: ``00000000.jpg``, ``.json``.

    Raises:
        InputError: the entry cannot be used.
    """
    if item.problem:
        raise InputError(item.problem)
    job, grid = make_job(item, common, defaults)
    stem = f"{item.index:08d}"
    drawn = () if not job.draws else (PictureFile(f"{stem}.{common.format}", 0, grid),)
    random = is_random(item.fields, common)
    return Task(item.index, job, f"{stem}.json", drawn, item.fields, random=random)


def is_random(fields: Mapping[str, Any], common: Common) -> bool:
    """Whether an entry's seed is left to chance."""
    return fields.get("seed", common.seed) in {RANDOM, str(RANDOM), "random"}


def make_job(item: Item, common: Common, defaults: Defaults) -> tuple[Job, int]:
    """The job of an entry and the pictures along each side of its grid; raises `InputError`."""
    kind = _kind(item.fields, common)
    settings = {each.name: each for each in settings_of(kind) if each.name not in _HERE}
    known = _OWN | {name: each.types for name, each in settings.items()}
    random = is_random(item.fields, common)
    fields = _spelt_out(item.fields, kind) | ({"seed": random_seed()} if random else {})
    fields = _checked(fields, known)
    said = common.given | fields
    given: dict[str, Any] = {name: said[name] for name in settings if name in said}
    given.setdefault("seed", common.seed + item.index)
    # A caption is what a picture shows: it says what to draw, but it is no question.
    asked = [fields[key] for key in PROMPT_KEYS[: None if kind.draws else 1] if key in fields]
    if asked:
        given["prompt"] = asked[0]
    if issubclass(kind, GenerateJob):
        given.setdefault("template", defaults.batch_template)
    source = fields.get("source", fields.get("image"))
    if kind.needs_source and source is None:
        raise _lacks("source")
    if source is not None:
        given["source"] = str(absolute(source, common.folder))
    if not kind.draws:
        return kind(**given), 1
    if "prompt" not in given:
        raise _lacks("prompt")
    grid = fields.get("grid_size", common.grid)
    if grid < 1 or grid * grid > MAX_COUNT:
        raise InputError(f"Its grid size {grid} is out of range: use 1 to {int(MAX_COUNT**0.5)}.")
    if "region" in fields:
        given["region"] = Region.parse(fields["region"])
    if kind.needs_source or source is None:
        given |= _size(kind, fields, common, defaults)
    job = kind(**(given | {"count": grid * grid}))
    check_choice(job)
    return job, grid


def _kind(fields: dict[str, Any], common: Common) -> type[Job]:
    mode = _checked(fields, {"mode": (str,)}).get("mode") or common.mode
    if not mode:
        sourced = fields.get("source", fields.get("image")) is not None
        mode = EditJob.mode if sourced and fields.get("region") is None else GenerateJob.mode
    if mode not in KINDS:
        raise InputError(f"Its mode {one_line(mode, 40)!r} is unknown: use {', '.join(KINDS)}.")
    return KINDS[mode]


def _spelt_out(fields: Mapping[str, Any], kind: type[Job]) -> dict[str, Any]:
    """The fields with settings by their own names.

    Under another name only a value that the setting can have counts: the file may mean something
    else by it. Raises `InputError` where two names of a setting say different things.
    """
    names = named(kind)
    found: dict[str, Any] = {}
    by: dict[str, str] = {}
    for name, value in fields.items():
        setting = names.get(plain_name(name))
        if name in _OWN or setting is None or setting.name in _HERE:
            continue
        read = _read(value, setting.types)
        if read is None:
            continue
        other = by.setdefault(setting.name, name)
        if found.setdefault(setting.name, read) != read:
            raise InputError(
                f"Its {one_line(other, 40)} and {one_line(name, 40)} are two names of one setting "
                "and differ: leave one out."
            )
    return found | {name: value for name, value in fields.items() if value is not None}


def _checked(fields: dict[str, Any], known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Those of the fields that mean something here, each of its type; null counts as left out."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        types = known.get(name)
        if types is None or value is None:
            continue
        read = _read(value, types)
        if read is None:
            raise InputError(f"Its {name} is not {_WORDS[types[-1]]}.")
        found[name] = read
    return found


def _read(value: Any, types: tuple[type, ...]) -> Any:
    """A value as one of the types, ``None`` where it is none.

    Numbers may be written as text, as in tables, and whole ones with a decimal point.
    """
    if isinstance(value, str) and str not in types:
        number = value.strip()
        if _WHOLE.fullmatch(number):
            return int(number.partition(".")[0])
        try:
            return float(number) if float in types else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (*types, float)):
        return None
    if isinstance(value, float) and float not in types:
        return int(value) if value.is_integer() and int in types else None
    return value


def _lacks(name: str) -> InputError:
    return InputError(f'It has no {name}: add "{name}": "…".')


def _size(
    kind: type[Job], fields: dict[str, Any], common: Common, defaults: Defaults
) -> dict[str, Any]:
    """The job's fields for a size, from ``size``, or ``width`` and ``height``."""
    sizes = (each for each in settings_of(kind) if each.is_size)
    setting = next(sizes, None)
    if setting is None:
        return {}
    if setting.kind == "size" and ("width" in fields or "height" in fields):
        width: int = fields["width"] if "width" in fields else fields["height"]
        return setting.fill((round_size(width)[0], round_size(fields.get("height", width))[0]))
    size = fields.get("size", common.size)
    return {} if size is None else setting.fill(setting.read(str(size), defaults.side)[0])
