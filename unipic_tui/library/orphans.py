"""Orphans: files in the library's folder that have no database rows, and giving them rows.

After a kill these are the files of the last write, when a person put files there they are those,
and when the database is rebuilt they are all there is. Files are known again by the uids in the
JSON files and by the hash of their pixels, whatever they and their folders are called.
"""

from __future__ import annotations

import dataclasses
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.library import sidecars
from unipic_tui.library.database import Database
from unipic_tui.library.inserting import insert_entry, insert_picture, insert_session
from unipic_tui.library.layout import (
    ENTRIES,
    SESSION_FILE,
    SESSIONS,
    TRASH,
    inside,
    picture_number,
)
from unipic_tui.library.pixels import content_hash, png_size
from unipic_tui.library.provenance import OWN, read_making
from unipic_tui.library.records import clean, stamp
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar, SessionSidecar, TrashMark
from unipic_tui.pictures import load_image

_DAY = re.compile(r"\d{4}-\d\d-\d\d-")


class Orphans:
    """The orphans of a library, or of the database that is to take its database's place.

    Paths are relative to the library's folder.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._sessions: dict[str, SessionSidecar | None] = {}
        self._shown: dict[str, list[str]] | None = None
        self.found: set[str] = set()
        """The orphans that `find` gave."""
        self._parents: dict[int, str] = {}
        self.lost: list[tuple[int, PictureSidecar, str]] = []
        """Pictures that adopted entries name and that were not found: entry, picture, path."""

    # finding

    def session_folders(self) -> list[str]:
        """The folders that sessions' files lie in, those with the most pictures first."""
        found = [f"{SESSIONS}/{name}" for name in _folders(self.folder / SESSIONS)]
        for batch in _folders(self.folder / TRASH):
            found += [f"{TRASH}/{batch}/{name}" for name in _folders(self.folder / TRASH / batch)]
        return sorted(
            found, key=lambda path: (path.startswith(TRASH), -len(self._pngs(path)), path)
        )

    def entries(self) -> list[str]:
        """The entries' files that have no row."""
        known = {row["file"] for row in self._database.rows("SELECT file FROM entries")}
        found = (
            f"{folder}/{ENTRIES}/{name}"
            for folder in self.session_folders()
            for name in _files(self.folder / folder / ENTRIES, ".json")
        )
        return [path for path in found if path not in known]

    def pictures(self) -> list[str]:
        """The PNG files that have no row."""
        known = {row["path"] for row in self._database.rows("SELECT path FROM pictures")}
        found = (
            f"{folder}/{name}" for folder in self.session_folders() for name in self._pngs(folder)
        )
        return [path for path in found if path not in known]

    def find(self, digest: str | None, name: str) -> str | None:
        """The orphan that shows what a lost picture showed, whatever it is called; each only once.

        Where the hash of its pixels is not known, the file name that it had decides.
        """
        if self._shown is None:
            self._shown = {}
            for path in self.pictures():
                for key in (self._hash(path), path.rpartition("/")[2]):
                    self._shown.setdefault(key, []).append(path)
        taken = "SELECT 1 FROM pictures WHERE path = ?"
        for path in self._shown.get(name if digest is None else digest, []):
            if path not in self.found and self._database.row(taken, (path,)) is None:
                self.found.add(path)
                return path
        return None

    def _hash(self, path: str) -> str:
        try:
            return content_hash(load_image(self.folder / path))
        except UnipicError:
            return ""

    def _pngs(self, folder: str) -> list[str]:
        return _files(self.folder / folder, ".png")

    # giving rows

    def session_of(self, folder: str) -> int:
        """The session whose files lie in a folder; inserted where there is no row for it."""
        name = folder.rpartition("/")[2]
        session = self._session_row("folder", name)
        data = self._session_sidecar(folder)
        if session is None and data is not None:
            session = self._session_row("uid", data.uid)
            # A copy of the session's folder is a session, the rest of a renamed one is not.
            if session is not None and self._has_pictures_of(folder, session):
                session = None
        return self._insert_session(folder, data) if session is None else session

    def _insert_session(self, folder: str, data: SessionSidecar | None) -> int:
        name = folder.rpartition("/")[2]
        if data is None:
            day = _DAY.match(name)
            title = clean(name[day.end() :] if day else name).replace("-", " ")
            data = SessionSidecar(name=title or name, created=self._time(folder))
        mark = self._old_mark(folder)
        with self._database.write():
            session = insert_session(self._database, _marked(data, mark), name)
            if mark is None:
                sidecars.write_session(self.folder, self._database, session)
        return session

    def _session_row(self, column: str, value: str) -> int | None:
        row = self._database.row(f"SELECT id FROM sessions WHERE {column} = ?", (value,))
        return None if row is None else int(row["id"])

    def _session_sidecar(self, folder: str) -> SessionSidecar | None:
        """What a folder's ``session.json`` said when it was first looked at."""
        if folder not in self._sessions:
            try:
                data = sidecars.read_session(inside(self.folder, f"{folder}/{SESSION_FILE}"))
            except StorageError:
                data = None
            self._sessions[folder] = data if data is not None and data.uid else None
        return self._sessions[folder]

    def _has_pictures_of(self, folder: str, session: int) -> bool:
        row = self._database.row("SELECT folder FROM sessions WHERE id = ?", (session,))
        return row is not None and not set(self._pngs(folder)).isdisjoint(
            self._pngs(f"{SESSIONS}/{row['folder']}")
        )

    def adopt_entry(self, file: str) -> int | None:
        """Give an entry's file its row, and the pictures that it names theirs.

        Returns:
            The entry; ``None`` where the file adds nothing to the file that its entry has.

        Raises:
            StorageError: it is no entry's file.
        """
        data = sidecars.read_entry(inside(self.folder, file))
        home = file.rsplit("/", 2)[0]
        with self._database.write():
            known = self._database.row("SELECT id, file FROM entries WHERE uid = ?", (data.uid,))
            session = None
            if known is None:
                own = self._session_sidecar(home)
                if own is None or own.uid != data.session:
                    session = self._session_row("uid", data.session)
            elif not inside(self.folder, known["file"]).exists():
                values = (file, known["id"])
                self._database.execute("UPDATE entries SET file = ? WHERE id = ?", values)
                self._database.touch(known["id"])
                return int(known["id"])
            if session is None:
                session = self.session_of(home)
            # In another session's folder it is a copy, which is an entry of its own.
            if known is not None and session == self.session_of(known["file"].rsplit("/", 2)[0]):
                return None
            marked = _marked(data, self._old_mark(file))
            entry = insert_entry(self._database, marked, session, folder=home, file=file)
            if data.parent is not None:
                self._parents[entry] = data.parent
                self._link(entry, data.parent)
            changed = (entry, session) != (data.id, self._session_row("uid", data.session))
            if self.adopt_listed(data, entry, home) or changed:
                self._database.touch(entry)
            return entry

    def adopt_listed(self, data: EntrySidecar, entry: int, home: str) -> bool:
        """Give rows to the pictures that an entry's file names; whether the file has to change."""
        changed = False
        for picture in data.pictures:
            places = (f"{home}/{picture.file}", picture.file)
            path = next((path for path in places if self._is_there(path)), None)
            if path is None:
                self.lost.append((entry, picture, places[0]))
            elif self._database.row("SELECT 1 FROM pictures WHERE path = ?", (path,)) is None:
                changed |= self._adopt_picture(picture, entry, path) != picture.id
            else:
                changed = True
        return changed

    def _is_there(self, path: str) -> bool:
        """Whether a path that a file names is that of a picture in the library."""
        try:
            place = inside(self.folder, path)
            return (
                path.startswith((f"{SESSIONS}/", f"{TRASH}/"))
                and place.is_file()
                and not place.is_symlink()
            )
        except (StorageError, OSError, ValueError):
            return False

    def _adopt_picture(self, picture: PictureSidecar, entry: int, path: str) -> int | None:
        """Give a picture's file its row; ``None`` where the file is no whole PNG."""
        size = png_size(inside(self.folder, path))
        if size is None:
            return None
        marked = _marked(picture, self._old_mark(path))
        return insert_picture(self._database, marked, entry, path, size)

    def adopt_lost(self) -> list[tuple[str, str]]:
        """Look for the lost pictures by what they show.

        Returns:
            Those that are missing: each one's path and the file that names it.
        """
        missing = []
        for entry, picture, path in self.lost:
            found = self.find(picture.hash, path.rpartition("/")[2])
            with self._database.write():
                row = self._database.row("SELECT file FROM entries WHERE id = ?", (entry,))
                if found is not None and self._adopt_picture(picture, entry, found):
                    self._database.touch(entry)
                elif picture.trash is None and row is not None:
                    missing.append((path, str(row["file"])))
        self.lost.clear()
        return missing

    def adopt_picture(self, path: str, own_only: bool = False) -> int | None:
        """Give a picture that no entry names an entry of its own; ``own_only``: if we made it.

        Returns:
            The entry; ``None`` where the file is no whole PNG or was left alone.

        Raises:
            InputError, StorageError: the file cannot be read, or is no picture.
        """
        file = inside(self.folder, path)
        if png_size(file) is None:
            return None
        data, picture, _ = read_making(file, created=self._time(path))
        if data.origin == OWN:
            data = dataclasses.replace(data, origin="")
        elif own_only:
            return None
        home = path.rpartition("/")[0]
        with self._database.write():
            session = self.session_of(home)
            marked = _marked(data, self._old_mark(path))
            entry = insert_entry(self._database, marked, session, folder=home)
            values = (self._parent(home, data.job.get("source")), entry)
            self._database.execute("UPDATE entries SET parent = ? WHERE id = ?", values)
            self._adopt_picture(picture, entry, path)
        return entry

    def _parent(self, home: str, source: str | None) -> int | None:
        """The picture that a job names as its source, by the path or the name that it had then."""
        if source is None:
            return None
        name = Path(source).name
        paths = [f"{home}/{name}"] if picture_number(name) else []
        if Path(source).is_relative_to(self.folder):
            paths.insert(0, Path(source).relative_to(self.folder).as_posix())
        for path in paths:
            row = self._database.row("SELECT id FROM pictures WHERE path = ?", (path,))
            if row is not None:
                return int(row["id"])
        return None

    def link_parents(self) -> None:
        """Link adopted entries with the pictures that they were made from, once these have rows."""
        with self._database.write():
            for entry, uid in self._parents.items():
                self._link(entry, uid)
        self._parents.clear()

    def _link(self, entry: int, parent: str) -> None:
        self._database.execute(
            "UPDATE entries SET parent = (SELECT id FROM pictures WHERE uid = ?) WHERE id = ?",
            (parent, entry),
        )

    def _time(self, path: str) -> str:
        time = (self.folder / path).stat().st_mtime
        return stamp(datetime.fromtimestamp(time, UTC))

    def _old_mark(self, path: str) -> TrashMark | None:
        """The deletion of a file in the folder of deletions that versions 1 and 2 had."""
        parts = path.split("/")
        if parts[0] != TRASH:
            return None
        number, _, words = parts[1].partition("-")
        short = number.isascii() and number.isdigit() and len(number) < 10
        return TrashMark(
            id=int(number) if short else 0,
            uid=parts[1],
            label=words.replace("-", " ") or parts[1],
            created=self._time(f"{TRASH}/{parts[1]}"),
        )


_Sidecar = TypeVar("_Sidecar", SessionSidecar, EntrySidecar, PictureSidecar)


def _marked(data: _Sidecar, old: TrashMark | None) -> _Sidecar:
    return data if old is None or data.trash is not None else dataclasses.replace(data, trash=old)


def _folders(path: Path) -> list[str]:
    """The names of the folders in a folder; links are not followed."""
    try:
        with os.scandir(path) as items:
            return sorted(item.name for item in items if item.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _files(path: Path, ending: str) -> list[str]:
    """The names of the files in a folder that end so; links are left out."""
    try:
        with os.scandir(path) as items:
            return sorted(
                item.name
                for item in items
                if item.name.lower().endswith(ending) and item.is_file(follow_symlinks=False)
            )
    except OSError:
        return []
