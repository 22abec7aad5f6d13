"""Sessions: named places for work that belongs together."""

from __future__ import annotations

import secrets

from unipic_tui.files import storage_error
from unipic_tui.library import sidecars
from unipic_tui.library.base import Base
from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import ENTRIES, SESSIONS, free_name, inside, session_folder
from unipic_tui.library.records import Session
from unipic_tui.library.rows import SESSION_COLUMNS, clean, moment, now, session_of

UNTITLED = "Untitled"
NAME_LENGTH = 1000
"""Longest name of a session, in characters; what is beyond is cut."""


def new_uid() -> str:
    """An identity that no other session, entry or picture has, in any library."""
    return secrets.token_hex(10)


class Sessions(Base):
    """The part of the library about sessions."""

    def sessions(self) -> list[Session]:
        """All sessions, the latest used first."""
        rows = self.database.rows(
            f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.trash IS NULL ORDER BY s.used DESC"
        )
        return [session_of(row, self.folder) for row in rows]

    def session(self, session: int) -> Session:
        """One session; raises `StorageError` when it is not there or in the trash."""
        row = self.database.row(
            f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.id = ? AND s.trash IS NULL",
            (session,),
        )
        if row is None:
            raise self._missing("session", session)
        return session_of(row, self.folder)

    def find_session(self, name: str) -> Session | None:
        """The session of that name, folder or number, the latest used where several fit."""
        for session in (found := self.sessions()):
            if name in {session.name, session.folder.name}:
                return session
        wanted = name.casefold().strip()
        for session in found:
            if wanted in {session.name.casefold(), str(session.id)}:
                return session
        return None

    def create_session(self, name: str) -> Session:
        """A new session with a folder of its own; an empty name becomes "Untitled"."""
        name = _name(name)
        with self.database.write() as transaction:
            created = now()
            folder = self._free_folder(transaction, session_folder(name, moment(created)))
            session = transaction.insert(
                """INSERT INTO sessions (uid, name, folder, created, used)
                VALUES (?, ?, ?, ?, (SELECT 1 + coalesce(max(used), 0) FROM sessions))""",
                (new_uid(), name, folder, created),
            )
            place = inside(self.folder, f"{SESSIONS}/{folder}")
            try:
                place.mkdir()
                transaction.undo(place.rmdir)
                (place / ENTRIES).mkdir()
                transaction.undo((place / ENTRIES).rmdir)
            except OSError as error:
                raise storage_error(error, place, "make") from error
            sidecars.write_session(self.folder, transaction, session)
        return self.session(session)

    def rename_session(self, session: int, name: str) -> Session:
        """Give a session another name, and its folder with it."""
        old = self.session(session)
        name = _name(name)
        if name == old.name:
            return old
        with self._exclusive_moves():
            old = self.session(session)
            before = old.folder.name
            wanted = session_folder(name, old.created)
            with self.database.write() as transaction:
                folder = before
                if before != wanted:
                    folder = self._free_folder(transaction, wanted)
            moves = [(f"{SESSIONS}/{before}", f"{SESSIONS}/{folder}")]
            with self._relocating(moves if folder != before else []) as transaction:
                transaction.execute(
                    "UPDATE sessions SET name = ?, folder = ? WHERE id = ?", (name, folder, session)
                )
                if folder != before:
                    transaction.execute("INSERT OR IGNORE INTO names VALUES (?)", (before,))
                    self._change_folder(transaction, session, *moves[0])
                sidecars.write_session(self.folder, transaction, session)
        return self.session(session)

    def _change_folder(
        self, transaction: Transaction, session: int, before: str, after: str
    ) -> None:
        for table, column in (("pictures", "path"), ("entries", "file")):
            transaction.execute(
                f"""UPDATE {table} SET {column} = ?1 || substr({column}, ?2)
                WHERE session = ?3 AND substr({column}, 1, ?2) = ?4 || '/'""",
                (after, len(before) + 1, session, before),
            )

    def _free_folder(self, transaction: Transaction, wanted: str) -> str:
        like = wanted + "%"
        taken = {
            row[0]
            for row in transaction.execute(
                """SELECT folder FROM sessions WHERE folder LIKE ?1
                UNION SELECT folder FROM names WHERE folder LIKE ?1""",
                (like,),
            )
        }
        taken |= {path.name for path in (self.folder / SESSIONS).iterdir()}
        return free_name(wanted, taken)

    def _use(self, transaction: Transaction, session: int) -> None:
        """Make a session the latest used one."""
        transaction.execute(
            """UPDATE sessions SET used = 1 + (SELECT max(used) FROM sessions)
            WHERE id = ? AND used < (SELECT max(used) FROM sessions)""",
            (session,),
        )


def _name(name: str) -> str:
    return clean(" ".join(name.split()))[:NAME_LENGTH] or UNTITLED
