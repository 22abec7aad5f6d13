"""Database rows for what the JSON files next to the pictures say, be they new or found."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from unipic_tui.library.database import Database
from unipic_tui.library.layout import ENTRIES, entry_name, picture_number
from unipic_tui.library.records import clean, job_of, new_uid, seed_to_row
from unipic_tui.library.search import index_entry
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar, SessionSidecar, TrashMark


def insert_session(database: Database, data: SessionSidecar, folder: str) -> int:
    """A row for a session whose folder has that name; it becomes the latest used one."""
    used = database.number("SELECT 1 + coalesce(max(used), 0) FROM sessions")
    return _insert(database, "sessions", data, folder=folder, used=used)


def insert_entry(
    database: Database, data: EntrySidecar, session: int, *, folder: str, file: str = ""
) -> int:
    """A row for an entry, without its pictures and parent; its number is kept where it is free.

    Its ``file``, from the library, is there already, or is written to a session's ``folder``.
    """
    job = json.dumps(dict(data.job))
    made = job_of(job)
    entry = _insert(
        database,
        "entries",
        data,
        session=session,
        mode=made.mode,
        prompt=clean(made.prompt),
        job=job,
        state="interrupted" if data.state == "running" else data.state,
        file=file or f"new/{new_uid()}",
    )
    if not file:
        file = f"{folder}/{ENTRIES}/{entry_name(entry)}"
        database.execute("UPDATE entries SET file = ? WHERE id = ?", (file, entry))
        database.touch(entry)
    index_entry(database, entry)
    return entry


def insert_picture(
    database: Database, data: PictureSidecar, entry: int, path: str, size: tuple[int, int]
) -> int:
    """A row for a picture of an entry, which belongs to the entry's session.

    ``path`` is its file, from the library; ``size`` its width and height, in pixels.
    """
    sql = "SELECT session FROM entries WHERE id = ?"
    picture = _insert(
        database,
        "pictures",
        data,
        entry=entry,
        session=database.number(sql, (entry,)),
        path=path,
        width=size[0],
        height=size[1],
        seed=seed_to_row(data.seed),
        job=json.dumps(dict(data.job)),
    )
    database.executemany(
        "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(picture, tag) for tag in data.tags]
    )
    folder, _, name = path.rpartition("/")
    database.execute(
        "UPDATE sessions SET next_number = max(next_number, ?) WHERE folder = ?",
        (picture_number(name) + 1, folder.rpartition("/")[2]),
    )
    return picture


def deletion(database: Database, mark: TrashMark) -> int:
    """The row of the deletion that a mark names, inserted where it is not there."""
    row = database.row("SELECT id FROM trash WHERE uid = ?", (mark.uid,))
    if row is not None:
        return int(row["id"])
    values = asdict(mark) | {"id": _free_number(database, "trash", mark.id)}
    return database.insert("trash", **values)


def _insert(
    database: Database,
    table: str,
    data: SessionSidecar | EntrySidecar | PictureSidecar,
    **others: object,
) -> int:
    """A row of the columns named like the fields of ``data``, and of others.

    It gets the number and the uid where these are free, and the deletion that it is in, if any.
    """
    names = [field.name for field in fields(data) if field.name not in _NO_COLUMNS]
    same = {name: getattr(data, name) for name in names}
    taken = database.row(f"SELECT 1 FROM {table} WHERE uid = ?", (data.uid,))
    same["id"] = _free_number(database, table, data.id)
    # Another row has it when a folder was copied by hand.
    same["uid"] = new_uid() if taken is not None or not data.uid else data.uid
    same["trash"] = None if data.trash is None else deletion(database, data.trash)
    return database.insert(table, **same | others)


_NO_COLUMNS = {"file", "tags", "pictures", "parent"}
"""Fields that are kept in other tables, or in a column of another name."""


def _free_number(database: Database, table: str, number: int) -> int | None:
    taken = database.row(f"SELECT 1 FROM {table} WHERE id = ?", (number,))
    return number if number > 0 and taken is None else None
