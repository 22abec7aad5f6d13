"""Database rows for what the files beside the pictures say, be they new or found."""

from __future__ import annotations

import json

from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import ENTRIES, entry_name, picture_number
from unipic_tui.library.records import clean, job_of, new_uid, seed_to_row
from unipic_tui.library.search import index_entry
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar, SessionSidecar, TrashMark


def insert_session(transaction: Transaction, data: SessionSidecar, folder: str) -> int:
    """A row for a session whose folder has that name; it becomes the latest used one."""
    return transaction.insert(
        """INSERT INTO sessions (id, uid, name, folder, created, next_number, trash, used)
        VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT 1 + coalesce(max(used), 0) FROM sessions))""",
        (
            _free_number(transaction, "sessions", data.id),
            _free_uid(transaction, "sessions", data.uid),
            *(data.name, folder, data.created, data.next_number),
            deletion(transaction, data.trash),
        ),
    )


def insert_entry(
    transaction: Transaction, data: EntrySidecar, session: int, *, folder: str, file: str = ""
) -> int:
    """A row for an entry; its number is kept where it is free.

    Args:
        data: the entry; its pictures and its parent are not looked at.
        session: the session that it belongs to.
        folder: the folder that its file is written to, from the library.
        file: the file, from the library, where there is one.
    """
    job = json.dumps(dict(data.job))
    made = job_of(job)
    entry = transaction.insert(
        """INSERT INTO entries (id, uid, session, mode, prompt, job, state, position, answer,
            error, created, seconds, origin, file, trash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            _free_number(transaction, "entries", data.id),
            _free_uid(transaction, "entries", data.uid),
            *(session, made.mode, clean(made.prompt), job),
            "interrupted" if data.state == "running" else data.state,
            *(data.position, data.answer, data.error, data.created, data.seconds, data.origin),
            *(file or f"new/{new_uid()}", deletion(transaction, data.trash)),
        ),
    )
    if not file:
        file = f"{folder}/{ENTRIES}/{entry_name(entry)}"
        transaction.execute("UPDATE entries SET file = ? WHERE id = ?", (file, entry))
        transaction.touch(entry)
    index_entry(transaction, entry)
    return entry


def insert_picture(
    transaction: Transaction, data: PictureSidecar, entry: int, path: str, size: tuple[int, int]
) -> int:
    """A row for a picture of an entry, which belongs to the entry's session.

    Args:
        data: the picture.
        entry: the entry's number.
        path: its file, from the library.
        size: width and height, in pixels.
    """
    picture = transaction.insert(
        """INSERT INTO pictures (id, uid, entry, session, place, path, width, height, seed, model,
            job, created, seconds, favourite, note, hash, trash)
        VALUES (?, ?, ?, (SELECT session FROM entries WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
            ?, ?, ?)""",
        (
            _free_number(transaction, "pictures", data.id),
            _free_uid(transaction, "pictures", data.uid),
            *(entry, entry, data.place, path, *size, seed_to_row(data.seed), data.model),
            *(json.dumps(dict(data.job)), data.created, data.seconds, data.favourite, data.note),
            *(data.hash, deletion(transaction, data.trash)),
        ),
    )
    transaction.executemany(
        "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(picture, tag) for tag in data.tags]
    )
    folder, _, name = path.rpartition("/")
    transaction.execute(
        "UPDATE sessions SET next_number = max(next_number, ?) WHERE folder = ?",
        (picture_number(name) + 1, folder.rpartition("/")[2]),
    )
    return picture


def deletion(transaction: Transaction, mark: TrashMark | None) -> int | None:
    """The row of the deletion that a mark names, inserted where it is not there."""
    if mark is None:
        return None
    row = transaction.execute("SELECT id FROM trash WHERE uid = ?", (mark.uid,)).fetchone()
    if row is not None:
        return int(row["id"])
    return transaction.insert(
        "INSERT INTO trash (id, uid, label, created) VALUES (?, ?, ?, ?)",
        (_free_number(transaction, "trash", mark.id), mark.uid, mark.label, mark.created),
    )


def _free_number(transaction: Transaction, table: str, number: int) -> int | None:
    taken = transaction.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone()
    return number if number > 0 and taken is None else None


def _free_uid(transaction: Transaction, table: str, uid: str) -> str:
    """The uid, or a new one where another row has it: a folder was copied by hand."""
    taken = transaction.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (uid,)).fetchone()
    return new_uid() if taken is not None or not uid else uid
