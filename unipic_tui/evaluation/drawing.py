"""Benchmarks of drawing: GenEval and DPG-Bench."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from unipic_tui.batch.items import Item, read_items
from unipic_tui.batch.tasks import Common, PictureFile, Plan, Task, make_job
from unipic_tui.errors import InputError
from unipic_tui.evaluation.names import checked_name
from unipic_tui.files import read_bytes, shown_path, storage_error
from unipic_tui.jobs import Defaults

SIDE = 2
SAMPLES = SIDE * SIDE
"""Pictures of each prompt."""
_PROMPT_BYTES = 1_000_000


def read_geneval(path: Path) -> list[Item]:
    """The lines of GenEval's ``evaluation_metadata.jsonl``; raises as `read_items` does."""
    return read_items(path)


def plan_geneval(items: list[Item], common: Common, defaults: Defaults) -> Plan:
    """A folder a prompt, ``00000`` for the first: ``metadata.jsonl``, ``grid.png``, ``samples``.

    The four samples are ``0000.png`` to ``0003.png``. The metadata is the prompt's own line,
    which the scoring reads; nothing else in it is taken for a setting.
    """
    plan = Plan()
    for item in items:
        folder = f"{item.index:05d}"
        samples = tuple(
            PictureFile(f"{folder}/samples/{number:04d}.png", number) for number in range(SAMPLES)
        )
        files = (*samples, PictureFile(f"{folder}/grid.png", 0, SIDE))
        line = (json.dumps(item.fields) + "\n").encode("ascii")
        _add(plan, item, common, defaults, folder, files, {f"{folder}/metadata.jsonl": line})
    return plan


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


def plan_dpg(items: list[Item], common: Common, defaults: Defaults) -> Plan:
    """A grid of four a prompt, named after the prompt's file."""
    plan = Plan()
    for item in items:
        name = str(item.fields.get("name", ""))
        _add(plan, item, common, defaults, name, (PictureFile(f"{name}.png", 0, SIDE),), {})
    return plan


def _add(
    plan: Plan,
    item: Item,
    common: Common,
    defaults: Defaults,
    name: str,
    files: tuple[PictureFile, ...],
    texts: dict[str, bytes],
) -> None:
    try:
        if item.problem:
            raise InputError(item.problem)
        # The seeds of a prompt's pictures are no other prompt's.
        fields = {
            "prompt": item.fields.get("prompt"),
            "seed": common.seed + SAMPLES * item.index,
        }
        whole = dataclasses.replace(common, grid=SIDE)
        job, _ = make_job(Item(item.index, fields), whole, defaults)
        record = f"{checked_name(name)}.json"
        plan.tasks.append(Task(item.index, job, record, files, item.fields, texts))
    except InputError as error:
        plan.problems[item.index] = error.message
