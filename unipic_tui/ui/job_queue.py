"""The queue: what the library keeps of it, and what the model's thread runs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from unipic_tui.errors import InputError
from unipic_tui.jobs import DrawingJob, Job
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, State, now
from unipic_tui.ui.draft import PlannedJobs
from unipic_tui.ui.library_access import LibraryAccess, Recorder
from unipic_tui.ui.session_browser import SessionBrowser
from unipic_tui.ui.state import AppState, Change


class JobQueue:
    """Runs and changes jobs; the library keeps the queue, the model's thread works through it.

    Args:
        state: what is changed.
        library: where jobs are kept.
        recorder: writes down what jobs produce.
        sessions: opens the sessions that jobs belong to.
    """

    def __init__(
        self,
        state: AppState,
        library: LibraryAccess,
        recorder: Recorder,
        sessions: SessionBrowser,
    ) -> None:
        self._state = state
        self._library = library
        self._recorder = recorder
        self._sessions = sessions
        self._thread = self._state.thread
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def _handing_over(self) -> AsyncIterator[None]:
        """Keep jobs and hand them to the thread, while nobody takes up the queue.

        In between a job is nobody's: whoever looks for such jobs would run it once more.
        """
        await self._state.begun.wait()
        async with self._lock:
            yield

    async def take_up(self) -> list[Entry]:
        """Let the thread's queue be the library's; returns what was interrupted.

        Another window may have cancelled, held or deleted what waits here.
        """
        async with self._lock:
            return await self._take_up()

    async def _take_up(self) -> list[Entry]:
        self._state.owns_queue = await self._library.write(lambda library: library.queue.claim())
        self._state.read_only = self._library.opened.read_only
        if not self._state.owns_queue:
            return []
        # In this order, and after what is still to be written: a job that ends meanwhile is
        # either in the one or not waiting any more in the other.
        tickets = self._thread.tickets
        kept = await self._library.write(lambda library: library.queue.entries())
        for entry in kept:
            if entry.state in {"queued", "paused"} and entry.id not in tickets:
                await self._submit(entry)
            else:
                self._thread.hold(entry.id, entry.state == "paused")
        for ticket in tickets.difference(entry.id for entry in kept):
            if not self._thread.take_back(ticket):
                self._thread.cancel(ticket)
        self._thread.arrange([entry.id for entry in kept])
        self._state.changed(Change.QUEUE)
        return [entry for entry in kept if entry.state == "interrupted"]

    async def run(self, plan: PlannedJobs) -> list[Entry]:
        """Keep the jobs of a plan and queue them; the first one is chosen."""
        session = await self._sessions.current_or_new(plan.jobs[0].prompt)

        started = now()

        def add(library: Library) -> list[Entry]:
            return [
                library.entries.add(session, job, plan.parent, created=started) for job in plan.jobs
            ]

        async with self._handing_over():
            entries = await self._library.write(add)
            for entry in entries:
                self._state.put_entry(entry)
                if self._state.owns_queue:
                    self._recorder.expect(entry.id, offset=0, resumed=False)
                    self._thread.submit(entry.id, entry.job)
        self._state.choose_entry(entries[0].id)
        self._state.changed(Change.TREE | Change.QUEUE)
        return entries

    def cancel_running(self) -> bool:
        """Stop the job that runs."""
        running = self._state.running
        return running is not None and self._thread.cancel(running)

    async def cancel(self, entry: Entry) -> None:
        """Stop one job, wherever it is."""
        async with self._handing_over():
            if not self._thread.cancel(entry.id):
                await self._set_state(entry, "cancelled")

    async def hold(self, entry: Entry, held: bool) -> None:
        """Keep a waiting job from starting, or let it."""
        async with self._handing_over():
            if held and not self._thread.hold(entry.id) and entry.id in self._thread.tickets:
                return  # it has just begun
            await self._set_state(entry, "paused" if held else "queued")
            if not held:
                # Only now, or the thread could begin it, and say so, before that is written.
                self._thread.hold(entry.id, False)

    async def move(self, entry: Entry, places: int) -> None:
        """Move a waiting job in the queue."""
        async with self._handing_over():
            await self._library.write(lambda library: library.queue.move(entry.id, places))
            await self._arrange()
        self._state.changed(Change.QUEUE)

    async def retry(self, entry: Entry, *, held: bool = False) -> None:
        """Queue a job again that ended without its result."""
        await self._sessions.read_of(entry)
        async with self._handing_over():
            if entry.id in self._thread.tickets:
                return
            wanted: State = "paused" if held else "queued"
            fresh = await self._set_state(entry, wanted)
            if self._state.owns_queue and fresh.state == wanted:
                await self._submit(fresh)
                await self._arrange()  # one that was interrupted keeps its place
        self._state.changed(Change.QUEUE)

    async def branch(self, entry: Entry, prompt: str, seed: int) -> None:
        """Draw one picture that shares what an unfinished job has drawn so far, then differs.

        Raises:
            InputError: nothing of the job is kept.
        """
        job = entry.job
        if not isinstance(job, DrawingJob):
            raise InputError("Only a drawing can be branched off.")
        if job.chooses:
            raise InputError("A drawing with a choice cannot be branched off: leave Best of empty.")
        state, drawn = await self._library.write(
            lambda library: (
                library.snapshots.load(entry.id),
                len(library.pictures.of_entry(entry.id)),
            )
        )
        if state is None:
            raise InputError(
                "There is no snapshot of that job to resume from: choose one that is being drawn, "
                "or that was stopped after a few seconds."
            )
        # The state is of picture `drawn` of the job, whose seed is that much higher.
        branched = dataclasses.replace(
            job, prompt=prompt, count=drawn + 1, seed=max(0, seed - drawn)
        )

        def add(library: Library) -> Entry:
            added = library.entries.add(entry.session, branched, entry.parent)
            library.snapshots.save(added.id, state)
            return added

        async with self._handing_over():
            added = await self._library.write(add)
            self._state.put_entry(added)
            if self._state.owns_queue:
                await self._submit(added)
        self._state.choose_entry(added.id)
        self._state.changed(Change.TREE | Change.QUEUE)

    async def _set_state(self, entry: Entry, state: State) -> Entry:
        """Change a job that is still as a person saw it; how it stands now."""
        return await self._library.write(
            lambda library: library.entries.change(entry, state), self._state.put_entry
        )

    def pause(self) -> None:
        """Start no further job, or go on."""
        if self._thread.paused:
            self._thread.resume()
        else:
            self._thread.pause()
        self._state.changed(Change.QUEUE)

    async def _arrange(self) -> None:
        """Have the thread go through its jobs in the library's order."""
        kept = await self._library.write(lambda library: library.queue.entries())
        self._thread.arrange([entry.id for entry in kept])

    async def _submit(self, entry: Entry) -> None:
        """Hand an entry to the model's thread.

        A job that was begun goes on: from its snapshot where there is one, else after the
        pictures it has drawn.
        """
        state, drawn = None, 0
        if entry.job.draws:
            # As a write, so that all that is still to be written of it comes first.
            state, drawn = await self._library.write(lambda library: _begun(library, entry))
        job = entry.job if state is not None else remaining(entry.job, drawn)
        offset = 0 if job is entry.job else drawn
        self._recorder.expect(entry.id, offset=offset, resumed=state is not None)
        self._thread.submit(entry.id, job, held=entry.state == "paused", resume=state)


def _begun(library: Library, entry: Entry) -> tuple[bytes | None, int]:
    """The snapshot of a job, if any, and how many of its pictures are made."""
    state = library.snapshots.load(entry.id)
    if state is not None or not isinstance(entry.job, DrawingJob) or entry.job.count == 1:
        return state, 0
    return None, len(library.pictures.of_entry(entry.id))


def remaining(job: Job, drawn: int) -> Job:
    """What is left of a job after ``drawn`` of its pictures; picture k has the k-th seed."""
    if not isinstance(job, DrawingJob) or job.chooses or not 0 < drawn < job.count:
        return job
    return dataclasses.replace(job, count=job.count - drawn, seed=job.seed + drawn)
