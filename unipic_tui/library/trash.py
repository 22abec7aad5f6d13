"""The trash: what was deleted, with its rows and files, until it is brought back or emptied."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from unipic_tui.errors import StorageError
from unipic_tui.library.layout import (
    ENTRIES,
    SESSION_FILE,
    SESSIONS,
    THUMBNAILS,
    TRASH,
    inside,
    thumbnail_name,
    trash_name,
)
from unipic_tui.library.pictures import Pictures
from unipic_tui.library.records import Trashed
from unipic_tui.library.rows import moment, now

Move = tuple[str, int, str, str]


class Trash(Pictures):
    """The part of the library about deleting and bringing back."""

    def trash_picture(self, picture: int) -> None:
        """Move a picture to the trash, with the edits and descriptions made from it."""
        with self._exclusive_moves():
            found = self.picture(picture)
            entries = self._descendants(picture)
            siblings = self.database.number(
                "SELECT count(*) FROM pictures WHERE entry = ? AND trash IS NULL", (found.entry,)
            )
            state = self.entry(found.entry).state
            if siblings == 1 and state in {"done", "cancelled", "failed"}:
                # The job has nothing to show any more.
                entries.insert(0, found.entry)
            self._throw(found.job.prompt, [], entries, [picture])

    def trash_entry(self, entry: int) -> None:
        """Move an entry to the trash, with its pictures and all that was made from them."""
        with self._exclusive_moves():
            found = self.entry(entry)
            entries = [entry]
            for picture in self.pictures_of(entry):
                entries += self._descendants(picture.id)
            self._throw(found.job.prompt, [], list(dict.fromkeys(entries)), [])

    def trash_session(self, session: int) -> None:
        """Move a session to the trash with all that is in it."""
        with self._exclusive_moves():
            found = self.session(session)
            self._throw(found.name, [session], [entry.id for entry in self.entries(session)], [])

    def _throw(
        self, label: str, sessions: Sequence[int], entries: Sequence[int], pictures: Sequence[int]
    ) -> None:
        states = dict(self._column("entries", "state", entries))
        if "running" in states.values():
            raise StorageError(
                "A job that is running cannot go to the trash: cancel it first, then delete it."
            )
        homes = [self.session(session).folder for session in sessions]
        moved = list(dict.fromkeys([*pictures, *self._pictures_in(entries)]))
        label = _label(label, bool(sessions), len(entries), len(moved), bool(pictures))
        with self.database.write() as transaction:
            number = transaction.insert(
                "INSERT INTO trash (folder, label, created) VALUES (?, ?, ?)",
                (f"new {now()}", label, now()),
            )
            folder = trash_name(number, label)
            transaction.execute("UPDATE trash SET folder = ? WHERE id = ?", (folder, number))
        try:
            plan = self._plan_throw(f"{TRASH}/{folder}", sessions, entries, moved)
            with self._relocating([(source, target) for _, _, source, target in plan]) as changes:
                for table, row, _, target in plan:
                    column = {"pictures": "path = ?, ", "entries": "file = ?, "}.get(table, "")
                    values = (target, number, row) if column else (number, row)
                    changes.execute(f"UPDATE {table} SET {column}trash = ? WHERE id = ?", values)
                for entry in self._entries_of(moved, entries):
                    changes.touch(entry)
        except BaseException:
            with contextlib.suppress(StorageError), self.database.write() as transaction:
                transaction.execute("DELETE FROM trash WHERE id = ?", (number,))
            self._tidy_trash()
            raise
        for home in homes:
            # What else a person put there stays there.
            with contextlib.suppress(OSError):
                (home / ENTRIES).rmdir()
                home.rmdir()

    def _column(self, table: str, column: str, rows: Sequence[int]) -> list[tuple[int, str]]:
        """A column's values for some rows, with their numbers, in order of these."""
        found = self.database.rows(
            f"""SELECT id, {column} FROM {table}
            WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id""",
            (json.dumps(list(rows)),),
        )
        return [(row[0], row[1]) for row in found]

    def _pictures_in(self, entries: Sequence[int]) -> list[int]:
        found = self.database.rows(
            """SELECT id FROM pictures WHERE trash IS NULL
            AND entry IN (SELECT value FROM json_each(?)) ORDER BY id""",
            (json.dumps(list(entries)),),
        )
        return [row["id"] for row in found]

    def _entries_of(self, pictures: Sequence[int], entries: Sequence[int]) -> list[int]:
        found = dict.fromkeys(entries)
        found.update((int(entry), None) for _, entry in self._column("pictures", "entry", pictures))
        return list(found)

    def _plan_throw(
        self, place: str, sessions: Sequence[int], entries: Sequence[int], pictures: Sequence[int]
    ) -> list[Move]:
        plan: list[Move] = []
        for table, column, numbers in (
            ("pictures", "path", pictures),
            ("entries", "file", entries),
        ):
            for number, path in self._column(table, column, numbers):
                rest = path.removeprefix(f"{SESSIONS}/")
                plan.append((table, number, path, f"{place}/{rest}"))
        for session, folder in self._column("sessions", "folder", sessions):
            file = f"{folder}/{SESSION_FILE}"
            plan.append(("sessions", session, f"{SESSIONS}/{file}", f"{place}/{file}"))
        return plan

    # bringing back

    def undo_trash(self) -> str | None:
        """Bring back what was trashed last; a few words about it, or None if nothing is there."""
        row = self.database.row("SELECT id FROM trash ORDER BY id DESC LIMIT 1")
        return None if row is None else self.restore(row["id"])

    def trashed(self) -> list[Trashed]:
        """What is in the trash, the latest first."""
        found = []
        for row in self.database.rows("SELECT * FROM trash ORDER BY id DESC"):
            paths = self.database.rows("SELECT path FROM pictures WHERE trash = ?", (row["id"],))
            size = 0
            for path in paths:
                with contextlib.suppress(OSError, StorageError):
                    size += inside(self.folder, path["path"]).stat().st_size
            found.append(Trashed(row["id"], row["label"], moment(row["created"]), len(paths), size))
        return found

    def restore(self, trashed: int) -> str:
        """Bring back one deletion; a few words about it.

        Where it needs a session or entry that was deleted later, these come back too.
        """
        with self._exclusive_moves():
            row = self.database.row("SELECT * FROM trash WHERE id = ?", (trashed,))
            if row is None:
                raise self._missing("deletion", trashed)
            plan = self._plan_restore(trashed)
            moves = [(source, target) for _, _, source, target in plan]
            with self._relocating(moves) as transaction:
                for table, number, _, target in plan:
                    column = {"pictures": "path = ?, ", "entries": "file = ?, "}.get(table, "")
                    values = (target, number) if column else (number,)
                    transaction.execute(
                        f"UPDATE {table} SET {column}trash = NULL WHERE id = ?", values
                    )
                restored = [
                    [number for table, number, _, _ in plan if table == name]
                    for name in ("pictures", "entries")
                ]
                for entry in self._entries_of(*restored):
                    transaction.touch(entry)
                transaction.execute("DELETE FROM trash WHERE id = ?", (trashed,))
            self._tidy_trash()
            return str(row["label"])

    def _plan_restore(self, trashed: int) -> list[Move]:
        plan: list[Move] = []
        sessions = self.database.rows(
            """SELECT s.id, s.folder, t.folder AS place FROM sessions s
            JOIN trash t ON t.id = s.trash
            WHERE t.id = ?1 OR s.id IN (SELECT session FROM pictures WHERE trash = ?1
                UNION SELECT session FROM entries WHERE trash = ?1)""",
            (trashed,),
        )
        for row in sessions:
            file = f"{row['folder']}/{SESSION_FILE}"
            plan.append(
                ("sessions", row["id"], f"{TRASH}/{row['place']}/{file}", f"{SESSIONS}/{file}")
            )
        entries = self.database.rows(
            """SELECT e.id, e.file, s.folder FROM entries e JOIN sessions s ON s.id = e.session
            WHERE e.trash = ?1 OR (e.trash IS NOT NULL
                AND e.id IN (SELECT entry FROM pictures WHERE trash = ?1))""",
            (trashed,),
        )
        for row in entries:
            name = "/".join(row["file"].rsplit("/", 2)[1:])
            plan.append(("entries", row["id"], row["file"], f"{SESSIONS}/{row['folder']}/{name}"))
        pictures = self.database.rows(
            """SELECT p.id, p.path, s.folder FROM pictures p JOIN sessions s ON s.id = p.session
            WHERE p.trash = ?""",
            (trashed,),
        )
        for row in pictures:
            name = row["path"].rpartition("/")[2]
            plan.append(("pictures", row["id"], row["path"], f"{SESSIONS}/{row['folder']}/{name}"))
        return plan

    # emptying

    def empty_trash(self, older_than: timedelta | None = None) -> int:
        """Delete for good what was trashed that long ago, or everything; how many pictures."""
        gone = 0
        limit = None if older_than is None else datetime.now(UTC) - older_than
        for row in self.database.rows("SELECT id, created FROM trash ORDER BY id"):
            if limit is None or moment(row["created"]) <= limit:
                gone += self.purge(row["id"])
        return gone

    def purge(self, trashed: int) -> int:
        """Delete one deletion for good; how many pictures went."""
        with self._exclusive_moves():
            doomed = """SELECT id FROM entries WHERE trash = ?1
                OR session IN (SELECT id FROM sessions WHERE trash = ?1)"""
            pictures = self.database.rows(
                f"""SELECT id, uid, path AS file FROM pictures
                WHERE trash = ?1 OR entry IN ({doomed})""",
                (trashed,),
            )
            entries = self.database.rows(
                f"SELECT id, file FROM entries WHERE id IN ({doomed})", (trashed,)
            )
            sessions = self.database.rows(
                """SELECT s.id, 'trash/' || t.folder || '/' || s.folder || '/session.json' AS file
                FROM sessions s JOIN trash t ON t.id = s.trash WHERE t.id = ?""",
                (trashed,),
            )
            files = [row["file"] for row in (*pictures, *entries, *sessions)]
            self._announce([(file, None) for file in files])
            with self.database.write() as transaction:
                kept = transaction.execute(
                    f"""SELECT DISTINCT entry FROM pictures WHERE trash = ?1
                    AND entry NOT IN ({doomed})""",
                    (trashed,),
                ).fetchall()
                transaction.execute(f"DELETE FROM words WHERE rowid IN ({doomed})", (trashed,))
                transaction.execute(
                    f"UPDATE entries SET parent = NULL WHERE id IN ({doomed})", (trashed,)
                )
                transaction.execute(
                    f"DELETE FROM pictures WHERE trash = ?1 OR entry IN ({doomed})", (trashed,)
                )
                transaction.execute(f"DELETE FROM entries WHERE id IN ({doomed})", (trashed,))
                transaction.execute(
                    """INSERT OR IGNORE INTO names SELECT folder FROM sessions WHERE trash = ?""",
                    (trashed,),
                )
                transaction.execute("DELETE FROM sessions WHERE trash = ?", (trashed,))
                for row in kept:
                    transaction.touch(row["entry"])
            self.settle()
            self._tidy_trash()
            for row in entries:
                with contextlib.suppress(StorageError):
                    self.drop_state(row["id"])
            self._forget_thumbnails([row["uid"] for row in pictures])
            return len(pictures)

    def _forget_thumbnails(self, uids: Sequence[str]) -> None:
        with contextlib.suppress(OSError):
            for size in (self.folder / THUMBNAILS).iterdir():
                for uid in uids:
                    (size / thumbnail_name(uid)).unlink(missing_ok=True)


def _label(name: str, session: bool, entries: int, pictures: int, of_picture: bool) -> str:
    text = " ".join(name.split())
    text = text if len(text) <= 60 else text[:59] + "…"
    if session:
        return f"{text} ({pictures} picture{'s' * (pictures != 1)})" if pictures else text
    more = max(pictures, entries) - 1 if not of_picture else max(pictures - 1, entries - 1)
    return f"{text} and {more} more" if more > 0 else text
