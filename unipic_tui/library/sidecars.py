"""The small JSON files beside the pictures, from which the database can be made anew.

A picture file holds its job. What it does not hold is kept by one file a job, written whole each
time it changes: state, answer, the picture it was made from, and its pictures' names, favourites,
tags and notes. ``session.json`` holds a session's name. Sessions, jobs and pictures have a ``uid``
in them, which stays theirs when numbers change.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from unipic_tui.errors import StorageError
from unipic_tui.files import read_bytes, shown_path, write_atomic
from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import SESSION_FILE, SESSIONS, inside

FORMAT = 1
_LIMIT = 16 << 20


def write_session(library: Path, transaction: Transaction, session: int) -> None:
    """Write the ``session.json`` of a session that is not in the trash."""
    row = transaction.execute("SELECT * FROM sessions WHERE id = ?", (session,)).fetchone()
    data = {
        "format": FORMAT,
        "uid": row["uid"],
        "id": row["id"],
        "name": row["name"],
        "created": row["created"],
        "used": row["used"],
        "next_number": row["next_number"],
    }
    _write(inside(library, f"{SESSIONS}/{row['folder']}/{SESSION_FILE}"), data, transaction)


def write_entry(library: Path, transaction: Transaction, entry: int) -> None:
    """Write the file of an entry as its rows are now; does nothing when it has none."""
    row = transaction.execute(
        """SELECT e.*, p.uid AS parent_uid FROM entries e LEFT JOIN pictures p ON p.id = e.parent
        WHERE e.id = ?""",
        (entry,),
    ).fetchone()
    if row is None:
        return
    pictures = transaction.execute(
        """SELECT *, (SELECT json_group_array(tag) FROM tags WHERE picture = pictures.id) AS tags
        FROM pictures WHERE entry = ? ORDER BY id""",
        (entry,),
    ).fetchall()
    home = row["file"].rpartition("/")[0].rpartition("/")[0]
    data = {
        "format": FORMAT,
        "uid": row["uid"],
        "id": row["id"],
        "parent": row["parent_uid"],
        "job": json.loads(row["job"]),
        "state": row["state"],
        "position": row["position"],
        "answer": row["answer"],
        "error": row["error"],
        "created": row["created"],
        "seconds": row["seconds"],
        "origin": row["origin"],
        "pictures": [
            {
                "uid": picture["uid"],
                "id": picture["id"],
                "place": picture["place"],
                # Beside its entry a name is enough; in the trash without it, or the other way
                # round, the path in the library is needed.
                "file": picture["path"].removeprefix(home + "/"),
                "job": json.loads(picture["job"]),
                "model": picture["model"],
                "created": picture["created"],
                "seconds": picture["seconds"],
                "favourite": bool(picture["favourite"]),
                "tags": json.loads(picture["tags"]),
                "note": picture["note"],
            }
            for picture in pictures
        ],
    }
    _write(inside(library, row["file"]), data, transaction)


def _write(path: Path, data: dict[str, Any], transaction: Transaction) -> None:
    before: bytes | None = None
    with contextlib.suppress(StorageError):
        before = read_bytes(path, _LIMIT)
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    # A lone surrogate in hostile text must not keep an entry from being written.
    write_atomic(path, text.encode("utf-8", "replace"))
    if before is None:
        transaction.undo(lambda: path.unlink(missing_ok=True))
    else:
        old = before
        transaction.undo(lambda: write_atomic(path, old))


def read(path: Path) -> dict[str, Any]:
    """What one of these files holds.

    Raises:
        StorageError: it cannot be read or is none of these files.
    """
    try:
        data = json.loads(read_bytes(path, _LIMIT))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise StorageError(f"{shown_path(path)} is no file of the library, or is damaged.")
    if data["format"] > FORMAT:
        raise StorageError(f"{shown_path(path)} was written by a newer unipic-tui: update it.")
    return data


def touched(library: Path, transaction: Transaction) -> None:
    """Write the files of all entries that the transaction touched."""
    for entry in transaction.touched:
        write_entry(library, transaction, entry)
