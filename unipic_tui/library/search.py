"""Search: words, "phrases", -without, and filters, over prompts, answers, tags and notes.

A word matches the beginning of a word in prompts, answers, tags and notes. Filters:

    mode:edit       draw (or generate), edit, describe
    state:failed    any state; several with commas
    fav:            favourites; note: with a note
    tag:portrait    pictures with that tag
    size:1024       a side of that many pixels; size:1024x768 both
    seed:42         the picture's own seed
    model:nano      part of the model's name
    session:light   part of the session's name
    after:2026-11   made on or after that year, month or day; before: made before it
    -…              what must not match, for words and filters

All must match. An unknown filter is looked for as words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import get_args

from unipic_tui.errors import InputError
from unipic_tui.library.database import Database
from unipic_tui.library.records import SELECT_ENTRIES, Entry, State, clean, entry_of, seed_to_row
from unipic_tui.library.storage import Storage

Condition = tuple[str, list[object]]

_TOKEN = re.compile(r'(-?)(?:([A-Za-z]+):)?(?:"([^"]*)"?|([^\s"]*))')
_MODES = {"drawn": "generate", "generated": "generate", "edited": "edit", "described": "describe"}
_STATES: tuple[str, ...] = get_args(State)
_OF_PICTURE = "EXISTS (SELECT 1 FROM pictures p WHERE p.entry = e.id AND p.trash IS NULL AND {})"
# Scripts written without spaces: each sign is indexed as a word, and searched for as a phrase.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Either form is right; this one is quick where few pictures match.
_AMONG_PICTURES = "e.id IN (SELECT p.entry FROM pictures p WHERE p.trash IS NULL AND {})"


class Search:
    """Finds entries in a library."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def find(self, query: str, limit: int = 500) -> list[Entry]:
        """Entries that match words and filters, the latest first (see the top of this module).

        Raises:
            InputError: a filter has a value it cannot have.
        """
        condition, values = _parse(query)
        rows = self._storage.database.rows(
            f"{SELECT_ENTRIES} WHERE e.trash IS NULL AND {condition} ORDER BY e.id DESC LIMIT ?",
            (*values, limit),
        )
        return [entry_of(row, self._storage.folder) for row in rows]

    def prompts(self, limit: int = 1000) -> list[str]:
        """Distinct prompts across all sessions, the latest first."""
        rows = self._storage.database.rows(
            """SELECT prompt, max(id) AS latest FROM entries
            WHERE trash IS NULL AND origin = '' GROUP BY prompt ORDER BY latest DESC LIMIT ?""",
            (limit,),
        )
        return [row["prompt"] for row in rows]


def unknown_filters(query: str) -> list[str]:
    """What looks like a filter in a query and is none, so that it is looked for as words."""
    found = (match[2] for match in _TOKEN.finditer(clean(query)[:2000]) if match[2])
    return [f"{name}:" for name in dict.fromkeys(found) if name.lower() not in _FILTERS]


def filter_names() -> list[str]:
    """The filters there are."""
    return [f"{name}:" for name in _FILTERS]


def index_entry(database: Database, entry: int) -> None:
    """Make search find an entry by what its rows say now."""
    database.execute("DELETE FROM words WHERE rowid = ?", (entry,))
    row = database.row("SELECT prompt, answer FROM entries WHERE id = ?", (entry,))
    if row is None:
        return
    tags = database.execute(
        """SELECT group_concat(tag, ' ') FROM tags JOIN pictures p ON p.id = picture
        WHERE p.entry = ?""",
        (entry,),
    ).fetchone()[0]
    notes = database.execute(
        "SELECT group_concat(note, ' ') FROM pictures WHERE entry = ? AND note <> ''", (entry,)
    ).fetchone()[0]
    database.execute(
        "INSERT INTO words (rowid, prompt, answer, tags, notes) VALUES (?, ?, ?, ?, ?)",
        (entry, *(_spaced(text or "") for text in (row["prompt"], row["answer"], tags, notes))),
    )


def _spaced(text: str) -> str:
    """The text with the signs of scripts that use no spaces set apart."""
    return _UNSPACED.sub(r" \g<0> ", text)


def _parse(query: str) -> tuple[str, tuple[object, ...]]:
    """The SQL condition on ``entries e`` for a query, with its values.

    Raises:
        InputError: a filter has a value it cannot have.
    """
    conditions: list[str] = ["1"]
    values: list[object] = []
    wanted: list[str] = []
    for match in _TOKEN.finditer(clean(query)[:2000].replace("\0", " ")):
        minus, name, phrase, word = match.groups()
        text = (phrase if phrase is not None else word or "").strip()
        filter_ = _FILTERS.get((name or "").lower())
        if filter_ is not None and not text and name.lower() in _NEED_VALUE:
            continue  # still being typed
        if filter_ is not None:
            condition, more = filter_(text)
            conditions.append(f"NOT {condition}" if minus else condition)
            values += more
            continue
        terms = _terms(f"{name} {text}" if name else text, prefix=phrase is None)
        if terms and minus:
            conditions.append("e.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
            values.append(terms)
        elif terms:
            wanted.append(terms)
    if wanted:
        conditions.append("e.id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" AND ".join(wanted))
    return " AND ".join(conditions), tuple(values)


def _terms(text: str, prefix: bool) -> str:
    """Text as a phrase of FTS5, its last word as a beginning."""
    words = _spaced(text).split()
    words = [
        "".join(char if char.isalnum() or char > "\x7f" else " " for char in word) for word in words
    ]
    phrase = " ".join(" ".join(words).split())
    if not phrase:
        return ""
    return f'"{phrase}"*' if prefix else f'"{phrase}"'


def _mode(text: str) -> Condition:
    modes = sorted({mode for name, mode in _MODES.items() if name.startswith(text.lower())})
    if not modes:
        raise InputError(f"mode:{text} is unknown: use mode:draw, mode:edit or mode:describe.")
    return f"e.mode IN ({', '.join('?' * len(modes))})", list(modes)


def _state(text: str) -> Condition:
    states = [state for state in text.lower().split(",") if state]
    unknown = [state for state in states if state not in _STATES]
    if unknown:
        raise InputError(f"state:{unknown[0]} is unknown: use one of {', '.join(_STATES)}.")
    return f"e.state IN ({', '.join('?' * len(states))})", list(states)


def _size(text: str) -> Condition:
    sides = re.split("[x×]", text.lower().rstrip("x×"))
    if len(sides) > 2 or not all(re.fullmatch(r"\d{1,9}", side, re.ASCII) for side in sides):
        raise InputError(f"size:{text} is no size: write size:1024 or size:1024x768.")
    if len(sides) == 1:
        return _OF_PICTURE.format("? IN (p.width, p.height)"), [int(sides[0])]
    return _OF_PICTURE.format("p.width = ? AND p.height = ?"), [int(sides[0]), int(sides[1])]


def _seed(text: str) -> Condition:
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 64):
        raise InputError(f"seed:{text} is no seed: write a whole number, as in seed:42.")
    return _AMONG_PICTURES.format("p.seed = ?"), [seed_to_row(int(text))]


def _like(column: str, within: str) -> Callable[[str], Condition]:
    def condition(text: str) -> Condition:
        escaped = re.sub(r"([\\%_])", r"\\\1", text)
        return within.format(f"{column} LIKE ? ESCAPE '\\'"), [f"%{escaped}%"]

    return condition


def _tag(text: str) -> Condition:
    if not text:
        return _OF_PICTURE.format("EXISTS (SELECT 1 FROM tags WHERE picture = p.id)"), []
    tag = " ".join(text.lstrip("#").split()).casefold()
    return (
        """e.id IN (SELECT p.entry FROM tags JOIN pictures p ON p.id = picture
        WHERE tag = ? AND p.trash IS NULL)""",
        [tag],
    )


def _date(name: str, sign: str) -> Callable[[str], Condition]:
    def condition(text: str) -> Condition:
        match = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", text, re.ASCII)
        try:
            if match is None:
                raise ValueError
            day = datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1)).astimezone()
        except (ValueError, OverflowError, OSError):
            raise InputError(
                f"{name}:{text} is no date: write {name}:2026, {name}:2026-11 or {name}:2026-11-24."
            ) from None
        return f"e.created {sign} ?", [day.astimezone(UTC).isoformat(timespec="milliseconds")]

    return condition


_FILTERS: dict[str, Callable[[str], Condition]] = {
    "mode": _mode,
    "state": _state,
    "fav": lambda _: (_AMONG_PICTURES.format("p.favourite"), []),
    "note": lambda _: (_AMONG_PICTURES.format("p.note <> ''"), []),
    "tag": _tag,
    "size": _size,
    "seed": _seed,
    "model": _like("p.model", _OF_PICTURE),
    "session": _like("s.name", "e.session IN (SELECT s.id FROM sessions s WHERE {})"),
    "after": _date("after", ">="),
    "before": _date("before", "<"),
}
_NEED_VALUE = frozenset({"state", "size", "seed", "after", "before"})
