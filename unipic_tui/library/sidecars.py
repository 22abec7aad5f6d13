"""The small JSON files beside the pictures, from which the database can be made anew.

A picture file holds its job. What it does not hold is kept by one file a job, written whole each
time it changes: state, answer, the picture it was made from, and its pictures' names, favourites,
tags and notes. ``session.json`` holds a session's name. Sessions, jobs and pictures have a ``uid``
in them, which stays theirs when numbers change.

What is read from these files is a stranger's word: every value has its type and range checked.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from unipic_tui.errors import StorageError
from unipic_tui.files import read_bytes, shown_path, write_atomic
from unipic_tui.jobs import Job
from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import SESSION_FILE, SESSIONS, inside
from unipic_tui.library.records import State
from unipic_tui.library.rows import clean, job_of, job_text, lenient_job, moment, stamp

FORMAT = 1
_LIMIT = 16 << 20
_STATES: tuple[str, ...] = get_args(State)
_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFile:
    """What ``session.json`` holds; times are as the database keeps them."""

    uid: str
    id: int
    name: str
    created: str
    used: int = 0
    next_number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFile:
    """What an entry's file holds about a picture.

    Attributes:
        file: its path from the folder that ``entries`` is in, or, where it lies elsewhere (in the
            trash without its entry, say), from the library.
        job: as `job_to_dict` gives it.
    """

    uid: str
    id: int
    place: int
    file: str
    job: Mapping[str, Any]
    model: str
    created: str
    seconds: float
    favourite: bool
    tags: tuple[str, ...]
    note: str
    hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFile:
    """What an entry's file holds; ``session`` and ``parent`` are the uids of these."""

    uid: str
    id: int
    session: str
    parent: str | None
    job: Mapping[str, Any]
    state: str
    position: float
    answer: str
    error: str
    created: str
    seconds: float
    origin: str
    pictures: tuple[PictureFile, ...] = field(default_factory=tuple)


def write_session(library: Path, transaction: Transaction, session: int) -> None:
    """Write the ``session.json`` of a session that is not in the trash."""
    row = transaction.execute("SELECT * FROM sessions WHERE id = ?", (session,)).fetchone()
    names = ("uid", "id", "name", "created", "used", "next_number")
    data = SessionFile(**{name: row[name] for name in names})
    _write(inside(library, f"{SESSIONS}/{row['folder']}/{SESSION_FILE}"), asdict(data), transaction)


def write_entry(library: Path, transaction: Transaction, entry: int) -> None:
    """Write the file of an entry as its rows are now; does nothing when it has none."""
    data = entry_file(transaction, entry)
    if data is not None:
        row = transaction.execute("SELECT file FROM entries WHERE id = ?", (entry,)).fetchone()
        _write(inside(library, row["file"]), asdict(data), transaction)


def entry_file(rows: Transaction | sqlite3.Connection, entry: int) -> EntryFile | None:
    """What an entry's file has to hold as its rows are now; ``None`` for one that is gone."""
    row = rows.execute(
        """SELECT e.*, p.uid AS parent_uid, s.uid AS session_uid FROM entries e
        JOIN sessions s ON s.id = e.session LEFT JOIN pictures p ON p.id = e.parent
        WHERE e.id = ?""",
        (entry,),
    ).fetchone()
    if row is None:
        return None
    home = row["file"].rsplit("/", 2)[0] + "/"
    pictures = rows.execute(
        """SELECT *, (SELECT json_group_array(tag) FROM tags WHERE picture = pictures.id) AS tags
        FROM pictures WHERE entry = ? ORDER BY id""",
        (row["id"],),
    ).fetchall()
    same = ("uid", "id", "state", "position", "answer", "error", "created", "seconds", "origin")
    return EntryFile(
        **{name: row[name] for name in same},
        session=row["session_uid"],
        parent=row["parent_uid"],
        job=_plain(job_of(row["job"])),
        pictures=tuple(
            PictureFile(
                **{
                    name: picture[name]
                    for name in (
                        "uid",
                        "id",
                        "place",
                        "model",
                        "created",
                        "seconds",
                        "note",
                        "hash",
                    )
                },
                file=picture["path"].removeprefix(home),
                job=_plain(job_of(picture["job"])),
                favourite=bool(picture["favourite"]),
                tags=tuple(json.loads(picture["tags"])),
            )
            for picture in pictures
        ),
    )


def _plain(job: Job) -> Mapping[str, Any]:
    data: dict[str, Any] = json.loads(job_text(job))
    return data


def encode(data: Mapping[str, Any]) -> bytes:
    """The bytes of one of these files."""
    # ASCII: a lone surrogate in a foreign text must not keep an entry from being written.
    return (json.dumps({"format": FORMAT, **data}, indent=1) + "\n").encode()


def _write(path: Path, data: Mapping[str, Any], transaction: Transaction) -> None:
    before: bytes | None = None
    with contextlib.suppress(StorageError):
        before = read_bytes(path, _LIMIT)
    after = encode(data)
    if after == before:
        return
    # A session's folder may have been deleted by hand.
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, after)
    if before is None:
        transaction.undo(lambda: path.unlink(missing_ok=True))
    else:
        old = before
        transaction.undo(lambda: write_atomic(path, old))


def write_touched(library: Path, transaction: Transaction) -> None:
    """Write the files of all entries that the transaction touched."""
    for entry in transaction.touched:
        write_entry(library, transaction, entry)


# reading


def read_session(path: Path) -> SessionFile:
    """What a ``session.json`` holds; raises `StorageError` when it is none."""
    values = _Values(path)
    return SessionFile(
        uid=values.text("uid"),
        id=values.whole("id"),
        name=" ".join(values.text("name").split()),
        created=values.time("created"),
        used=values.whole("used"),
        next_number=max(1, values.whole("next_number")),
    )


def read_entry(path: Path) -> EntryFile:
    """What an entry's file holds; raises `StorageError` when it is none."""
    values = _Values(path)
    state = values.text("state")
    pictures = values.data.get("pictures")
    return EntryFile(
        uid=values.text("uid"),
        id=values.whole("id"),
        session=values.text("session"),
        parent=values.text("parent") or None,
        job=values.job(),
        state=state if state in _STATES else "interrupted",
        position=values.number("position"),
        answer=values.text("answer"),
        error=values.text("error"),
        created=values.time("created"),
        seconds=values.number("seconds"),
        origin=values.text("origin"),
        pictures=tuple(
            _picture(_Values(path, each))
            for each in (pictures if isinstance(pictures, list) else [])
            if isinstance(each, dict)
        ),
    )


def _picture(values: _Values) -> PictureFile:
    tags = values.data.get("tags")
    return PictureFile(
        uid=values.text("uid"),
        id=values.whole("id"),
        place=values.whole("place"),
        file=values.text("file"),
        job=values.job(),
        model=values.text("model"),
        created=values.time("created"),
        seconds=values.number("seconds"),
        favourite=values.data.get("favourite") is True,
        tags=tuple(clean(tag) for tag in tags if isinstance(tag, str))
        if isinstance(tags, list)
        else (),
        note=values.text("note"),
        hash=values.text("hash") or None,
    )


class _Values:
    """The values of a file of ours, or of an object in it, each with its right type."""

    def __init__(self, path: Path, data: dict[str, Any] | None = None) -> None:
        if data is None:
            data = _read(path)
        self.data = data

    def text(self, name: str) -> str:
        value = self.data.get(name)
        return clean(value) if isinstance(value, str) else ""

    def whole(self, name: str) -> int:
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX:
            return 0
        return value

    def number(self, name: str) -> float:
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0.0
        try:
            return float(value) if math.isfinite(value) else 0.0
        except OverflowError:
            return 0.0

    def time(self, name: str) -> str:
        return stamp(moment(self.text(name)))

    def job(self) -> Mapping[str, Any]:
        value = self.data.get("job")
        return _plain(lenient_job(value if isinstance(value, dict) else {}))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_bytes(path, _LIMIT))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise StorageError(f"{shown_path(path)} is no file of the library, or is damaged.")
    if data["format"] > FORMAT:
        raise StorageError(f"{shown_path(path)} was written by a newer unipic-tui: update it.")
    return data
