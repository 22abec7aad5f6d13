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
from unipic_tui.job_settings import plain_name
from unipic_tui.text import one_line

LIMIT = 1_000_000_000
"""Most bytes of a file of prompts."""
PROMPT_KEYS = ("prompt", "caption", "text")
"""Keys and columns of a prompt; of several the first one counts."""
_TABLES = {".csv": ",", ".tsv": "\t"}
_FOREIGN = {".toml", ".xml", ".html", ".htm", ".ini", ".cfg", ".rtf"}
_KINDS = ".json, .jsonl, .csv, .tsv, .yaml or .txt"
_LINE_END = re.compile(r"\r\n|\r|\n")
_END = "end"
"""Put behind a table: a quote that is still open there takes it in."""


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
    rows = _rows(text, path, separator)
    names = [name.strip() for name in rows[0]] if rows else []
    names = [name.lower() if name.lower() in columns else name for name in names]
    if rows and not set(names) & set(columns):
        raise InputError(
            f"{shown_path(path)} has no column named {', '.join(columns[:-1])} or "
            f"{columns[-1]}: name the columns in its first line."
        )
    for index, name in enumerate(names):
        if name and plain_name(name) in map(plain_name, names[:index]):
            raise InputError(
                f"{shown_path(path)} has two columns named {one_line(name, 60)}: leave one out."
            )
    return (_from_row(index, names, row) for index, row in enumerate(rows[1:]))


def _rows(text: str, path: str | Path, separator: str) -> list[list[str]]:
    """The rows that hold anything.

    A quote that is never closed would swallow rows in silence. What follows a quote is therefore
    taken as leniently as many tools write it within a line only; a cell of several lines has to be
    quoted as it should be.
    """
    lines = io.StringIO(f"{text}\n{_END}", newline="").readlines()
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=separator)
    try:
        start = 0
        for row in reader:
            if reader.line_num > start + 1:
                _check_quotes(row, lines[start : reader.line_num], start, path, separator)
            start = reader.line_num
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{shown_path(path)} is not a readable table: {error}.") from None
    return [row for row in rows[:-1] if any(row)]


def _check_quotes(
    row: list[str], lines: list[str], start: int, path: str | Path, separator: str
) -> None:
    """Raise `InputError` where the quotes of a row of several lines are not those of its cells."""
    try:
        for _ in csv.reader(lines, delimiter=separator, strict=True):
            pass
    except csv.Error:
        ends = [len(_LINE_END.findall(cell)) for cell in row]
        last = max(place for place, count in enumerate(ends) if count)
        raise InputError(
            f"{shown_path(path)} has a quote in line {start + 1 + sum(ends[:last])} that is not "
            "closed: close it, or, where it belongs to the text, write the cell in quotes and each "
            "quote within it twice."
        ) from None


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
