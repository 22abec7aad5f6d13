"""Making the database anew from the files alone."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import shown_path, storage_error, sync_folder
from unipic_tui.library import sidecars
from unipic_tui.library.database import Database, Transaction, translated
from unipic_tui.library.filling import Place, adopt, insert_entry, insert_picture
from unipic_tui.library.layout import (
    DATABASE,
    ENTRIES,
    FOLDERS,
    LOCKS,
    SESSION_FILE,
    SESSIONS,
    TRASH,
)
from unipic_tui.library.locks import FileLock
from unipic_tui.library.rows import clean, stamp
from unipic_tui.library.sessions import new_uid
from unipic_tui.library.sidecars import EntryFile, SessionFile
from unipic_tui.library.words import index_entry

OLD = f"{DATABASE}.old"
_NEW = f"{DATABASE}.new"
_DAY = re.compile(r"\d{4}-\d\d-\d\d-")


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found: numbers of rows, and a sentence for each file that it left out."""

    sessions: int = 0
    entries: int = 0
    pictures: int = 0
    problems: list[str] = field(default_factory=list)


def has_files(folder: Path) -> bool:
    """Whether a library's folder holds sessions, so that a missing database can be made anew."""
    try:
        return any(item.is_dir() for item in os.scandir(folder / SESSIONS))
    except OSError:
        return False


def rebuild(folder: Path) -> Rebuilt:
    """Make a library's database anew from its files; the old one stays as ``library.db.old``.

    Kept are sessions, jobs with state, answer and parent, pictures with favourites, tags and
    notes, the queue and the trash. Trashed things keep their place; when they were deleted is
    taken from their folder's time. What was running comes back as ``interrupted``.

    Raises:
        StorageError: the folder cannot be used, or is open in another window.
    """
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder, "use the library") from error
    lock = FileLock(folder / LOCKS / "open")
    if not lock.take():
        raise StorageError(
            f"The library {shown_path(folder)} is open in another window: close it, then rebuild."
        )
    try:
        _remove(folder / _NEW)
        with translated(folder / _NEW):
            database = Database(
                folder / _NEW, lambda transaction: sidecars.write_touched(folder, transaction)
            )
            try:
                with database.write() as transaction:
                    found = _Filler(folder, transaction).fill()
                connection = database.connection()
                connection.execute("UPDATE meta SET value = 0 WHERE key = 'dirty'")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("PRAGMA journal_mode = DELETE")
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


class _Filler:
    """Fills an empty database from a library's files, within one transaction."""

    def __init__(self, library: Path, transaction: Transaction) -> None:
        self.library = library
        self.transaction = transaction
        self.found = Rebuilt()
        self.pictures = dict.fromkeys(_pictures(library), False)
        """All picture files by their path in the library, and whether they have a row."""
        self.by_uid: dict[str, int] = {}
        self.parents: dict[int, str] = {}

    def fill(self) -> Rebuilt:
        places = list(self._places())
        for place in places:
            self._entries(place)
        unnamed: dict[str, list[str]] = {}
        for path in [path for path, taken in self.pictures.items() if not taken]:
            folder, _, name = path.rpartition("/")
            unnamed.setdefault(folder, []).append(name)
        for place in places:
            self._adopt(place, unnamed.get(place.folder, []))
        for entry, uid in self.parents.items():
            self.transaction.execute(
                "UPDATE entries SET parent = ? WHERE id = ?", (self.by_uid.get(uid), entry)
            )
        self._order_sessions()
        for table in ("sessions", "entries", "pictures"):
            count = self.transaction.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            setattr(self.found, table, count)
        return self.found

    def _order_sessions(self) -> None:
        """Bring the sessions into the order in which they were used, as far as rows tell."""
        rows = self.transaction.execute(
            """SELECT s.id FROM sessions s LEFT JOIN entries e ON e.session = s.id GROUP BY s.id
            ORDER BY max(coalesce(max(e.created), s.created), s.created), s.id"""
        ).fetchall()
        for used, row in enumerate(rows, 1):
            self.transaction.execute("UPDATE sessions SET used = ? WHERE id = ?", (used, row["id"]))

    # places: folders that hold files of one session, live or in one deletion

    def _places(self) -> list[Place]:
        live = [path for path in _folders(self.library / SESSIONS) if _holds_something(path)]
        thrown = [
            (batch, path) for batch in _folders(self.library / TRASH) for path in _folders(batch)
        ]
        places = [self._place(path, self._session(path, None, path.name)) for path in live]
        deletions = {batch.name: self._deletion(batch) for batch, _ in thrown}
        # Deleted sessions, which have their own file there, before what was deleted from them.
        thrown.sort(key=lambda each: not (each[1] / SESSION_FILE).is_file())
        for batch, path in thrown:
            trash = deletions[batch.name]
            places.append(self._place(path, self._session_in(path, trash), trash))
        return places

    def _place(self, path: Path, session: int, trash: int | None = None) -> Place:
        return Place(self.library, self._relative(path), session, trash)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.library).as_posix()

    def _deletion(self, batch: Path) -> int:
        number, _, words = batch.name.partition("-")
        wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
        if wanted is not None and self._one("SELECT 1 FROM trash WHERE id = ?", wanted) is not None:
            wanted = None
        created = stamp(datetime.fromtimestamp(batch.stat().st_mtime, UTC))
        self.transaction.execute(
            "INSERT INTO trash (id, folder, label, created) VALUES (?, ?, ?, ?)",
            (wanted, batch.name, words.replace("-", " ") or batch.name, created),
        )
        return self._number("SELECT id FROM trash WHERE folder = ?", batch.name)

    def _session_in(self, path: Path, trash: int) -> int:
        """The session of a folder in the trash."""
        if (path / SESSION_FILE).is_file():
            return self._session(path, trash, path.name)
        for file in _entry_files(path):
            with contextlib.suppress(StorageError):
                uid = sidecars.read_entry(file).session
                if (session := self._one("SELECT id FROM sessions WHERE uid = ?", uid)) is not None:
                    return session
        session = self._one("SELECT id FROM sessions WHERE folder = ?", path.name)
        return self._session(path, trash, path.name) if session is None else session

    def _session(self, path: Path, trash: int | None, folder: str) -> int:
        day = _DAY.match(folder)
        name = clean(folder[day.end() :] if day else folder).replace("-", " ")
        created = stamp(datetime.fromtimestamp(path.stat().st_mtime, UTC))
        data = SessionFile(uid="", id=0, name=name or folder, created=created)
        try:
            data = sidecars.read_session(path / SESSION_FILE)
        except StorageError as error:
            if (path / SESSION_FILE).exists():
                self.found.problems.append(error.message)
        if self._one("SELECT 1 FROM sessions WHERE folder = ?", folder) is not None:
            folder = f"{folder}-{new_uid()}"
        uid = data.uid
        number: int | None = data.id
        if not uid or self._one("SELECT 1 FROM sessions WHERE uid = ?", uid) is not None:
            uid = new_uid()
        if not number or self._one("SELECT 1 FROM sessions WHERE id = ?", number) is not None:
            number = None
        self.transaction.execute(
            """INSERT INTO sessions (id, uid, name, folder, created, used, next_number, trash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (number, uid, data.name, folder, data.created, data.used, data.next_number, trash),
        )
        session = self._number("SELECT id FROM sessions WHERE uid = ?", uid)
        if trash is None:
            (path / ENTRIES).mkdir(exist_ok=True)
            sidecars.write_session(self.library, self.transaction, session)
        return session

    def _one(self, sql: str, *values: object) -> int | None:
        row = self.transaction.execute(sql, values).fetchone()
        return None if row is None else int(row[0])

    def _number(self, sql: str, *values: object) -> int:
        return self._one(sql, *values) or 0

    # entries and pictures

    def _entries(self, place: Place) -> None:
        for path in _entry_files(self.library / place.folder):
            try:
                data = sidecars.read_entry(path)
                self._entry(data, place, self._relative(path))
            except StorageError as error:
                self.found.problems.append(error.message)

    def _entry(self, data: EntryFile, place: Place, file: str) -> None:
        entry = insert_entry(self.transaction, data, place, file)
        changed = entry != data.id
        for picture in data.pictures:
            path = self._find(picture.file, place)
            if path is None:
                self.found.problems.append(
                    f"The picture {shown_path(picture.file)} that {shown_path(file)} names is "
                    "missing."
                )
                continue
            row = None
            with contextlib.suppress(StorageError):
                folder, _, name = path.rpartition("/")
                where = Place(self.library, folder, place.session, self._trash_of(path))
                row = insert_picture(self.transaction, picture, entry, where, name)
            self.pictures[path] = True
            if row is None:
                self.found.problems.append(f"The picture {shown_path(path)} is cut short.")
                continue
            self.by_uid.setdefault(picture.uid, row)
            changed |= row != picture.id
        if data.parent is not None:
            self.parents[entry] = data.parent
        if changed:
            self.transaction.touch(entry)
        index_entry(self.transaction, entry)

    def _find(self, file: str, place: Place) -> str | None:
        """Where a picture that an entry names lies: in its place, or where the library has it."""
        name = file.rpartition("/")[2]
        for path in (f"{place.folder}/{file}", file):
            if self.pictures.get(path) is False:
                return path
        # A kill while files moved: a name is used once in a session, so that it finds the file.
        folder = place.folder.rpartition("/")[2]
        for path, taken in self.pictures.items():
            if not taken and path.endswith(f"/{folder}/{name}"):
                return path
        return None

    def _trash_of(self, path: str) -> int | None:
        parts = path.split("/")
        if parts[0] != TRASH:
            return None
        return self._one("SELECT id FROM trash WHERE folder = ?", parts[1])

    def _adopt(self, place: Place, names: Iterable[str]) -> None:
        """Pictures that no entry names get an entry each."""
        for name in names:
            path = f"{place.folder}/{name}"
            try:
                if adopt(self.transaction, place, name) is None:
                    self.found.problems.append(f"The picture {shown_path(path)} is cut short.")
            except UnipicError as error:
                self.found.problems.append(error.message)


def _folders(path: Path) -> list[Path]:
    """The folders in a folder, by name; links are not followed."""
    try:
        with os.scandir(path) as items:
            return sorted(Path(item.path) for item in items if item.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _holds_something(place: Path) -> bool:
    """Whether a session's folder has any file: one that does not is left from a deletion."""
    return any(path.is_file() for path in (*place.iterdir(), *place.glob(f"{ENTRIES}/*")))


def _entry_files(place: Path) -> list[Path]:
    return sorted(
        path
        for path in (place / ENTRIES).glob("*.json")
        if path.is_file() and not path.is_symlink()
    )


def _pictures(library: Path) -> Iterator[str]:
    """The PNG files of sessions and trash, by name; links are not followed."""
    folders = [*_folders(library / SESSIONS)]
    for batch in _folders(library / TRASH):
        folders += _folders(batch)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() == ".png" and path.is_file() and not path.is_symlink():
                yield path.relative_to(library).as_posix()
