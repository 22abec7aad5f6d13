"""Running jobs, and changing pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from unipic_tui.errors import InputError
from unipic_tui.events import BackendOptions, Loading
from unipic_tui.jobs import DrawingJob
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, StoredPicture
from unipic_tui.ui.draft import PlannedJobs
from unipic_tui.ui.studio.sessions import Sessions
from unipic_tui.ui.studio.state import Change


class Work(Sessions):
    """The part of the studio that the commands call."""

    # Jobs

    async def run(self, plan: PlannedJobs) -> list[Entry]:
        """Keep the jobs of a plan and queue them; the first one is chosen."""
        session = await self._session_for(plan.jobs[0].prompt)

        def add(library: Library) -> list[Entry]:
            return [library.entries.add(session, job, plan.parent) for job in plan.jobs]

        entries = await self.store.write(add)
        for entry in entries:
            self._put_entry(entry)
            if self.owns_queue:
                self.recorder.expect(entry.id, offset=0, resumed=False)
                self.thread.submit(entry.id, entry.job)
        self.choose_entry(entries[0].id)
        self.changed(Change.TREE | Change.QUEUE)
        return entries

    def cancel_running(self) -> bool:
        """Stop the job that runs."""
        running = self.running
        return running is not None and self.thread.cancel(running)

    async def cancel(self, entry: Entry) -> None:
        """Stop one job, wherever it is."""
        if not self.thread.cancel(entry.id):
            await self._set_state(entry, "cancelled")

    async def hold(self, entry: Entry, held: bool) -> None:
        """Keep a waiting job from starting, or let it."""
        self.thread.hold(entry.id, held)
        await self._set_state(entry, "paused" if held else "queued")

    async def move(self, entry: Entry, places: int) -> None:
        """Move a waiting job in the queue."""
        self.thread.move(entry.id, places)
        await self.store.write(lambda library: library.queue.move(entry.id, places))
        self.changed(Change.QUEUE)

    async def retry(self, entry: Entry, *, held: bool = False) -> None:
        """Queue a job again that ended without its result."""
        if entry.id == self.running or any(
            waiting.ticket == entry.id for waiting in self.thread.waiting
        ):
            return
        if entry.session not in self.desks:
            session = next(other for other in self.sessions if other.id == entry.session)
            await self._unfold(session)
        fresh = await self._set_state(entry, "paused" if held else "queued")
        if self.owns_queue:
            await self.submit(fresh)
        self.changed(Change.QUEUE)

    async def branch(self, entry: Entry, prompt: str, seed: int) -> None:
        """Draw one picture that shares what an unfinished job has drawn so far, then differs.

        Raises:
            InputError: nothing of the job is kept.
        """
        job = entry.job
        if not isinstance(job, DrawingJob):
            raise InputError("Only a drawing can be branched off.")
        if getattr(job, "best_of", None) is not None:
            raise InputError("A drawing with a choice cannot be branched off: leave Best of empty.")
        state, drawn = await self.store.write(
            lambda library: (
                library.snapshots.load(entry.id),
                sum(
                    picture.entry == entry.id
                    for picture in library.pictures.of_session(entry.session)
                ),
            )
        )
        if state is None:
            raise InputError(
                "Nothing is kept of that job to go on from: choose one that is being drawn or was "
                "stopped after a few seconds."
            )
        # The state is of picture `drawn` of the job, whose seed is that much higher.
        branched = dataclasses.replace(
            job, prompt=prompt, count=drawn + 1, seed=max(0, seed - drawn)
        )

        def add(library: Library) -> Entry:
            added = library.entries.add(entry.session, branched, entry.parent)
            library.snapshots.save(added.id, state)
            return added

        added = await self.store.write(add)
        self._put_entry(added)
        if self.owns_queue:
            await self.submit(added)
        self.choose_entry(added.id)
        self.changed(Change.TREE | Change.QUEUE)

    async def _set_state(self, entry: Entry, state: str) -> Entry:
        fresh = await self.store.write(
            lambda library: library.entries.set_state(entry.id, state)  # type: ignore[arg-type]
        )
        self._put_entry(fresh)
        return fresh

    def pause(self) -> None:
        """Start no further job, or go on."""
        if self.thread.paused:
            self.thread.resume()
        else:
            self.thread.pause()
        self.changed(Change.QUEUE)

    def load(self, options: BackendOptions) -> None:
        """Load another checkpoint once the running job is done."""
        self.options = options
        self.load_failure = None
        self.loading = Loading("waiting for the running job", 0.0)
        self.thread.load(options)
        self.changed(Change.MODEL)

    # Pictures

    async def open_file(self, path: Path) -> StoredPicture:
        """Take a picture into the session and choose it."""
        session = await self._session_for(path.stem.replace("-", " ").replace("_", " "))
        picture = await self.store.write(lambda library: library.importing.file(session, path))
        entry = await self.store.read(lambda library: library.entries.get(picture.entry))
        self._put_entry(entry)
        self._put_picture(picture)
        self.choose_picture(picture.id)
        return picture

    async def change_picture(self, work: Callable[[Library], StoredPicture]) -> None:
        """Have the library change a picture, and show it so."""
        self._put_picture(await self.store.write(work))
        self.changed(Change.CHOICE)

    async def mark(self, picture: StoredPicture) -> None:
        """Mark a picture as a favourite, or no longer."""
        await self.change_picture(
            lambda library: library.pictures.set_favourite(picture.id, not picture.favourite)
        )

    async def trash_picture(self, picture: StoredPicture) -> None:
        """Move a picture to the trash; its neighbour is chosen."""
        neighbour = self._neighbour(picture.id)
        await self.store.write(lambda library: library.trash.put_picture(picture.id))
        await self.reload()
        if neighbour is not None:
            self.choose_picture(neighbour)

    async def trash(self) -> str:
        """Move the chosen picture to the trash, or the chosen job; a few words about it."""
        entry, picture = self.entry, self.picture
        asks = entry is not None and not entry.job.draws
        if picture is not None and not asks and picture.entry == self.entry_id:
            await self.trash_picture(picture)
            return "The picture is in the trash."
        if entry is None:
            return ""
        self.thread.cancel(entry.id)
        await self.store.write(lambda library: library.trash.put_entry(entry.id))
        await self.reload()
        return "The job is in the trash."

    def _neighbour(self, picture: int) -> int | None:
        ordered = list(self.desk.pictures)
        if picture not in ordered:
            return None
        place = ordered.index(picture)
        rest = ordered[place + 1 : place + 2] or ordered[max(0, place - 1) : place]
        return rest[0] if rest else None

    async def undo(self) -> str | None:
        """Bring back what was trashed last; a few words about it."""
        words = await self.store.write(lambda library: library.trash.undo())
        await self.reload()
        return words
