"""From an entry of a file to a task: the job, and the files that hold its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipic_tui.batch.items import Item
from unipic_tui.errors import InputError
from unipic_tui.events import Defaults
from unipic_tui.jobs import MAX_COUNT, DescribeJob, EditJob, GenerateJob, Job, Region
from unipic_tui.paths import absolute
from unipic_tui.sizes import parse_size, round_size
from unipic_tui.text import one_line

MODES = (GenerateJob.mode, EditJob.mode, DescribeJob.mode)
FORMATS = ("jpg", "png", "webp")

_SAMPLING = {
    "guidance": (int, float),
    "schedule": (str,),
    "iterations": (int,),
    "order": (str,),
    "temperature": (int, float),
    "head_steps": (int,),
    "unconditional": (str,),
    "quality": (str,),
}
_ANSWERING = {"max_new_tokens": (int,), "temperature": (int, float), "vision": (str,)}
_TYPES: dict[str, tuple[type, ...]] = {
    **_SAMPLING,
    **_ANSWERING,
    "prompt": (str,),
    "mode": (str,),
    "seed": (int,),
    "size": (int, str),
    "width": (int,),
    "height": (int,),
    "source": (str,),
    "image": (str,),
    "region": (str,),
    "grid_size": (int,),
}
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


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        tasks: in the order of their index.
        problems: for each index without a task, why.
    """

    tasks: list[Task] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for every entry that does not say otherwise.

    Attributes:
        folder: what relative paths of sources start from.
        mode: ``generate``, ``edit`` or ``describe``; "" takes edit for entries with a source.
        seed: the seed of entry 0; entry k has this plus k.
        size: as a person types it, or ``None`` for the checkpoint's.
        grid: pictures along each side of each file.
        format: one of `FORMATS`.
        sampling: further fields of the jobs that draw.
    """

    folder: Path
    mode: str = ""
    seed: int = 0
    size: str | None = None
    grid: int = 1
    format: str = "jpg"
    sampling: dict[str, Any] = field(default_factory=dict)


def make_task(item: Item, common: Common, defaults: Defaults) -> Task:
    """The task of an entry, named as the published script names it: ``00000000.jpg``, ``.json``.

    Raises:
        InputError: the entry cannot be used.
    """
    if item.problem:
        raise InputError(item.problem)
    job, grid = make_job(item, common, defaults)
    stem = f"{item.index:08d}"
    drawn = (
        () if isinstance(job, DescribeJob) else (PictureFile(f"{stem}.{common.format}", 0, grid),)
    )
    return Task(item.index, job, f"{stem}.json", drawn, item.fields)


def make_job(item: Item, common: Common, defaults: Defaults) -> tuple[Job, int]:
    """The job of an entry and the pictures along each side of its grid; raises `InputError`."""
    fields = _checked(item.fields)
    source = fields.get("source", fields.get("image"))
    if source is not None:
        source = str(absolute(source, common.folder))
    mode = fields.get("mode") or common.mode or _likely_mode(source, fields)
    if mode not in MODES:
        raise InputError(f"Its mode {one_line(mode, 40)!r} is unknown: use {', '.join(MODES)}.")
    prompt = fields.get("prompt")
    seed = fields.get("seed", common.seed + item.index)
    if mode == DescribeJob.mode:
        asked = {} if prompt is None else {"prompt": prompt}
        own = {name: fields[name] for name in _ANSWERING if name in fields}
        return DescribeJob(source=_needed(source, "source"), seed=seed, **asked, **own), 1
    grid = fields.get("grid_size", common.grid)
    if grid < 1 or grid * grid > MAX_COUNT:
        raise InputError(f"Its grid size {grid} is out of range: use 1 to {int(MAX_COUNT**0.5)}.")
    sampling = {
        **common.sampling,
        **{name: fields[name] for name in _SAMPLING if name in fields},
        "prompt": _needed(prompt, "prompt"),
        "seed": seed,
        "count": grid * grid,
    }
    if mode == EditJob.mode:
        size = _edit_size(fields.get("size", common.size))
        return EditJob(source=_needed(source, "source"), size=size, **sampling), grid
    region = Region.parse(fields["region"]) if "region" in fields else None
    width, height = (None, None) if source else _size(fields, common, defaults)
    return (
        GenerateJob(source=source, region=region, width=width, height=height, **sampling),
        grid,
    )


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Those of the fields that mean something here, each of its type; null counts as left out."""
    known: dict[str, Any] = {}
    for name, value in fields.items():
        types = _TYPES.get(name)
        if types is None or value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, types):
            raise InputError(f"Its {name} is not {_WORDS[types[-1]]}.")
        known[name] = value
    return known


def _likely_mode(source: str | None, fields: dict[str, Any]) -> str:
    return EditJob.mode if source is not None and "region" not in fields else GenerateJob.mode


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise InputError(f'It has no {name}: add "{name}": "…".')
    return value


def _size(
    fields: dict[str, Any], common: Common, defaults: Defaults
) -> tuple[int | None, int | None]:
    if "width" in fields or "height" in fields:
        given: int = fields["width"] if "width" in fields else fields["height"]
        return round_size(given)[0], round_size(fields.get("height", given))[0]
    size = fields.get("size", common.size)
    if size is None:
        return None, None
    base = round((defaults.width * defaults.height) ** 0.5)
    width, height, _ = parse_size(str(size), base)
    return width, height


def _edit_size(size: int | str | None) -> int | None:
    if size is None:
        return None
    try:
        return round_size(int(size))[0]
    except ValueError:
        raise InputError(
            f"The size {one_line(str(size), 60)!r} is not a whole number: an edit takes the "
            "longest side in pixels."
        ) from None
