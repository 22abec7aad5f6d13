"""Comparing rows and files, and repairing what a kill or a person left different."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import is_temporary, shown_path
from unipic_tui.library import sidecars
from unipic_tui.library.layout import (
    CACHE,
    SESSION_FILE,
    SESSIONS,
    SNAPSHOTS,
    TRASH,
    snapshot_name,
)
from unipic_tui.library.orphans import Orphans
from unipic_tui.library.pixels import content_hash, png_size
from unipic_tui.library.storage import Storage
from unipic_tui.pictures import load_image

_LONGEST_WRITE = 60.0
"""Seconds that one transaction writes at most."""
_MOST_COMPARED = 1000
"""Files of entries that are compared when a library opens, not to keep anybody waiting."""

_PICTURES = """SELECT id, entry, path, width, height, hash FROM pictures
    WHERE trash IS NULL OR trash IN (SELECT id FROM trash WHERE purged = 0) ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that does not match.

    Attributes:
        path: the file it is about, from the library's folder; "" where it is none.
        message: a sentence: what is wrong, and what to do unless it was repaired.
        repaired: whether it is in order now.
    """

    path: str
    message: str
    repaired: bool = False


class Health:
    """Looks after the files of a library."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._database = storage.database

    def check(self, *, deep: bool = False, repair: bool = False) -> Iterator[Mismatch]:
        """Compare rows and files; what does not match comes as it is found.

        Args:
            deep: decode every picture and compare its pixels with what was saved, instead of
                looking at both ends of the file: about as long as looking at all of them.
            repair: repair what can be: find pictures again that were renamed or moved, import
                those that have no row, rewrite jobs' files, remove what interrupted writes left.
                No picture is ever deleted.
        """
        orphans = Orphans(self._storage.folder, self._database)
        yield from self._check_database()
        yield from self._check_unknown_entries(orphans, repair)
        yield from self._check_pictures(orphans, deep, repair)
        yield from self._check_unknown_pictures(orphans, repair)
        yield from self._check_sidecars(repair)
        yield from self._check_leftovers(repair)

    def recover(self) -> None:
        """Bring files and rows back in step after a kill; only while the library is open alone.

        Files are written before their rows are committed. So the last write may have left
        temporary files, pictures and entries' files without rows, which get them (nothing that was
        drawn is lost), and files that say more than their rows, which are rewritten.
        """
        folder = self._storage.folder
        for left in self._temporary():
            with contextlib.suppress(OSError):
                left.unlink()
        orphans = Orphans(folder, self._database)
        for row in self._database.rows(_PICTURES):
            self._look_for(orphans, row, repair=True)
        latest = self._latest_sidecars()
        for entry, file in latest:
            with contextlib.suppress(UnipicError), self._database.write():
                data = sidecars.read_entry(self._storage.path(file))
                orphans.adopt_listed(data, entry, file.rsplit("/", 2)[0])
        orphans.lost.clear()
        folders = self._database.rows("SELECT folder FROM sessions")
        ours = {f"{SESSIONS}/{row['folder']}" for row in folders}
        for file in orphans.entries():
            if file.rsplit("/", 2)[0] in ours:
                with contextlib.suppress(UnipicError):
                    orphans.adopt_entry(file)
        for path in orphans.pictures():
            if path.rpartition("/")[0] in ours:
                with contextlib.suppress(UnipicError):
                    orphans.adopt_picture(path, own_only=True)
        orphans.link_parents()
        for entry, file in latest:
            self._rewrite_entry(entry, file)
        for _ in self._check_sessions(repair=True):
            pass

    def _latest_sidecars(self) -> list[tuple[int, str]]:
        """Entries, with their files, that the last writes may have left ahead of the rows."""
        times: list[tuple[float, int, str]] = []
        for row in self._database.rows("SELECT id, file FROM entries"):
            with contextlib.suppress(OSError, UnipicError):
                time = self._storage.path(row["file"]).stat().st_mtime
                times.append((time, row["id"], row["file"]))
        times.sort()
        since = times[-1][0] - _LONGEST_WRITE if times else 0.0
        return [(entry, file) for time, entry, file in times[-_MOST_COMPARED:] if time >= since]

    def _rewrite_entry(self, entry: int, file: str, repair: bool = True) -> str:
        """What is wrong with an entry's file, a few words or ""; ``repair`` rewrites it then."""
        problem = self._sidecar_problem(entry, file)
        if not problem or self._storage.read_only:
            return problem
        with self._database.write():
            # Looked at again while nobody writes: it may just have been on its way.
            problem = self._sidecar_problem(entry, file)
            if problem and repair:
                self._database.touch(entry)
        return problem

    def _sidecar_problem(self, entry: int, file: str) -> str:
        wanted = sidecars.entry_sidecar(self._database, entry)
        if wanted is None:
            return ""
        try:
            found = sidecars.read_entry(self._storage.path(file))
        except StorageError:
            return "is missing or damaged"
        return "" if found == wanted else "does not say what the database does"

    # the parts of a check

    def _check_database(self) -> Iterator[Mismatch]:
        try:
            for row in self._database.rows("PRAGMA integrity_check"):
                if row[0] != "ok":
                    yield Mismatch(
                        "", f"The database is damaged ({row[0]}): run `library rebuild`."
                    )
            for row in self._database.rows("PRAGMA foreign_key_check"):
                yield Mismatch(
                    "", f"A row of {row['table']} belongs to nothing: run `library rebuild`."
                )
            with contextlib.closing(sqlite3.connect(self._database.path)) as connection:
                connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
                connection.rollback()
            unindexed = self._database.number(
                "SELECT count(*) FROM entries WHERE id NOT IN (SELECT rowid FROM words)"
            )
            if unindexed:
                yield Mismatch("", f"{unindexed} jobs cannot be searched: run `library rebuild`.")
        except sqlite3.DatabaseError as error:
            yield Mismatch("", f"The search index is damaged ({error}): run `library rebuild`.")

    def _check_pictures(self, orphans: Orphans, deep: bool, repair: bool) -> Iterator[Mismatch]:
        for row in self._database.rows(_PICTURES):
            try:
                problem = self._picture_problem(row, deep, repair)
            except UnipicError as error:
                problem = error.message
            if problem:
                yield self._look_for(orphans, row, repair) or Mismatch(row["path"], problem)

    def _look_for(self, orphans: Orphans, row: sqlite3.Row, repair: bool) -> Mismatch | None:
        """Find a picture again that is missing at its place; `None` where it is not to be found."""
        try:
            if self._storage.path(row["path"]).exists():
                return None
        except (StorageError, OSError):
            return None
        place = orphans.find(row["hash"], row["path"].rpartition("/")[2])
        if place is None:
            return None
        what = f"{shown_path(row['path'])} was renamed or moved to {shown_path(place)}"
        if not repair:
            return Mismatch(row["path"], f"{what}: --repair notes its new place.")
        with self._database.write():
            self._database.execute("UPDATE pictures SET path = ? WHERE id = ?", (place, row["id"]))
            self._database.touch(row["entry"])
        return Mismatch(row["path"], f"{what}: its new place was noted.", repaired=True)

    def _picture_problem(self, row: sqlite3.Row, deep: bool, repair: bool) -> str:
        name = shown_path(row["path"])
        path = self._storage.path(row["path"])
        if not path.is_file():
            return f"{name} is missing: bring it back from a backup, or delete it in the app."
        size = png_size(path)
        if size is None:
            return f"{name} is damaged or cut short: bring it back from a backup."
        if size != (row["width"], row["height"]):
            return f"{name} is {size[0]}×{size[1]} pixels, not the picture that was saved."
        digest = content_hash(load_image(path)) if deep else row["hash"]
        if row["hash"] is not None and digest != row["hash"]:
            return f"{name} shows something else than what was saved: it was changed."
        if digest != row["hash"] and repair:
            # Version 1 kept none.
            with self._database.write():
                self._database.execute(
                    "UPDATE pictures SET hash = ? WHERE id = ?", (digest, row["id"])
                )
                self._database.touch(row["entry"])
        return ""

    def _check_unknown_entries(self, orphans: Orphans, repair: bool) -> Iterator[Mismatch]:
        for path in orphans.entries():
            if path.startswith(f"{TRASH}/"):
                continue
            what = f"{shown_path(path)} is a job's file that is not in the database"
            if not repair:
                yield Mismatch(path, f"{what}: --repair imports it.")
                continue
            try:
                done = "it was imported"
                if orphans.adopt_entry(path) is None:
                    done = "it was an old copy and was removed"
                    with self._database.write():
                        self._storage.path(path).unlink(missing_ok=True)
            except UnipicError as error:
                yield Mismatch(path, error.message)
            else:
                yield Mismatch(path, f"{what}: {done}.", repaired=True)

    def _check_unknown_pictures(self, orphans: Orphans, repair: bool) -> Iterator[Mismatch]:
        orphans.adopt_lost()
        for path in orphans.pictures():
            if path in orphans.found or path.startswith(f"{TRASH}/"):
                continue
            what = f"{shown_path(path)} is not in the database"
            if not repair:
                yield Mismatch(path, f"{what}: --repair imports it.")
                continue
            try:
                if orphans.adopt_picture(path) is not None:
                    yield Mismatch(path, f"{shown_path(path)} was imported.", repaired=True)
                    continue
                message = f"{shown_path(path)} is damaged or cut short: move it elsewhere."
            except UnipicError as error:
                message = error.message
            yield Mismatch(path, message)
        if repair:
            orphans.link_parents()

    def _check_sidecars(self, repair: bool) -> Iterator[Mismatch]:
        remedy = "it was rewritten" if repair else "--repair rewrites it"
        for row in self._database.rows("SELECT id, file FROM entries ORDER BY id"):
            what = self._rewrite_entry(row["id"], row["file"], repair)
            if what:
                yield Mismatch(row["file"], f"{shown_path(row['file'])} {what}: {remedy}.", repair)
        yield from self._check_sessions(repair)

    def _check_sessions(self, repair: bool) -> Iterator[Mismatch]:
        remedy = "it was rewritten" if repair else "--repair rewrites it"
        for row in self._database.rows("SELECT id, folder FROM sessions"):
            path = f"{SESSIONS}/{row['folder']}/{SESSION_FILE}"
            wanted = sidecars.session_sidecar(self._database, row["id"])
            what = "is missing or damaged"
            with contextlib.suppress(StorageError):
                found = sidecars.read_session(self._storage.path(path))
                # These two change with every picture, and are not worth a write each time.
                if replace(found, used=wanted.used, next_number=wanted.next_number) == wanted:
                    continue
                what = "does not say what the database does"
            if repair:
                with self._database.write():
                    sidecars.write_session(self._storage.folder, self._database, row["id"])
            yield Mismatch(path, f"{shown_path(path)} {what}: {remedy}.", repair)

    def _check_leftovers(self, repair: bool) -> Iterator[Mismatch]:
        """Files that nothing needs: of interrupted writes, and of jobs that are gone."""
        known = {snapshot_name(row["id"]) for row in self._database.rows("SELECT id FROM entries")}
        left = dict.fromkeys(self._temporary(), "is left from a write that was cut off")
        for path in self._storage.path(SNAPSHOTS).glob("*"):
            if path.name not in known and not is_temporary(path.name):
                left[path] = "belongs to a job that is gone"
        for path, what in left.items():
            if repair:
                # Writers hold the database's lock: what lies there now is nobody's.
                with contextlib.suppress(OSError), self._database.write():
                    path.unlink()
            remedy = "it was removed" if repair else "--repair removes it"
            name = path.relative_to(self._storage.folder).as_posix()
            yield Mismatch(name, f"{shown_path(name)} {what}: {remedy}.", repaired=repair)

    def _temporary(self) -> list[Path]:
        """Files that interrupted writes left."""
        return [
            Path(place, name)
            for part in (SESSIONS, SNAPSHOTS, CACHE)
            for place, _, names in os.walk(self._storage.folder / part)
            for name in names
            if is_temporary(name)
        ]
