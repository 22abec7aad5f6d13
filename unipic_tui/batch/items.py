"""Reading files of prompts: a JSON array, JSON Lines, or a prompt a line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.files import read_bytes, shown_path

LIMIT = 1_000_000_000
"""Most bytes of a file of prompts."""
_LINES = {".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a file of prompts.

    Attributes:
        index: its place in the file, from 0; blank lines do not count.
        fields: what it says; a line of plain text says its ``prompt``.
        problem: why it cannot be used, as a sentence, or "".
    """

    index: int
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_items(path: str | Path) -> list[Item]:
    """The entries of a file: ``.json`` an array, ``.jsonl`` an object a line, else a prompt a line.

    An entry that is no object and no text is returned with its ``problem``.

    Raises:
        InputError: the file is not UTF-8, is no JSON array where it should be, or holds nothing.
        StorageError: it cannot be read.
    """
    try:
        text = read_bytes(path, LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{shown_path(path)} is not UTF-8 text: save it as UTF-8, as .json, .jsonl or .txt."
        ) from None
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        entries = _read_array(text, path)
        items = [_from_value(index, entry) for index, entry in enumerate(entries)]
    else:
        # Only line feeds end a line: JSON may hold the other separators inside of its texts.
        lines = [line for line in text.split("\n") if line.strip()]
        read = _from_json_line if suffix in _LINES else _from_text
        items = [read(index, line) for index, line in enumerate(lines)]
    if not items:
        raise InputError(f"{shown_path(path)} holds no prompts: write at least one into it.")
    return items


def _read_array(text: str, path: str | Path) -> list[Any]:
    try:
        entries = json.loads(text)
    except RecursionError:
        raise InputError(f"{shown_path(path)} is nested too deeply to be read.") from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"{shown_path(path)} is not readable JSON{where}: mend it, or use .jsonl or .txt."
        ) from None
    if not isinstance(entries, list):
        raise InputError(
            f'{shown_path(path)} holds no array: write [{{"prompt": "…"}}, …], or use .jsonl.'
        )
    return entries


def _from_value(index: int, value: Any) -> Item:
    if isinstance(value, dict):
        return Item(index, value)
    if isinstance(value, str):
        return Item(index, {"prompt": value})
    return Item(index, problem='It is neither a text nor an object: write {"prompt": "…"}.')


def _from_json_line(index: int, line: str) -> Item:
    try:
        return _from_value(index, json.loads(line))
    except (ValueError, RecursionError):
        return Item(index, problem='Its line is not readable JSON: write {"prompt": "…"}.')


def _from_text(index: int, line: str) -> Item:
    return Item(index, {"prompt": line.strip()})
