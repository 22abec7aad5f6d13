"""The small JSON files next to the pictures, from which the database can be rebuilt.

A picture file holds its job. What it does not hold is kept by one file a job, written whole each
time it changes: state, answer, session, the picture it was made from, and its pictures' names,
favourites, tags and notes, and whether all that is in the trash. ``session.json`` holds a session's
name. Sessions, jobs and pictures have a ``uid``, which stays theirs when numbers and names change.

What is read from these files is a stranger's word: every value has its type and range checked.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

from unipic_tui.errors import StorageError
from unipic_tui.files import read_bytes, shown_path, write_atomic
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import Job
from unipic_tui.library.database import Database
from unipic_tui.library.layout import SESSION_FILE, SESSIONS, inside
from unipic_tui.library.records import (
    State,
    clean,
    job_of,
    lenient_job,
    moment,
    new_uid,
    now,
    same_values,
    seed_of_row,
    stamp,
)

FORMAT = 2
"""Files of format 1 lack ``seed`` and ``trash``; what was deleted lay in a folder of its own."""
_LIMIT = 16 << 20
_STATES: tuple[str, ...] = get_args(State)
_MAX = 2**63 - 1
_MAX_SEED = 2**64 - 1
_MARK = """(SELECT json_object('id', id, 'uid', uid, 'label', label, 'created', created)
    FROM trash WHERE id = {}.trash) AS mark"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashMark:
    """Says that something is in the trash, and by which deletion."""

    id: int
    uid: str
    label: str
    created: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSidecar:
    """What ``session.json`` holds; times are as the database keeps them."""

    uid: str = field(default_factory=new_uid)
    id: int = 0
    name: str
    created: str = field(default_factory=now)
    used: int = 0
    next_number: int = 1
    trash: TrashMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSidecar:
    """What an entry's file holds about a picture.

    Attributes:
        file: its path from the folder that ``entries`` is in, or, where it lies elsewhere, from
            the library.
        job: as `job_to_dict` gives it.
        seed: 0 to 2^64-1; `None` where it is not known.
    """

    uid: str = field(default_factory=new_uid)
    id: int = 0
    place: int = 0
    file: str = ""
    job: Mapping[str, Any]
    seed: int | None
    model: str
    created: str = field(default_factory=now)
    seconds: float = 0.0
    favourite: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""
    hash: str | None = None
    trash: TrashMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySidecar:
    """What an entry's file holds; ``session`` and ``parent`` are the uids of these."""

    uid: str = field(default_factory=new_uid)
    id: int = 0
    session: str = ""
    parent: str | None = None
    job: Mapping[str, Any]
    state: str
    position: float = 0.0
    answer: str = ""
    error: str = ""
    created: str = field(default_factory=now)
    seconds: float = 0.0
    origin: str = ""
    trash: TrashMark | None = None
    pictures: tuple[PictureSidecar, ...] = ()


# writing


def session_sidecar(database: Database, session: int) -> SessionSidecar:
    """What the ``session.json`` of a session has to hold as its row is now."""
    sql = f"SELECT s.*, {_MARK.format('s')} FROM sessions s WHERE id = ?"
    row = database.row(sql, (session,))
    assert row is not None
    return SessionSidecar(**same_values(SessionSidecar, row, trash=_mark(row)))


def write_session(library: Path, database: Database, session: int) -> None:
    """Write the ``session.json`` of a session."""
    row = database.execute("SELECT folder FROM sessions WHERE id = ?", (session,)).fetchone()
    data = asdict(session_sidecar(database, session))
    _write(inside(library, f"{SESSIONS}/{row['folder']}/{SESSION_FILE}"), data, database)


def write_touched(library: Path, database: Database) -> None:
    """Write the files of all entries that the transaction touched, as their rows are now."""
    for entry in database.touched:
        data = entry_sidecar(database, entry)
        if data is not None:
            row = database.execute("SELECT file FROM entries WHERE id = ?", (entry,)).fetchone()
            _write(inside(library, row["file"]), asdict(data), database)


def entry_sidecar(database: Database, entry: int) -> EntrySidecar | None:
    """What an entry's file has to hold as its rows are now; ``None`` for one that is gone."""
    row = database.row(
        f"""SELECT e.*, p.uid AS parent_uid, s.uid AS session_uid, {_MARK.format("e")}
        FROM entries e JOIN sessions s ON s.id = e.session LEFT JOIN pictures p ON p.id = e.parent
        WHERE e.id = ?""",
        (entry,),
    )
    if row is None:
        return None
    home = row["file"].rsplit("/", 2)[0] + "/"
    pictures = database.rows(
        f"""SELECT p.*, {_MARK.format("p")},
            (SELECT json_group_array(tag) FROM tags WHERE picture = p.id) AS tags
        FROM pictures p WHERE entry = ? ORDER BY id""",
        (entry,),
    )
    return EntrySidecar(
        **same_values(
            EntrySidecar,
            row,
            session=row["session_uid"],
            parent=row["parent_uid"],
            job=_plain(job_of(row["job"])),
            trash=_mark(row),
            pictures=tuple(_picture_sidecar(picture, home) for picture in pictures),
        )
    )


def _picture_sidecar(row: sqlite3.Row, home: str) -> PictureSidecar:
    return PictureSidecar(
        **same_values(
            PictureSidecar,
            row,
            file=row["path"].removeprefix(home),
            job=_plain(job_of(row["job"])),
            seed=seed_of_row(row["seed"]),
            favourite=bool(row["favourite"]),
            tags=tuple(json.loads(row["tags"])),
            trash=_mark(row),
        )
    )


def _mark(row: sqlite3.Row) -> TrashMark | None:
    return None if row["mark"] is None else TrashMark(**json.loads(row["mark"]))


def _plain(job: Job) -> Mapping[str, Any]:
    """The job as it is after being written and read."""
    data: dict[str, Any] = json.loads(json.dumps(job_to_dict(job)))
    return data


def encode(data: Mapping[str, Any]) -> bytes:
    """The bytes of one of these files."""
    # ASCII: a lone surrogate in a foreign text must not keep an entry from being written.
    return (json.dumps({"format": FORMAT, **data}, indent=1) + "\n").encode()


def _write(path: Path, data: Mapping[str, Any], database: Database) -> None:
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
        database.undo(lambda: path.unlink(missing_ok=True))
    else:
        old = before
        database.undo(lambda: write_atomic(path, old))


# reading


def read_session(path: Path) -> SessionSidecar:
    """What a ``session.json`` holds; raises `StorageError` when it is none."""
    data = SessionSidecar(**_Values(path).of(SessionSidecar))
    return replace(data, name=" ".join(data.name.split()), next_number=max(1, data.next_number))


def read_entry(path: Path) -> EntrySidecar:
    """What an entry's file holds; raises `StorageError` when it is none."""
    values = _Values(path)
    data = EntrySidecar(**values.of(EntrySidecar), job=values.job())
    listed = values.data.get("pictures")
    pictures = tuple(
        _picture(_Values(path, each), values.data["format"] == 1 and data.origin != "file")
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
    )
    state = data.state if data.state in _STATES else "interrupted"
    return replace(data, state=state, pictures=pictures)


def _picture(values: _Values, seed_of_job: bool) -> PictureSidecar:
    job = values.job()
    seed = (job if seed_of_job else values.data).get("seed")
    known = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= _MAX_SEED
    tags = values.data.get("tags")
    tags = tags if isinstance(tags, list) else []
    return PictureSidecar(
        **values.of(PictureSidecar),
        job=job,
        seed=seed if known else None,
        tags=tuple(clean(tag) for tag in tags if isinstance(tag, str)),
    )


class _Values:
    """The values of a file of ours, or of an object in it, each with its right type."""

    def __init__(self, path: Path, data: dict[str, Any] | None = None) -> None:
        self.path = path
        self.data = _read(path) if data is None else data

    def of(self, kind: type) -> dict[str, Any]:
        """The values of a dataclass's fields, by their types; those of other types are left out."""
        readers: dict[str, Callable[[str], Any]] = {
            "str": self.text,
            "str | None": lambda name: self.text(name) or None,
            "int": self.whole,
            "float": self.number,
            "bool": lambda name: self.data.get(name) is True,
            "TrashMark | None": self.mark,
        }
        found = {
            field.name: readers[str(field.type)](field.name)
            for field in fields(kind)
            if field.type in readers
        }
        return found | {"created": stamp(moment(self.text("created")))}

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

    def mark(self, name: str) -> TrashMark | None:
        value = self.data.get(name)
        mark = _Values(self.path, value) if isinstance(value, dict) else None
        return TrashMark(**mark.of(TrashMark)) if mark and mark.text("uid") else None

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
