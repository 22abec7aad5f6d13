"""Entries: jobs with their states and answers."""

from __future__ import annotations

from unipic_tui.errors import StorageError
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import Job
from unipic_tui.library.inserting import insert_entry
from unipic_tui.library.layout import SESSIONS
from unipic_tui.library.queue import LibraryQueue
from unipic_tui.library.records import SELECT_ENTRIES, Entry, State, clean, entry_of, now
from unipic_tui.library.search import index_entry
from unipic_tui.library.sessions import Sessions
from unipic_tui.library.sidecars import EntrySidecar
from unipic_tui.library.storage import Storage


class Entries:
    """The entries of a library."""

    def __init__(self, storage: Storage, sessions: Sessions, queue: LibraryQueue) -> None:
        self._storage = storage
        self._database = storage.database
        self._sessions = sessions
        self._queue = queue

    def add(
        self, session: int, job: Job, parent: int | None = None, *, created: str | None = None
    ) -> Entry:
        """Keep a job in state ``queued``, at the end of the queue.

        Args:
            created: the time of its run, as `records.now` tells it; jobs of the same time were
                started together. Now by default.
        """
        with self._database.write():
            sql = "SELECT 1 FROM pictures WHERE id = ? AND trash IS NULL"
            if parent is not None and not self._database.row(sql, (parent,)):
                raise self._storage.missing("picture", parent)
            data = EntrySidecar(job=job_to_dict(job), state="queued", created=created or now())
            entry = self.insert(session, data, parent)
        return self.get(entry)

    def insert(self, session: int, data: EntrySidecar, parent: int | None = None) -> int:
        """Add an entry to a session that is in use, at the end of the queue; its number."""
        folder = f"{SESSIONS}/{self._sessions.get(session).folder.name}"
        entry = insert_entry(self._database, data, session, folder=folder)
        self._database.execute(
            """UPDATE entries SET parent = ?, position = (SELECT 1 + max(position) FROM entries)
            WHERE id = ?""",
            (parent, entry),
        )
        self._sessions.mark_used(session)
        return entry

    def get(self, entry: int) -> Entry:
        """One entry; raises `StorageError` when it is not there or in the trash."""
        row = self._database.row(SELECT_ENTRIES + "WHERE e.id = ? AND e.trash IS NULL", (entry,))
        if row is None:
            raise self._storage.missing("entry", entry)
        return entry_of(row, self._storage.folder)

    def of_session(self, session: int) -> list[Entry]:
        """The entries of a session, oldest first."""
        rows = self._database.rows(
            SELECT_ENTRIES + "WHERE e.session = ? AND e.trash IS NULL ORDER BY e.id", (session,)
        )
        return [entry_of(row, self._storage.folder) for row in rows]

    def under(self, picture: int) -> list[int]:
        """Numbers of the entries made from a picture, from their pictures and so on.

        Only those in the picture's session that are not in the trash.
        """
        rows = self._database.rows(
            """WITH RECURSIVE below (entry) AS (
                SELECT e.id FROM entries e JOIN pictures p ON p.id = e.parent
                    WHERE p.id = ? AND e.session = p.session
                UNION SELECT e.id FROM below JOIN pictures p ON p.entry = below.entry
                    JOIN entries e ON e.parent = p.id AND e.session = p.session)
            SELECT id FROM below JOIN entries ON id = entry WHERE trash IS NULL ORDER BY id""",
            (picture,),
        )
        return [row["id"] for row in rows]

    def change(self, entry: Entry, state: State) -> Entry:
        """Note how a job is to stand, if it still stands as ``entry`` says; how it stands then."""
        with self._database.write():
            present = self.get(entry.id)
            return self.set_state(entry.id, state) if present.state == entry.state else present

    def set_state(
        self,
        entry: int,
        state: State,
        *,
        error: str = "",
        answer: str | None = None,
        seconds: float | None = None,
    ) -> Entry:
        """Note how a job stands; ``running`` claims the queue.

        A finished entry that is set to ``queued`` again goes to the end of the queue. One in the
        trash does not become ``running``: its job is being stopped.

        Raises:
            StorageError: the entry is not there, or is to run though another process owns the
                queue.
        """
        if state == "running" and not (self._storage.read_only or self._queue.claim()):
            owner = self._queue.owner()
            who = f" (process {owner.pid} on {owner.host})" if owner else ""
            raise StorageError(
                f"Another window runs this library's queue{who}: close it, or run the job there."
            )
        with self._database.write():
            before = self._database.row(
                "SELECT state, answer, trash FROM entries WHERE id = ?", (entry,)
            )
            if before is None:
                raise self._storage.missing("entry", entry)
            if state == "running" and before["trash"] is not None:
                state = before["state"]
            self._database.execute(
                """UPDATE entries SET state = ?, error = ?, answer = coalesce(?, answer),
                seconds = coalesce(?, seconds) WHERE id = ?""",
                (state, clean(error), None if answer is None else clean(answer), seconds, entry),
            )
            if state == "queued" and before["state"] in {"done", "cancelled", "failed"}:
                self._database.execute(
                    """UPDATE entries SET position = (SELECT 1 + max(position) FROM entries)
                    WHERE id = ?""",
                    (entry,),
                )
            if state != "running" or before["state"] != "running":
                # An answer that still grows is in the database alone until it is complete.
                self._database.touch(entry)
            if answer is not None and answer != before["answer"]:
                index_entry(self._database, entry)
            row = self._database.execute(SELECT_ENTRIES + "WHERE e.id = ?", (entry,)).fetchone()
            # The entry may be in the trash by now; what its job comes to is kept all the same.
            return entry_of(row, self._storage.folder)
