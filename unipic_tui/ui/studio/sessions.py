"""Sessions: opening, searching, renaming, and what other windows do to them."""

from __future__ import annotations

import dataclasses

from unipic_tui.errors import StorageError
from unipic_tui.jobs import DrawingJob, Job
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, Session
from unipic_tui.ui.desk import Desk, Row
from unipic_tui.ui.studio.state import Change, State

NAME_WORDS = 6
"""A session is called after so many words of its first prompt."""
_LOOSE_ENDS = {
    *("a", "an", "the", "of", "in", "on", "at", "and", "or", "with", "to", "by", "from", "for"),
    *("left", "right", "above", "below"),
}


class Sessions(State):
    """The part of the studio that reads the library."""

    async def begin(self) -> list[Entry]:
        """Open the library and its latest session, and take up the queue.

        Returns:
            The jobs that were running when the program ended.
        """
        await self.store.open()
        self.sessions = await self.store.read(lambda library: library.sessions.all())
        if self.sessions:
            await self.open_session(self.sessions[0].id)
        interrupted = await self.take_up_queue()
        self.changed(Change.ALL)
        return interrupted

    async def take_up_queue(self) -> list[Entry]:
        """Queue what waits in the library; returns what was interrupted."""
        self.owns_queue = await self.store.write(lambda library: library.queue.claim())
        if not self.owns_queue:
            return []
        known = {waiting.ticket for waiting in self.thread.waiting} | {self.running}
        kept = await self.store.read(lambda library: library.queue.entries())
        for entry in kept:
            if entry.state in {"queued", "paused"} and entry.id not in known:
                await self.submit(entry)
        self.changed(Change.QUEUE)
        return [entry for entry in kept if entry.state == "interrupted"]

    async def open_session(self, session: int) -> None:
        """Show a session; its latest picture is chosen."""
        found = next((other for other in self.sessions if other.id == session), None)
        if found is None:
            raise StorageError("That session is not there any more.")
        self.desk = await self._unfold(found)
        self.choose_latest()
        self.changed(Change.SESSION | Change.TREE | Change.PICTURES | Change.CHOICE)

    def new_session(self) -> None:
        """Show an empty session; it is kept once there is something in it."""
        self.desk = Desk()
        self.entry_id = self.picture_id = None
        self.changed(Change.SESSION | Change.TREE | Change.PICTURES | Change.CHOICE)

    async def fold(self, session: Session, unfold: bool) -> None:
        """Show a session's entries in the history, or only its name."""
        if unfold:
            await self._unfold(session)
        else:
            self.unfolded.discard(session.id)
        self.changed(Change.TREE)

    async def _unfold(self, session: Session) -> Desk:
        if session.id not in self.desks:
            self.desks[session.id] = await self.store.read(
                lambda library: Desk.load(library, session)
            )
        self.unfolded.add(session.id)
        return self.desks[session.id]

    async def rename_session(self, name: str) -> None:
        """Give the session on the screen another name."""
        number = self.desk.id
        await self.store.write(lambda library: library.sessions.rename(number, name))
        await self.reload()

    async def trash_session(self) -> None:
        """Move the session on the screen to the trash; the next one is shown."""
        number = self.desk.id
        for entry in self.desk.entries.values():
            self.thread.cancel(entry.id)
        await self.store.write(lambda library: library.trash.put_session(number))
        self.unfolded.discard(number)
        self.desks.pop(number, None)
        self.new_session()
        await self.reload()
        if self.sessions:
            await self.open_session(self.sessions[0].id)

    async def reload(self) -> None:
        """Read again what is shown, after somebody else or an undo changed it."""
        self.sessions = await self.store.read(lambda library: library.sessions.all())
        present = {session.id: session for session in self.sessions}
        shown = [present[number] for number in self.desks if number in present]

        def load(library: Library) -> dict[int, Desk]:
            return {session.id: Desk.load(library, session) for session in shown}

        self.desks = await self.store.read(load)
        self.unfolded &= set(self.desks)
        self.desk = self.desks.get(self.desk.id, Desk() if self.desk.id else self.desk)
        if self.entry is None and self.picture is None:
            self.choose_latest()
        self.changed(Change.ALL)

    async def look_for_changes(self) -> None:
        """Take in what another window did; asked every second or so."""
        if await self.store.changed_elsewhere():
            await self.take_up_queue()
            await self.reload()
        elif not self.owns_queue:
            await self.take_up_queue()

    async def search(self, query: str) -> None:
        """Show in the history what matches; everything again for an empty query."""
        if not query.strip():
            self.found = None
            self.changed(Change.TREE)
            return
        entries = await self.store.read(lambda library: library.search.find(query))
        by_session: dict[int, list[Entry]] = {}
        for entry in entries:
            by_session.setdefault(entry.session, []).append(entry)
        present = {session.id: session for session in self.sessions}
        self.found = []
        for number, found in by_session.items():
            if number in present:
                self.found.append(Row(present[number]))
                self.found.extend(Row(present[number], entry, 1) for entry in found)
        self.changed(Change.TREE)

    async def go_to(self, entry: Entry) -> None:
        """Choose a job of any session, which is then shown."""
        if entry.session != self.desk.id:
            await self.open_session(entry.session)
        self.choose_entry(entry.id)

    async def _session_for(self, prompt: str) -> int:
        """The session on the screen; a new one is created and named after the prompt."""
        # Whoever runs a second prompt meanwhile means the same new session.
        async with self.creating:
            if self.desk.session is not None:
                return self.desk.id
            name = session_name(prompt)
            session = await self.store.write(lambda library: library.sessions.create(name))
            self.sessions.insert(0, session)
            self.desk = self.desks[session.id] = Desk(session)
            self.unfolded.add(session.id)
            self.changed(Change.SESSION)
            return session.id

    async def submit(self, entry: Entry) -> None:
        """Hand an entry to the model's thread.

        A job that was begun goes on: from its kept state where there is one, else after the
        pictures it has drawn.
        """
        state, drawn = None, 0
        if entry.job.draws:
            # As a write, so that all that is still to be written of it comes first.
            state, drawn = await self.store.write(lambda library: _begun(library, entry))
        job = entry.job if state is not None else remaining(entry.job, drawn)
        offset = 0 if job is entry.job else drawn
        self.recorder.expect(entry.id, offset=offset, resumed=state is not None)
        self.thread.submit(entry.id, job, held=entry.state == "paused", resume=state)


def _begun(library: Library, entry: Entry) -> tuple[bytes | None, int]:
    """The kept state of a job, if any, and how many of its pictures are made."""
    state = library.snapshots.load(entry.id)
    if state is not None or not isinstance(entry.job, DrawingJob) or entry.job.count == 1:
        return state, 0
    return None, sum(
        picture.entry == entry.id for picture in library.pictures.of_session(entry.session)
    )


def session_name(prompt: str) -> str:
    """A name for a session: the first words of its first prompt, not ending in the middle."""
    words = prompt.split()[:NAME_WORDS]
    while len(words) > 1 and words[-1].lower() in _LOOSE_ENDS:
        words.pop()
    return " ".join(words)[:80].rstrip(",.;:") or "Pictures"


def remaining(job: Job, drawn: int) -> Job:
    """What is left of a job after ``drawn`` of its pictures; picture k has the k-th seed."""
    chosen = getattr(job, "best_of", None) is not None  # their pictures come all at once
    if not isinstance(job, DrawingJob) or chosen or not 0 < drawn < job.count:
        return job
    return dataclasses.replace(job, count=job.count - drawn, seed=job.seed + drawn)
