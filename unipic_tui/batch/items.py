"""Reading files of prompts: JSON, JSON Lines, CSV, TSV, YAML, or a prompt a line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.files import read_bytes, shown_path

LIMIT = 1_000_000_000
"""Most bytes of a file of prompts."""
PROMPT_KEYS = ("prompt", "caption", "text")
"""Keys and columns of a prompt; of several the first one counts."""
_TABLES = {".csv": ",", ".tsv": "\t"}
_FOREIGN = {".toml", ".xml", ".html", ".htm", ".ini", ".cfg", ".rtf"}
_KINDS = ".json, .jsonl, .csv, .tsv, .yaml or .txt"
_LINE_END = re.compile(r"\r\n|\r|\n")


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


def read_items(path: str | Path, columns: tuple[str, ...] = PROMPT_KEYS) -> list[Item]:
    """The entries of a file, whose ending tells its format; any other ending: a prompt a line.

    ``.json`` and ``.yaml`` hold an array, ``.jsonl`` an object a line, ``.csv`` and ``.tsv`` a
    table whose first line names the columns. An entry that is no object and no text is returned
    with its ``problem``.

    Args:
        path: of the file.
        columns: of which a table must have one.

    Raises:
        InputError: the file is not UTF-8, is not of its format, or holds nothing.
        StorageError: it cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _FOREIGN:
        raise InputError(f"{shown_path(path)} is no file of prompts: save it as {_KINDS}.")
    try:
        text = read_bytes(path, LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{shown_path(path)} is not UTF-8 text: save it as UTF-8, as {_KINDS}."
        ) from None
    if suffix in _TABLES:
        items = list(_read_table(text, path, _TABLES[suffix], columns))
    else:
        items = list(_READERS.get(suffix, _read_text)(text, path))
    if not items:
        raise InputError(f"{shown_path(path)} holds no prompts: write at least one into it.")
    return items


def _read_json(text: str, path: str | Path) -> Iterable[Item]:
    try:
        entries = json.loads(text)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"{shown_path(path)} is not readable JSON{where}: correct it, or use .jsonl or .txt."
        ) from None
    if not isinstance(entries, list):
        raise InputError(
            f'{shown_path(path)} holds no array: write [{{"prompt": "…"}}, …], or use .jsonl.'
        )
    return map(_from_value, range(len(entries)), entries)


def _read_yaml(text: str, path: str | Path) -> Iterable[Item]:
    from unipic_tui.batch.plain_yaml import load_plain

    try:
        entries = load_plain(text)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        raise InputError(f"{shown_path(path)} is not readable YAML: {error}.") from None
    if not isinstance(entries, list):
        raise InputError(f"{shown_path(path)} holds no list: write - prompt: … for each item.")
    return map(_from_value, range(len(entries)), entries)


def _read_table(
    text: str, path: str | Path, separator: str, columns: tuple[str, ...]
) -> Iterable[Item]:
    first = _LINE_END.split(text, 1)[0]
    if separator == "," and "," not in first and ";" in first:
        separator = ";"  # as spreadsheets write it where the comma is the decimal mark
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [row for row in lines if any(row)]
    except csv.Error as error:
        raise InputError(f"{shown_path(path)} is not a readable table: {error}.") from None
    names = [name.strip() for name in rows[0]] if rows else []
    names = [name.lower() if name.lower() in columns else name for name in names]
    if rows and not set(names) & set(columns):
        raise InputError(
            f"{shown_path(path)} has no column named {', '.join(columns[:-1])} or "
            f"{columns[-1]}: name the columns in its first line."
        )
    return (_from_row(index, names, row) for index, row in enumerate(rows[1:]))


def _from_row(index: int, names: list[str], row: list[str]) -> Item:
    if len(row) > len(names):
        return Item(index, problem=f"It has {len(row)} cells for {len(names)} columns: quote them.")
    return Item(index, {name: cell for name, cell in zip(names, row, strict=False) if cell.strip()})


def _read_lines(text: str, _: str | Path) -> Iterable[Item]:
    return map(_from_json_line, *_numbered(text))


def _read_text(text: str, _: str | Path) -> Iterable[Item]:
    return (
        Item(index, {"prompt": line.strip()}) for index, line in zip(*_numbered(text), strict=True)
    )


def _numbered(text: str) -> tuple[range, list[str]]:
    # No other separator ends a line: JSON may hold U+2028 and its like inside of its texts.
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    return range(len(lines)), lines


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


def _too_deep(path: str | Path) -> InputError:
    return InputError(f"{shown_path(path)} is nested too deeply to be read.")


_READERS: dict[str, Callable[[str, str | Path], Iterable[Item]]] = {
    ".json": _read_json,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
