"""Entries: the jobs that were asked for, and the queue of those that wait."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.files import read_bytes, storage_error, write_atomic
from unipic_tui.jobs import Job
from unipic_tui.library.database import Transaction
from unipic_tui.library.layout import ENTRIES, SESSIONS, STATES, entry_name
from unipic_tui.library.records import Entry, QueueOwner, State
from unipic_tui.library.rows import ENTRIES as SELECT_ENTRIES
from unipic_tui.library.rows import LIVING, WAITING, clean, entry_of, job_text, now
from unipic_tui.library.sessions import Sessions, new_uid
from unipic_tui.library.words import index_entry

_STATE_LIMIT = 1 << 32


class Entries(Sessions):
    """The part of the library about jobs, their order and their states."""

    # entries

    def add_entry(self, session: int, job: Job, parent: int | None = None) -> Entry:
        """Keep a job in state ``queued``, at the end of the queue."""
        with self.database.write() as transaction:
            if (
                parent is not None
                and not transaction.execute(
                    "SELECT 1 FROM pictures WHERE id = ? AND trash IS NULL", (parent,)
                ).fetchone()
            ):
                raise self._missing("picture", parent)
            entry = self._insert_entry(transaction, session, job, parent, state="queued")
        return self.entry(entry)

    def _insert_entry(
        self,
        transaction: Transaction,
        session: int,
        job: Job,
        parent: int | None,
        *,
        state: State,
        origin: str = "",
    ) -> int:
        folder = self.session(session).folder
        entry = transaction.insert(
            """INSERT INTO entries
                (uid, session, parent, mode, prompt, job, state, position, created, file, origin)
            VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT 1 + coalesce(max(position), 0) FROM entries),
                ?, ?, ?)""",
            (
                *(new_uid(), session, parent, job.mode, clean(job.prompt), job_text(job), state),
                *(now(), f"new/{new_uid()}", origin),
            ),
        )
        file = f"{SESSIONS}/{folder.name}/{ENTRIES}/{entry_name(entry)}"
        transaction.execute("UPDATE entries SET file = ? WHERE id = ?", (file, entry))
        transaction.touch(entry)
        index_entry(transaction, entry)
        self._use(transaction, session)
        return entry

    def entry(self, entry: int) -> Entry:
        """One entry; raises `StorageError` when it is not there or in the trash."""
        row = self.database.row(SELECT_ENTRIES + "WHERE e.id = ? AND e.trash IS NULL", (entry,))
        if row is None:
            raise self._missing("entry", entry)
        return entry_of(row, self.folder)

    def entries(self, session: int) -> list[Entry]:
        """The entries of a session, oldest first."""
        rows = self.database.rows(
            SELECT_ENTRIES + "WHERE e.session = ? AND e.trash IS NULL ORDER BY e.id", (session,)
        )
        return [entry_of(row, self.folder) for row in rows]

    def set_state(
        self,
        entry: int,
        state: State,
        *,
        error: str = "",
        answer: str | None = None,
        seconds: float | None = None,
    ) -> Entry:
        """Note how a job stands. One that comes back to ``queued`` goes to the queue's end.

        Raises:
            StorageError: the entry is not there, or is to run though it is in the trash or another
                process owns the queue.
        """
        if state == "running" and not self.claim_queue():
            owner = self.queue_owner()
            who = f" (process {owner.pid} on {owner.host})" if owner else ""
            raise StorageError(
                f"Another window runs this library's queue{who}: close it, or run the job there."
            )
        with self.database.write() as transaction:
            before = transaction.execute(
                "SELECT state, answer, trash FROM entries WHERE id = ?", (entry,)
            ).fetchone()
            if before is None or (before["trash"] is not None and state == "running"):
                raise self._missing("entry", entry)
            transaction.execute(
                """UPDATE entries SET state = ?, error = ?, answer = coalesce(?, answer),
                seconds = coalesce(?, seconds) WHERE id = ?""",
                (state, clean(error), None if answer is None else clean(answer), seconds, entry),
            )
            if state == "queued" and before["state"] in {"done", "cancelled", "failed"}:
                transaction.execute(
                    """UPDATE entries SET position = (SELECT 1 + max(position) FROM entries)
                    WHERE id = ?""",
                    (entry,),
                )
            if state != "running" or before["state"] != "running":
                # An answer that still grows is in the database alone until it is complete.
                transaction.touch(entry)
            if answer is not None and answer != before["answer"]:
                index_entry(transaction, entry)
            row = transaction.execute(SELECT_ENTRIES + "WHERE e.id = ?", (entry,)).fetchone()
            # The entry may be in the trash by now; what its job comes to is kept all the same.
            return entry_of(row, self.folder)

    # the queue

    def queue(self) -> list[Entry]:
        """Entries that are queued, paused, running or interrupted, in queue order."""
        rows = self.database.rows(
            SELECT_ENTRIES
            + f"WHERE e.state IN {LIVING} AND e.trash IS NULL ORDER BY e.position, e.id"
        )
        return [entry_of(row, self.folder) for row in rows]

    def move_in_queue(self, entry: int, places: int) -> None:
        """Move a waiting entry earlier (negative) or later (positive), at most to the end."""
        with self.database.write() as transaction:
            waiting = [
                row["id"]
                for row in transaction.execute(
                    f"""SELECT id FROM entries WHERE state IN {WAITING} AND trash IS NULL
                    ORDER BY position, id"""
                )
            ]
            if entry not in waiting:
                raise StorageError(
                    f"The entry {entry} does not wait in the queue any more: it cannot be moved."
                )
            old = waiting.index(entry)
            new = min(max(old + places, 0), len(waiting) - 1)
            positions = [
                transaction.execute(
                    "SELECT position FROM entries WHERE id = ?", (number,)
                ).fetchone()["position"]
                for number in waiting
            ]
            waiting.insert(new, waiting.pop(old))
            for number, position in zip(waiting, sorted(positions), strict=True):
                changed = transaction.execute(
                    "UPDATE entries SET position = ?1 WHERE id = ?2 AND position <> ?1",
                    (position, number),
                )
                if changed.rowcount:
                    transaction.touch(number)

    def claim_queue(self) -> bool:
        """Become the one process that runs this library's queue; whether that worked.

        Whatever was running when its owner ended is ``interrupted`` afterwards.
        """
        with self.database.writing:
            if self._queue_lock.held:
                return True
            # A window that looks who owns the queue holds the lock for a moment.
            for pause in (0.01, 0.02, 0.04, 0.0):
                if self._queue_lock.take():
                    break
                time.sleep(pause)
            else:
                return False
            try:
                self._interrupt()
            except BaseException:
                self._queue_lock.release()
                raise
            self._queue_lock.write(f"{os.getpid()} {platform.node()}")
            return True

    def release_queue(self) -> None:
        """Leave the queue to other windows."""
        with self.database.writing:
            self._queue_lock.release()

    def queue_owner(self) -> QueueOwner | None:
        """Who runs the queue now, if anybody lives that does."""
        with self.database.writing:
            if self._queue_lock.held:
                return QueueOwner(os.getpid(), platform.node(), here=True)
            if self._queue_lock.take():
                # Its owner has died or left: what it ran is offered again.
                try:
                    self._interrupt()
                finally:
                    self._queue_lock.release()
                return None
            try:
                pid, _, host = self._queue_lock.path.read_text("utf-8").partition(" ")
                return QueueOwner(int(pid), host or "this computer", here=False)
            except (OSError, ValueError):
                return QueueOwner(0, "another computer", here=False)

    def _interrupt(self) -> None:
        """Offer again what ran when its owner died; only while holding the queue's lock."""
        running = self.database.rows("SELECT id FROM entries WHERE state = 'running'")
        if running:
            with self.database.write() as transaction:
                for row in running:
                    transaction.execute(
                        "UPDATE entries SET state = 'interrupted' WHERE id = ?", (row["id"],)
                    )
                    transaction.touch(row["id"])

    # the sampler's state

    def save_state(self, entry: int, data: bytes) -> None:
        """Keep what an unfinished job needs to go on, in place of what was kept before."""
        with self.database.write(quiet=True) as transaction:
            if not transaction.execute("SELECT 1 FROM entries WHERE id = ?", (entry,)).fetchone():
                raise self._missing("entry", entry)
            write_atomic(self._state_path(entry), data)

    def load_state(self, entry: int) -> bytes | None:
        """What was kept for the job last, or None."""
        path = self._state_path(entry)
        return read_bytes(path, _STATE_LIMIT) if path.exists() else None

    def drop_state(self, entry: int) -> None:
        """Forget what was kept for the job."""
        path = self._state_path(entry)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, path, "remove") from error

    def _state_path(self, entry: int) -> Path:
        return self.folder / STATES / f"{entry:06d}.state"
