"""Rebuilding the database from the files alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import shown_path, sync_folder
from unipic_tui.library import sidecars
from unipic_tui.library.database import Database, translated
from unipic_tui.library.layout import DATABASE, LOCKS, SESSION_FILE, SESSIONS
from unipic_tui.library.locks import FileLock
from unipic_tui.library.orphans import Orphans
from unipic_tui.library.storage import make_folders

OLD = f"{DATABASE}.old"
_NEW = f"{DATABASE}.new"


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found: numbers of rows, and a sentence for each file that it left out."""

    sessions: int = 0
    entries: int = 0
    pictures: int = 0
    problems: list[str] = field(default_factory=list)


def has_files(folder: Path) -> bool:
    """Whether a library's folder holds sessions, so that a missing database can be rebuilt."""
    try:
        return any(item.is_dir() for item in os.scandir(folder / SESSIONS))
    except OSError:
        return False


def rebuild(folder: Path, progress: Callable[[float], None] = lambda _: None) -> Rebuilt:
    """Rebuild a library's database from its files; the old one stays as ``library.db.old``.

    Kept are sessions, jobs with state, answer and parent, pictures with favourites, tags and
    notes, the queue and the trash. What was running comes back as ``interrupted``. Files and
    folders that were renamed or moved are known by what is in them.

    Args:
        folder: the library's.
        progress: is told now and then how much of it is done, 0 to 1.

    Raises:
        StorageError: the folder cannot be used, or is open in another window.
    """
    make_folders(folder)
    lock = FileLock(folder / LOCKS / "open")
    if not lock.take():
        raise StorageError(
            f"The library {shown_path(folder)} is open in another window: close it, then rebuild."
        )
    try:
        _remove(folder / _NEW)
        with translated(folder / _NEW):
            database = Database(
                folder / _NEW, lambda database: sidecars.write_touched(folder, database)
            )
            try:
                found = _fill(folder, database, progress)
                database.connection.execute("UPDATE meta SET value = 0 WHERE key = 'dirty'")
                database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                database.close()
            _replace(folder)
        return found
    finally:
        lock.release()


def _remove(database: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{database}{ending}").unlink(missing_ok=True)


def _replace(folder: Path) -> None:
    """Put the new database in the old one's place; a kill leaves one of the two, complete."""
    current, old = folder / DATABASE, folder / OLD
    if current.exists():
        _remove(old)
        with contextlib.suppress(sqlite3.Error):
            connection = sqlite3.connect(current)
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()
        with contextlib.suppress(OSError):  # a file system without hard links keeps no old one
            old.hardlink_to(current)
    # A log that is left belongs to the old database and would be read into the new one.
    for ending in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{current}{ending}").replace(f"{old}{ending}")
    (folder / _NEW).replace(current)
    sync_folder(folder)


def _fill(folder: Path, database: Database, progress: Callable[[float], None]) -> Rebuilt:
    """Fill an empty database from a library's files."""
    orphans = Orphans(folder, database)
    found = Rebuilt()
    with database.write():
        for place in orphans.session_folders():
            if (folder / place / SESSION_FILE).is_file():
                with _noted(found):
                    sidecars.read_session(folder / place / SESSION_FILE)
                    orphans.session_of(place)
        files = orphans.entries()
        for number, file in enumerate(files):
            progress(number / len(files) / 2)
            with _noted(found):
                orphans.adopt_entry(file)
        for path, file in orphans.adopt_lost():
            found.problems.append(
                f"The picture {shown_path(path)} that {shown_path(file)} names is missing."
            )
        paths = orphans.pictures()
        for number, path in enumerate(paths):
            progress((1 + number / len(paths)) / 2)
            with _noted(found):
                if orphans.adopt_picture(path) is None:
                    found.problems.append(f"The picture {shown_path(path)} is cut short.")
        orphans.link_parents()
        _order_sessions(database)
        for table in ("sessions", "entries", "pictures"):
            count = database.number(f"SELECT count(*) FROM {table}")
            setattr(found, table, count)
    return found


@contextlib.contextmanager
def _noted(found: Rebuilt) -> Iterator[None]:
    """Note what is wrong with a file, and go on."""
    try:
        yield
    except UnipicError as error:
        found.problems.append(error.message)


def _order_sessions(database: Database) -> None:
    """Bring the sessions into the order in which they were used, as far as rows tell."""
    rows = database.rows(
        """SELECT s.id FROM sessions s LEFT JOIN entries e ON e.session = s.id GROUP BY s.id
        ORDER BY max(coalesce(max(e.created), s.created), s.created), s.id"""
    )
    for used, row in enumerate(rows, 1):
        database.execute("UPDATE sessions SET used = ? WHERE id = ?", (used, row["id"]))
