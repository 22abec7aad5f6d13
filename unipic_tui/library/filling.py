"""Rows from files: for a database that is made anew, and for files that came without rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unipic_tui.jobs import job_to_dict
from unipic_tui.library.content import png_size
from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import ENTRIES, entry_name, inside, picture_number
from unipic_tui.library.provenance import OWN, read_making
from unipic_tui.library.rows import job_of, stamp
from unipic_tui.library.sessions import new_uid
from unipic_tui.library.sidecars import EntryFile, PictureFile
from unipic_tui.library.words import index_entry


@dataclass(frozen=True, slots=True)
class Place:
    """Where files lie: their folder in the library, its session, and the deletion, if any."""

    library: Path
    folder: str
    session: int
    trash: int | None = None

    def file(self, name: str) -> Path:
        """The place of one of its files; raises `StorageError` for a name that leads elsewhere."""
        return inside(self.library, f"{self.folder}/{name}")


def insert_entry(transaction: Transaction, data: EntryFile, place: Place, file: str) -> int:
    """A row for an entry's file; its number is kept where it is free. The parent comes later."""
    job = json.dumps(data.job)
    made = job_of(job)
    state = "interrupted" if data.state == "running" else data.state
    return transaction.insert(
        """INSERT INTO entries (id, uid, session, mode, prompt, job, state, position, answer,
            error, created, seconds, origin, file, trash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            _free(transaction, "entries", data.id),
            *(_own_uid(transaction, "entries", data.uid), place.session, made.mode, made.prompt),
            *(job, state, data.position, data.answer, data.error, data.created, data.seconds),
            *(data.origin, file, place.trash),
        ),
    )


def insert_picture(
    transaction: Transaction, data: PictureFile, entry: int, place: Place, name: str
) -> int | None:
    """A row for a picture's file; ``None`` where the file is no whole PNG.

    Raises:
        StorageError: the file is missing or cannot be read.
    """
    size = png_size(place.file(name))
    if size is None:
        return None
    job = json.dumps(data.job)
    seed = data.job.get("seed")
    picture = transaction.insert(
        """INSERT INTO pictures (id, uid, entry, session, place, path, width, height, seed, model,
            job, created, seconds, favourite, note, hash, trash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            _free(transaction, "pictures", data.id),
            *(_own_uid(transaction, "pictures", data.uid), entry, place.session, data.place),
            *(f"{place.folder}/{name}", *size, seed, data.model, job, data.created, data.seconds),
            *(data.favourite, data.note, data.hash, place.trash),
        ),
    )
    transaction.executemany(
        "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(picture, tag) for tag in data.tags]
    )
    transaction.execute(
        "UPDATE sessions SET next_number = max(next_number, ?) WHERE id = ?",
        (picture_number(name) + 1, place.session),
    )
    return picture


def adopt(transaction: Transaction, place: Place, name: str, own_only: bool = False) -> int | None:
    """Rows for a picture file that no entry names, as an entry of its own.

    Args:
        place: where it lies.
        name: its file name.
        own_only: leave pictures alone that are not ours.

    Returns:
        The entry; ``None`` where the file is no whole PNG or was left alone. Its own file is
        written with the transaction.

    Raises:
        InputError, StorageError: the file cannot be read, or is no picture.
    """
    file = place.file(name)
    if png_size(file) is None:
        return None
    making = read_making(file, Path(name).stem)
    if own_only and making.origin != OWN:
        return None
    created = stamp(datetime.fromtimestamp(file.stat().st_mtime, UTC))
    job = job_to_dict(making.job)
    picture = PictureFile(
        uid=new_uid(),
        id=0,
        place=0,
        file=name,
        job=job,
        model=making.model,
        created=created,
        seconds=0.0,
        favourite=False,
        tags=(),
        note="",
        hash=None,
    )
    data = EntryFile(
        uid=new_uid(),
        id=0,
        session="",
        parent=None,
        job=job,
        state="done",
        position=0.0,
        answer="",
        error="",
        created=created,
        seconds=0.0,
        origin="" if making.origin == OWN else making.origin,
    )
    entry = insert_entry(transaction, data, place, f"new/{new_uid()}")
    transaction.execute(
        "UPDATE entries SET file = ?, parent = ? WHERE id = ?",
        (
            f"{place.folder}/{ENTRIES}/{entry_name(entry)}",
            _parent(transaction, place, making.job.source),
            entry,
        ),
    )
    insert_picture(transaction, picture, entry, place, name)
    place.file(ENTRIES).mkdir(exist_ok=True)
    index_entry(transaction, entry)
    transaction.touch(entry)
    return entry


def _parent(transaction: Transaction, place: Place, source: str | None) -> int | None:
    """The picture that a job names as its source by the path it had then, if it is still known.

    Its session may have been renamed since; its number keeps it apart in there.
    """
    if source is None:
        return None
    name = Path(source).name
    paths = [f"{place.folder}/{name}"] if picture_number(name) else []
    if Path(source).is_relative_to(place.library):
        paths.insert(0, Path(source).relative_to(place.library).as_posix())
    for path in paths:
        row = transaction.execute("SELECT id FROM pictures WHERE path = ?", (path,)).fetchone()
        if row is not None:
            return int(row["id"])
    return None


def _free(transaction: Transaction, table: str, number: int) -> int | None:
    taken = transaction.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone()
    return number if number > 0 and taken is None else None


def _own_uid(transaction: Transaction, table: str, uid: str) -> str:
    """The uid, or a new one where another row has it: a folder was copied by hand."""
    taken = transaction.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (uid,)).fetchone()
    return new_uid() if taken is not None or not uid else uid
