"""Benchmarks of editing: GEdit-Bench and ImgEdit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from unipic_tui.batch.items import LIMIT, PROMPT_KEYS, Item, read_items
from unipic_tui.batch.tasks import Common, PictureFile, Plan, Task, is_random, make_job
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.evaluation.drawing import MissingSourceError, plan_of, refuse_unscorable
from unipic_tui.evaluation.names import checked_name, inside
from unipic_tui.files import read_bytes, shown_path

METADATA = ("metadata.jsonl", "metadata.csv")
"""The file that names a folder's pictures and what belongs to each, as Hugging Face's
``datasets`` reads and writes folders of pictures."""


def metadata_of(path: Path) -> Path:
    """The metadata of a folder of pictures; any other path as it is. Raises `InputError`."""
    if not path.is_dir():
        return path
    for name in METADATA:
        if (path / name).is_file():
            return path / name
    raise InputError(f"{shown_path(path)} holds no {' and no '.join(METADATA)}: name the metadata.")


def read_edits(path: Path) -> list[Item]:
    """The entries of a benchmark's metadata: an array, a table, JSON Lines, or an object by key.

    In the last case the key becomes the field ``key``.

    Raises:
        InputError, StorageError: as `read_items` does.
    """
    if path.suffix.lower() == ".json":
        try:
            data = json.loads(read_bytes(path, LIMIT))
        except (ValueError, RecursionError):
            data = None  # which `read_items` says in a sentence
        if isinstance(data, dict) and data:
            return [_keyed(index, *pair) for index, pair in enumerate(data.items())]
    return read_items(path, (*PROMPT_KEYS, "instruction"))


def _keyed(index: int, key: str, entry: Any) -> Item:
    if not isinstance(entry, dict):
        return Item(index, problem=f"What belongs to its key {key[:60]!r} is no object.")
    return Item(index, {"key": key, **entry})


def plan_gedit(items: list[Item], sources: Path, common: Common, defaults: Defaults) -> Plan:
    """``fullset/<task>/<en|cn>/<key>.png``, and beside each its source as ``<key>_SRCIMG.png``.

    Args:
        items: with ``key``, ``task_type``, ``instruction`` and ``instruction_language``.
        sources: the dataset's folder; an entry names its picture in ``input_image``, ``file_name``
            or ``id``, or it is found by the entry's key, as the dataset's own script saves it.
        common, defaults: what the jobs leave open.
    """

    def task(item: Item) -> Task:
        fields = item.fields
        key = checked_name(_first(fields, "key"))
        kind = checked_name(_first(fields, "task_type", "edit_type"))
        language = checked_name(_first(fields, "instruction_language"))
        stem = f"fullset/{kind}/{language}/{key}"
        named = _first(
            fields, "input_image", "input_image_raw", "file_name", "source", "id", needed=False
        )
        if isinstance(named, dict):  # a picture that `datasets` has written into JSON
            named = named.get("path")
        places = [named] if isinstance(named, str) else [
            f"{stem}_SRCIMG.png", f"{stem}.png", f"{kind}/{language}/{key}.png", f"{key}.png",
            f"{key}.jpg",
        ]  # fmt: skip
        source = _find(sources, places)
        prompt = _first(fields, "instruction", *PROMPT_KEYS)
        edit = _edit(item, prompt, source, f"{stem}.png", common, defaults)
        copies = {f"{stem}_SRCIMG.png": str(source)}
        return replace(edit, record=f"{kind}-{language}-{key}.json", copies=copies)

    return plan_of(items, task)


def plan_imgedit(items: list[Item], sources: Path, common: Common, defaults: Defaults) -> Plan:
    """``<key>.png``, the key being that of the entry in the benchmark's ``basic_edit.json``.

    Args:
        items: with ``key``, ``id`` (the source's path within ``sources``) and ``prompt``.
        sources: the folder of the original images.
        common, defaults: what the jobs leave open.

    Raises:
        InputError: there are entries that the scoring would stop at.
    """
    refuse_unscorable(items, ("edit_type",))

    def task(item: Item) -> Task:
        key = checked_name(_first(item.fields, "key"))
        source = _find(sources, [str(_first(item.fields, "id"))])
        prompt = _first(item.fields, "prompt")
        return _edit(item, prompt, source, f"{key}.png", common, defaults)

    return plan_of(items, task)


def _first(fields: dict[str, Any], *names: str, needed: bool = True) -> Any:
    """The first of the fields that is there; raises `InputError` where one is needed."""
    for name in names:
        if fields.get(name) is not None:
            return fields[name]
    if needed:
        raise InputError(f"It has no {names[0]}: is this the benchmark's own metadata?")
    return None


def _find(folder: Path, places: list[str]) -> Path:
    for place in places:
        path = inside(folder, place)
        if path.is_file():
            return path
    raise MissingSourceError(f"Its source {places[0]} is not in the folder of the sources.")


def _edit(
    item: Item, prompt: Any, source: Path, file: str, common: Common, defaults: Defaults
) -> Task:
    fields = {"mode": "edit", "prompt": prompt, "source": str(source)}
    job, _ = make_job(Item(item.index, fields), common, defaults)
    files, random = (PictureFile(file),), is_random(fields, common)
    record = str(Path(file).with_suffix(".json"))
    return Task(item.index, job, record, files, item.fields, random=random)
