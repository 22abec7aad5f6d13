"""Sessions: named places for work that belongs together."""

from __future__ import annotations

import contextlib

from unipic_tui.errors import StorageError
from unipic_tui.files import storage_error
from unipic_tui.library import sidecars
from unipic_tui.library.inserting import insert_session
from unipic_tui.library.layout import ENTRIES, SESSION_FILE, SESSIONS, free_name, session_folder
from unipic_tui.library.records import SELECT_SESSIONS, Session, clean, moment, now, session_of
from unipic_tui.library.storage import Storage

UNTITLED = "Untitled"
NAME_LENGTH = 1000
"""Longest name of a session, in characters; what is beyond is cut."""


class Sessions:
    """The sessions of a library."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._database = storage.database

    def all(self) -> list[Session]:
        """All sessions, the latest used first."""
        rows = self._database.rows(SELECT_SESSIONS + "WHERE s.trash IS NULL ORDER BY s.used DESC")
        return [session_of(row, self._storage.folder) for row in rows]

    def get(self, session: int) -> Session:
        """One session; raises `StorageError` when it is not there or in the trash."""
        row = self._database.row(SELECT_SESSIONS + "WHERE s.id = ? AND s.trash IS NULL", (session,))
        if row is None:
            raise self._storage.missing("session", session)
        return session_of(row, self._storage.folder)

    def find(self, name: str) -> Session | None:
        """The session of that name, folder or number, the latest used where several fit."""
        for session in (found := self.all()):
            if name in {session.name, session.folder.name}:
                return session
        wanted = name.casefold().strip()
        for session in found:
            if wanted in {session.name.casefold(), str(session.id)}:
                return session
        return None

    def create(self, name: str) -> Session:
        """A new session with a folder of its own; an empty name becomes "Untitled"."""
        data = sidecars.SessionSidecar(name=_name(name), created=now())
        with self._database.write():
            folder = self._free_folder(session_folder(data.name, moment(data.created)))
            session = insert_session(self._database, data, folder)
            place = self._storage.path(f"{SESSIONS}/{folder}")
            try:
                place.mkdir()
            except OSError as error:
                raise storage_error(error, place, "make") from error
            self._database.undo(place.rmdir)
            sidecars.write_session(self._storage.folder, self._database, session)
        return self.get(session)

    def rename(self, session: int, name: str) -> Session:
        """Give a session another name; its folder keeps the one that it has."""
        with self._database.write():
            self.get(session)
            self._database.execute(
                "UPDATE sessions SET name = ? WHERE id = ?", (_name(name), session)
            )
            sidecars.write_session(self._storage.folder, self._database, session)
        return self.get(session)

    def mark_used(self, session: int) -> None:
        """Make a session the latest used one."""
        self._database.execute(
            """UPDATE sessions SET used = 1 + (SELECT max(used) FROM sessions)
            WHERE id = ? AND used < (SELECT max(used) FROM sessions)""",
            (session,),
        )

    def _free_folder(self, wanted: str) -> str:
        taken = {
            row[0]
            for row in self._database.rows(
                """SELECT folder FROM sessions WHERE folder LIKE ?1
                UNION SELECT folder FROM names WHERE folder LIKE ?1""",
                (wanted + "%",),
            )
        }
        return free_name(wanted, taken | self._there())

    def _there(self) -> set[str]:
        return {path.name for path in self._storage.path(SESSIONS).iterdir()}

    def _is_there(self, path: str) -> bool:
        return self._storage.path(path).exists()

    # folders that a person renamed

    def find_renamed_folders(self) -> None:
        """Find the folders again that were renamed by hand, by the uid in their ``session.json``.

        The rows of the files in them follow.
        """
        rows = self._database.rows("SELECT id, uid, folder FROM sessions")
        by_uid = {row["uid"]: row for row in rows}
        for name in sorted(self._there() - {row["folder"] for row in rows}):
            with contextlib.suppress(StorageError):
                file = f"{SESSIONS}/{name}/{SESSION_FILE}"
                if not self._is_there(file):
                    self._find_leftovers(name)
                    continue
                found = by_uid.get(sidecars.read_session(self._storage.path(file)).uid)
                if found is not None:
                    self._follow(found["folder"], name, found["id"])

    def _find_leftovers(self, name: str) -> None:
        """Find what a folder holds whose session is deleted: pictures moved to other sessions.

        Only the names of the files tell that it is a missing folder under another name.
        """
        homes: dict[str, list[str]] = {}
        for row in self._database.rows("SELECT path FROM pictures UNION SELECT file FROM entries"):
            root, _, place = row["path"].partition("/")
            home, _, file = place.partition("/")
            if root == SESSIONS:
                homes.setdefault(home, []).append(file)
        for before in homes.keys() - self._there():
            if any(self._is_there(f"{SESSIONS}/{name}/{file}") for file in homes[before]):
                self._follow(before, name)

    def _follow(self, before: str, after: str, session: int | None = None) -> None:
        """Change the rows of what lies in another folder now; a copy changes none.

        Args:
            before, after: the folder's names.
            session: whose folder it is; ``None`` where that is deleted.
        """
        old, new = f"{SESSIONS}/{before}/", f"{SESSIONS}/{after}/"
        with self._database.write():
            if session is not None and not self._is_there(old + SESSION_FILE):
                self._database.execute(
                    "UPDATE sessions SET folder = ? WHERE id = ?", (after, session)
                )
                self._database.execute("INSERT OR IGNORE INTO names VALUES (?)", (before,))
            for table, column in (("pictures", "path"), ("entries", "file")):
                for row in self._database.rows(
                    f"SELECT id, {column} FROM {table} WHERE substr({column}, 1, ?) = ?",
                    (len(old), old),
                ):
                    path = new + row[column][len(old) :]
                    if self._is_there(path) and not self._is_there(row[column]):
                        self._database.execute(
                            f"UPDATE {table} SET {column} = ? WHERE id = ?", (path, row["id"])
                        )
            # The files of entries elsewhere name their pictures in here by the folder.
            elsewhere = f"""SELECT DISTINCT e.id FROM entries e JOIN pictures p ON p.entry = e.id
                WHERE substr(p.path, 1, ?1) = ?2 AND substr(e.file, 1, ?3) <> ?2 || '{ENTRIES}/'"""
            values = (len(new), new, len(new) + len(ENTRIES) + 1)
            for row in self._database.rows(elsewhere, values):
                self._database.touch(row["id"])


def _name(name: str) -> str:
    return clean(" ".join(name.split()))[:NAME_LENGTH] or UNTITLED
