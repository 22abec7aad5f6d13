"""The queue: jobs that wait or run, across sessions, and the one process that runs them."""

from __future__ import annotations

import os
import platform
import time

from unipic_tui.errors import StorageError
from unipic_tui.library.layout import LOCKS
from unipic_tui.library.locks import FileLock
from unipic_tui.library.records import (
    SELECT_ENTRIES,
    UNFINISHED,
    WAITING,
    Entry,
    QueueOwner,
    entry_of,
)
from unipic_tui.library.storage import Storage


class LibraryQueue:
    """The queue of a library."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._database = storage.database
        self._lock = FileLock(storage.folder / LOCKS / "queue")

    def entries(self) -> list[Entry]:
        """Entries that are queued, paused, running or interrupted, in queue order."""
        rows = self._database.rows(
            SELECT_ENTRIES
            + f"WHERE e.state IN {UNFINISHED} AND e.trash IS NULL ORDER BY e.position, e.id"
        )
        return [entry_of(row, self._storage.folder) for row in rows]

    def move(self, entry: int, places: int) -> None:
        """Move a waiting entry earlier (negative) or later (positive), at most to the end."""
        with self._database.write():
            rows = self._database.rows(
                f"""SELECT id, position FROM entries WHERE state IN {WAITING} AND trash IS NULL
                ORDER BY position, id"""
            )
            waiting = [row["id"] for row in rows]
            if entry not in waiting:
                raise StorageError(
                    f"The entry {entry} does not wait in the queue any more: it cannot be moved."
                )
            old = waiting.index(entry)
            new = min(max(old + places, 0), len(waiting) - 1)
            waiting.insert(new, waiting.pop(old))
            for number, row in zip(waiting, rows, strict=True):
                changed = self._database.execute(
                    "UPDATE entries SET position = ?1 WHERE id = ?2 AND position <> ?1",
                    (row["position"], number),
                )
                if changed.rowcount:
                    self._database.touch(number)

    def claim(self) -> bool:
        """Become the one process that runs this library's queue; whether that worked.

        Whatever was running when its owner ended is ``interrupted`` afterwards: it is offered
        again and never started by itself.
        """
        if self._storage.read_only:
            return False
        with self._database.writing:
            if self._lock.held:
                return True
            # A window that looks who owns the queue holds the lock for a moment.
            for pause in (0.01, 0.02, 0.04, 0.0):
                if self._lock.take():
                    break
                time.sleep(pause)
            else:
                return False
            try:
                self._interrupt()
            except BaseException:
                self._lock.release()
                raise
            self._lock.write(f"{os.getpid()} {platform.node()}")
            return True

    def owner(self) -> QueueOwner | None:
        """Who runs the queue now, if anybody lives that does."""
        if self._storage.read_only:
            return None
        with self._database.writing:
            if self._lock.held:
                return QueueOwner(os.getpid(), platform.node(), here=True)
            if self._lock.take():
                # Its owner has died or left: what it ran is offered again.
                try:
                    self._interrupt()
                finally:
                    self._lock.release()
                return None
            try:
                pid, _, host = self._lock.path.read_text("utf-8").partition(" ")
                return QueueOwner(int(pid), host or "this computer", here=False)
            except (OSError, ValueError):
                return QueueOwner(0, "another computer", here=False)

    def leave(self) -> None:
        """Leave the queue to other windows; only when closing, as nobody starts a job then."""
        self._lock.release()

    def _interrupt(self) -> None:
        """Offer again what ran when its owner died; only while holding the queue's lock."""
        running = self._database.rows("SELECT id FROM entries WHERE state = 'running'")
        if running:
            with self._database.write():
                self._database.execute(
                    "UPDATE entries SET state = 'interrupted' WHERE state = 'running'"
                )
                for row in running:
                    self._database.touch(row["id"])
