"""Benchmarks of drawing: GenEval and DPG-Bench."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from unipic_tui.batch.items import Item
from unipic_tui.batch.tasks import RANDOM, Common, PictureFile, Plan, Task, make_job
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.evaluation.names import checked_name
from unipic_tui.files import read_bytes, shown_path, storage_error
from unipic_tui.jobs import GenerateJob

SAMPLES = 4
"""Pictures of each prompt, and what the first one's seed grows by from prompt to prompt."""
_PROMPT_BYTES = 1_000_000
_LISTED = 5


def plan_geneval(items: list[Item], samples: int, common: Common, defaults: Defaults) -> Plan:
    """A folder a prompt, ``00000`` for the first: ``metadata.jsonl``, ``grid.png``, ``samples``.

    The items are the lines of GenEval's ``evaluation_metadata.jsonl``.
    The samples are ``0000.png``, ``0001.png`` and so on; a number that fills no square has no
    grid. The metadata is the prompt's own line, which the scoring reads; nothing else in it is
    taken for a setting.

    Raises:
        InputError: there are lines that the scoring would stop at, or count as right unseen.
    """
    refuse_unscorable(items, ("tag", "include"))
    side = math.isqrt(samples)

    def task(item: Item) -> Task:
        folder = f"{item.index:05d}"
        files = tuple(
            PictureFile(f"{folder}/samples/{number:04d}.png", number) for number in range(samples)
        )
        if side > 1 and side * side == samples:
            files = (*files, PictureFile(f"{folder}/grid.png", 0, side))
        line = (json.dumps(item.fields) + "\n").encode("ascii")
        drawn = _task(item, samples, common, defaults, folder, files)
        return replace(drawn, texts={f"{folder}/metadata.jsonl": line})

    return plan_of(items, task)


class MissingSourceError(InputError):
    """The picture of an entry is not there."""


def plan_of(items: list[Item], make: Callable[[Item], Task]) -> Plan:
    """The plan of the tasks that are made of the items; what stops one is noted."""
    plan = Plan()
    records: set[str] = set()
    for item in items:
        try:
            if item.problem:
                raise InputError(item.problem)
            task = make(item)
            if task.record in records:
                raise InputError("Another entry has the same key: each needs one of its own.")
            records.add(task.record)
            plan.tasks.append(task)
        except InputError as error:
            plan.problems[item.index] = error.message
            if isinstance(error, MissingSourceError):
                plan.missing.append(item.index)
    return plan


def refuse_unscorable(items: list[Item], keys: tuple[str, ...]) -> None:
    """Raise `InputError` where items lack what the scoring reads of each."""
    lacking = [
        str(item.index)
        for item in items
        if not item.problem and not all(item.fields.get(key) for key in keys)
    ]
    if lacking:
        shown = ", ".join(lacking[:_LISTED])
        which = f"Item {shown} has" if len(lacking) == 1 else f"Items {shown} have"
        if len(lacking) > _LISTED:
            which = f"Items {shown} and {len(lacking) - _LISTED} more have"
        raise InputError(
            f"{which} no {' or no '.join(keys)}, so that the benchmark cannot score them: complete "
            "them, or leave them out."
        )


def read_dpg(folder: Path) -> list[Item]:
    """The prompts of DPG-Bench: one in each ``.txt`` file of a folder, by name.

    Raises:
        InputError: the folder holds none.
        StorageError: it cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".txt")
    except OSError as error:
        raise storage_error(error, folder, "read") from error
    if not paths:
        raise InputError(f"{shown_path(folder)} holds no .txt files: name DPG-Bench's prompts.")
    items: list[Item] = []
    for index, path in enumerate(paths):
        try:
            prompt = read_bytes(path, _PROMPT_BYTES).decode("utf-8-sig").strip()
            items.append(Item(index, {"prompt": prompt, "name": path.stem}))
        except UnicodeDecodeError:
            items.append(Item(index, problem=f"{shown_path(path)} is not UTF-8 text."))
    return items


def plan_dpg(items: list[Item], samples: int, common: Common, defaults: Defaults) -> Plan:
    """A picture or a grid of four for each prompt, named after the prompt's file.

    Raises:
        InputError: another number of samples, or a size that the scoring would cut wrongly.
    """
    if samples not in {1, SAMPLES}:
        raise InputError(f"DPG-Bench scores 1 picture of a prompt or a grid of 4, not {samples}.")

    def make(item: Item) -> Task:
        name = str(item.fields.get("name", ""))
        files = (PictureFile(f"{name}.png", 0, math.isqrt(samples)),)
        return _task(item, samples, common, defaults, name, files)

    plan = plan_of(items, make)
    for task in plan.tasks:
        width, height = sides(task, defaults)
        if width != height:
            raise InputError(
                f"DPG-Bench's scoring cuts squares out of each file, and {width}×{height} is none: "
                "give one side, as in --size 512."
            )
    return plan


def sides(task: Task, defaults: Defaults) -> tuple[int, int]:
    """Width and height of each of a task's pictures."""
    assert isinstance(task.job, GenerateJob)
    job = defaults.fill(task.job)
    return job.width or defaults.width, job.height or defaults.height


def _task(
    item: Item,
    samples: int,
    common: Common,
    defaults: Defaults,
    name: str,
    files: tuple[PictureFile, ...],
) -> Task:
    # Whatever the number of samples, so that those of a part are those of the whole.
    seed = RANDOM if common.seed == RANDOM else common.seed + SAMPLES * item.index
    fields = {"prompt": item.fields.get("prompt"), "seed": seed}
    job, _ = make_job(Item(item.index, fields), common, defaults)
    assert isinstance(job, GenerateJob)
    record, job = f"{checked_name(name)}.json", job.replace(count=samples)
    return Task(item.index, job, record, files, item.fields, random=seed == RANDOM)
