"""Database rows for what the JSON files next to the pictures say, be they new or found."""

from __future__ import annotations

import json

from unipic_tui.library.database import Database
from unipic_tui.library.layout import ENTRIES, entry_name, picture_number
from unipic_tui.library.records import clean, job_of, new_uid, seed_to_row
from unipic_tui.library.search import index_entry
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar, SessionSidecar, TrashMark


def insert_session(database: Database, data: SessionSidecar, folder: str) -> int:
    """A row for a session whose folder has that name; it becomes the latest used one."""
    used = database.number("SELECT 1 + coalesce(max(used), 0) FROM sessions")
    return database.insert(
        "sessions",
        **_identity(database, "sessions", data),
        name=data.name,
        folder=folder,
        created=data.created,
        used=used,
        next_number=data.next_number,
    )


def insert_entry(
    database: Database, data: EntrySidecar, session: int, *, folder: str, file: str = ""
) -> int:
    """A row for an entry, without its pictures and parent; its number is kept where it is free.

    Its ``file``, from the library, is there already, or is written to a session's ``folder``.
    """
    job = json.dumps(dict(data.job))
    made = job_of(job)
    entry = database.insert(
        "entries",
        **_identity(database, "entries", data),
        session=session,
        mode=made.mode,
        prompt=clean(made.prompt),
        job=job,
        state="interrupted" if data.state == "running" else data.state,
        position=data.position,
        answer=data.answer,
        error=data.error,
        created=data.created,
        seconds=data.seconds,
        origin=data.origin,
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
    picture = database.insert(
        "pictures",
        **_identity(database, "pictures", data),
        entry=entry,
        session=database.execute(sql, (entry,)).fetchone()[0],
        place=data.place,
        path=path,
        width=size[0],
        height=size[1],
        seed=seed_to_row(data.seed),
        model=data.model,
        job=json.dumps(dict(data.job)),
        created=data.created,
        seconds=data.seconds,
        favourite=data.favourite,
        note=data.note,
        hash=data.hash,
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
    row = database.execute("SELECT id FROM trash WHERE uid = ?", (mark.uid,)).fetchone()
    if row is not None:
        return int(row["id"])
    return database.insert(
        "trash",
        id=_free_number(database, "trash", mark.id),
        uid=mark.uid,
        label=mark.label,
        created=mark.created,
    )


def _identity(
    database: Database, table: str, data: SessionSidecar | EntrySidecar | PictureSidecar
) -> dict[str, object]:
    """The number and the uid where these are free, and the deletion that it is in, if any."""
    taken = database.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (data.uid,)).fetchone()
    return {
        "id": _free_number(database, table, data.id),
        # Another row has it when a folder was copied by hand.
        "uid": new_uid() if taken is not None or not data.uid else data.uid,
        "trash": None if data.trash is None else deletion(database, data.trash),
    }


def _free_number(database: Database, table: str, number: int) -> int | None:
    taken = database.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone()
    return number if number > 0 and taken is None else None
