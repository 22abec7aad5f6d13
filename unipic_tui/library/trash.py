"""The trash: what was deleted, until it is brought back or emptied.

What is deleted is marked in its rows and in the JSON files next to the pictures; the pictures stay
where they are until the trash is emptied. So a deletion and its undo are one transaction each.
Emptying marks a deletion as purged first, then deletes its files, then its rows: whenever it is cut
off, it can be done again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.files import storage_error
from unipic_tui.library import sidecars
from unipic_tui.library.entries import Entries
from unipic_tui.library.inserting import deletion
from unipic_tui.library.layout import ENTRIES, SESSION_FILE, SESSIONS, TRASH
from unipic_tui.library.pictures import Pictures
from unipic_tui.library.records import Trashed, moment, new_uid, now
from unipic_tui.library.sessions import Sessions
from unipic_tui.library.snapshots import Snapshots
from unipic_tui.library.storage import Storage
from unipic_tui.library.thumbnails import Thumbnails
from unipic_tui.text import amount

_AMONG = "IN (SELECT value FROM json_each(?))"
_FORGET_EMPTY = """DELETE FROM trash WHERE NOT EXISTS (
    SELECT 1 FROM pictures WHERE trash = trash.id UNION ALL
    SELECT 1 FROM entries WHERE trash = trash.id UNION ALL
    SELECT 1 FROM sessions WHERE trash = trash.id)"""
_NEEDED = {
    "sessions": """SELECT session FROM pictures WHERE trash = ?1
        UNION SELECT session FROM entries WHERE trash = ?1""",
    "entries": "SELECT entry FROM pictures WHERE trash = ?1",
    "pictures": "NULL",
}
"""What has to be there for the pictures and entries of a deletion."""
_DOOMED = """SELECT id FROM entries WHERE trash = ?1
    OR session IN (SELECT id FROM sessions WHERE trash = ?1)"""


class Trash:
    """The trash of a library."""

    def __init__(
        self,
        storage: Storage,
        sessions: Sessions,
        entries: Entries,
        pictures: Pictures,
        snapshots: Snapshots,
        thumbnails: Thumbnails,
    ) -> None:
        self._storage = storage
        self._database = storage.database
        self._sessions = sessions
        self._entries = entries
        self._pictures = pictures
        self._snapshots = snapshots
        self._thumbnails = thumbnails

    # deleting

    def put_picture(self, picture: int) -> None:
        """Put a picture into the trash, with the edits and descriptions made from it."""
        with self._database.write():
            found = self._pictures.get(picture)
            entries = self._entries.under(picture)
            siblings = self._database.number(
                "SELECT count(*) FROM pictures WHERE entry = ? AND trash IS NULL", (found.entry,)
            )
            state = self._entries.get(found.entry).state
            if siblings == 1 and state in {"done", "cancelled", "failed"}:
                # The job has nothing to show any more.
                entries.insert(0, found.entry)
            self._put(found.job.prompt, entries, pictures=[picture])

    def put_entry(self, entry: int) -> None:
        """Put an entry into the trash, with its pictures and all that was made from them."""
        with self._database.write():
            found = self._entries.get(entry)
            entries = [entry]
            for picture in self._pictures.of_entry(entry):
                entries += self._entries.under(picture.id)
            self._put(found.job.prompt, list(dict.fromkeys(entries)))

    def put_session(self, session: int) -> None:
        """Put a session into the trash with all that is in it."""
        with self._database.write():
            name = self._sessions.get(session).name
            entries = [entry.id for entry in self._entries.of_session(session)]
            self._put(name, entries, session=session)

    def _put(
        self,
        name: str,
        entries: Sequence[int],
        *,
        pictures: Sequence[int] = (),
        session: int | None = None,
    ) -> None:
        chosen = json.dumps(list(entries))
        if self._database.number(
            f"SELECT count(*) FROM entries WHERE state = 'running' AND id {_AMONG}", (chosen,)
        ):
            raise StorageError(
                "A job that is running cannot go to the trash: cancel it first, then delete it."
            )
        owned = self._database.rows(
            f"SELECT id FROM pictures WHERE trash IS NULL AND entry {_AMONG}", (chosen,)
        )
        gone = list(dict.fromkeys([*pictures, *(row["id"] for row in owned)]))
        mark = sidecars.TrashMark(
            id=0,
            uid=new_uid(),
            label=_label(name, session is not None, len(entries), len(gone), bool(pictures)),
            created=now(),
        )
        number = deletion(self._database, mark)
        for table, ids in (("pictures", gone), ("entries", entries)):
            self._database.execute(
                f"UPDATE {table} SET trash = ? WHERE id {_AMONG}", (number, json.dumps(list(ids)))
            )
        if session is not None:
            self._database.execute("UPDATE sessions SET trash = ? WHERE id = ?", (number, session))
        self._write_sidecars(entries, gone, [session] if session is not None else [])

    def _write_sidecars(
        self,
        entries: Iterable[int],
        pictures: Iterable[int],
        sessions: Iterable[int],
    ) -> None:
        rows = self._database.rows(
            f"SELECT DISTINCT entry FROM pictures WHERE id {_AMONG}", (json.dumps(list(pictures)),)
        )
        for entry in (*entries, *(row["entry"] for row in rows)):
            self._database.touch(entry)
        for session in sessions:
            sidecars.write_session(self._storage.folder, self._database, session)

    # bringing back

    def undo(self) -> str | None:
        """Bring back what was deleted last; a few words about it, or None if nothing is there."""
        row = self._database.row("SELECT id FROM trash WHERE purged = 0 ORDER BY id DESC LIMIT 1")
        return None if row is None else self.restore(row["id"])

    def deletions(self) -> list[Trashed]:
        """What is in the trash, the latest first."""
        found = []
        for row in self._database.rows("SELECT * FROM trash WHERE purged = 0 ORDER BY id DESC"):
            paths = self._database.rows("SELECT path FROM pictures WHERE trash = ?", (row["id"],))
            size = 0
            for path in paths:
                with contextlib.suppress(OSError, StorageError):
                    size += self._storage.path(path["path"]).stat().st_size
            found.append(Trashed(row["id"], row["label"], moment(row["created"]), len(paths), size))
        return found

    def restore(self, trashed: int) -> str:
        """Bring back one deletion; a few words about it.

        Where it needs a session or entry that was deleted later, these come back too.
        """
        with self._database.write():
            row = self._database.row("SELECT * FROM trash WHERE id = ? AND purged = 0", (trashed,))
            if row is None:
                raise self._storage.missing("deletion", trashed)
            back: dict[str, list[int]] = {}
            for table, needed in _NEEDED.items():
                rows = self._database.rows(
                    f"""SELECT id FROM {table}
                    WHERE trash = ?1 OR (trash IS NOT NULL AND id IN ({needed}))""",
                    (trashed,),
                )
                back[table] = [row["id"] for row in rows]
            for table, ids in back.items():
                self._database.execute(
                    f"UPDATE {table} SET trash = NULL WHERE id {_AMONG}", (json.dumps(ids),)
                )
            self._write_sidecars(back["entries"], back["pictures"], back["sessions"])
            self._database.execute(_FORGET_EMPTY)
            return str(row["label"])

    # emptying

    def empty(self, older_than: timedelta | None = None) -> int:
        """Delete for good what was deleted that long ago, or everything; how many pictures."""
        gone = 0
        limit = None if older_than is None else datetime.now(UTC) - older_than
        for row in self._database.rows("SELECT id, created FROM trash WHERE purged = 0"):
            if limit is None or moment(row["created"]) <= limit:
                gone += self.purge(row["id"])
        return gone

    def purge(self, trashed: int) -> int:
        """Delete one deletion for good; how many pictures went.

        Raises:
            StorageError: a file cannot be deleted. The next purge tries again.
        """
        with self._database.write():
            self._database.execute("UPDATE trash SET purged = 1 WHERE id = ?", (trashed,))
        return self.finish_purges()

    def finish_purges(self) -> int:
        """Delete the files and rows of all deletions that are to go; how many pictures went."""
        rows = self._database.rows("SELECT id FROM trash WHERE purged = 1")
        return sum(self._delete(row["id"]) for row in rows)

    def _delete(self, trashed: int) -> int:
        with self._database.write():
            pictures = self._database.rows(
                f"SELECT uid, path FROM pictures WHERE trash = ?1 OR entry IN ({_DOOMED})",
                (trashed,),
            )
            entries = self._database.rows(
                f"SELECT id, file FROM entries WHERE id IN ({_DOOMED})", (trashed,)
            )
            sessions = self._database.rows(
                "SELECT folder FROM sessions WHERE trash = ?", (trashed,)
            )
            # Pictures first: one whose entry's file is gone would count as found.
            homes = [f"{SESSIONS}/{row['folder']}" for row in sessions]
            for file in (
                *(row["path"] for row in pictures),
                *(row["file"] for row in entries),
                *(f"{home}/{SESSION_FILE}" for home in homes),
            ):
                self._unlink(file)
            for row in entries:
                self._snapshots.drop(row["id"])
            self._thumbnails.forget([row["uid"] for row in pictures])
            self._delete_rows(trashed)
        for home in homes:
            # What else a person put there stays there.
            with contextlib.suppress(OSError):
                self._storage.path(f"{home}/{ENTRIES}").rmdir()
                self._storage.path(home).rmdir()
        return len(pictures)

    def _unlink(self, relative: str) -> None:
        path = self._storage.path(relative)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, path, "delete") from error

    def _delete_rows(self, trashed: int) -> None:
        # Entries that stay, and whose files name what goes: a sibling, or what they were made from.
        kept = self._database.rows(
            f"""SELECT entry FROM pictures WHERE trash = ?1 AND entry NOT IN ({_DOOMED})
            UNION SELECT id FROM entries WHERE id NOT IN ({_DOOMED}) AND parent IN (
                SELECT id FROM pictures WHERE trash = ?1 OR entry IN ({_DOOMED}))""",
            (trashed,),
        )
        for statement in (
            f"DELETE FROM words WHERE rowid IN ({_DOOMED})",
            f"UPDATE entries SET parent = NULL WHERE id IN ({_DOOMED})",
            f"DELETE FROM pictures WHERE trash = ?1 OR entry IN ({_DOOMED})",
            f"DELETE FROM entries WHERE id IN ({_DOOMED})",
            "INSERT OR IGNORE INTO names SELECT folder FROM sessions WHERE trash = ?1",
            "DELETE FROM sessions WHERE trash = ?1",
        ):
            self._database.execute(statement, (trashed,))
        self._database.execute(_FORGET_EMPTY)
        for row in kept:
            self._database.touch(row["entry"])

    # the folder of versions 1 and 2

    def leave_folder(self) -> None:
        """Move the files in ``trash/`` back to their sessions, where the trash keeps them now.

        Versions 1 and 2 moved there what was deleted. This can be cut off and done again: a file
        that has been moved is found at its new place.
        """
        folder = self._storage.folder / TRASH
        if not folder.is_dir():
            return
        with self._database.write():
            for table, column in (("pictures", "path"), ("entries", "file")):
                for row in self._database.rows(
                    f"SELECT id, {column} FROM {table} WHERE {column} LIKE '{TRASH}/%'"
                ):
                    target = f"{SESSIONS}/{row[column].split('/', 2)[2]}"
                    if self._moved(row[column], target):
                        self._database.execute(
                            f"UPDATE {table} SET {column} = ? WHERE id = ?", (target, row["id"])
                        )
            marked = (
                [
                    row["id"]
                    for row in self._database.rows(f"SELECT id FROM {table} WHERE trash > 0")
                ]
                for table in ("entries", "pictures", "sessions")
            )
            self._write_sidecars(*marked)
        for row in self._database.rows("SELECT folder FROM sessions WHERE trash IS NOT NULL"):
            for file in folder.glob(f"*/{row['folder']}/{SESSION_FILE}"):
                with contextlib.suppress(OSError):
                    file.unlink()
        for place, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                Path(place).rmdir()

    def _moved(self, source: str, target: str) -> bool:
        """Move a file unless another is in its way; whether it is not at its old place now."""
        old, new = self._storage.path(source), self._storage.path(target)
        if old.exists() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            self._database.undo(partial(new.replace, old))
        return not old.exists()


def _label(name: str, session: bool, entries: int, pictures: int, of_picture: bool) -> str:
    text = " ".join(name.split())
    text = text if len(text) <= 60 else text[:59] + "…"
    if session:
        return f"{text} ({amount(pictures, 'picture')})" if pictures else text
    more = max(pictures, entries) - 1 if not of_picture else max(pictures - 1, entries - 1)
    return f"{text} and {more} more" if more > 0 else text
