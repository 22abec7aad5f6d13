"""The library, reached without ever making the screen wait, and what is written as work goes on."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from textual.message import Message

from unipic_tui.errors import UnipicError
from unipic_tui.events import Cancelled, Failed, Finished, Picture, Progress, SnapshotTaken, Text
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, State, StoredPicture
from unipic_tui.ui.messages import Stored, Trouble, Worked
from unipic_tui.worker import Started, WorkerEvent

T = TypeVar("T")

ANSWER_SECONDS = 1.0
"""Shortest time between two writes of an answer that is still growing."""


class LibraryAccess:
    """The library on two threads: one writes, in the order of the calls, the other reads.

    Args:
        open_library: opens it; called on the writing thread.
    """

    def __init__(self, open_library: Callable[[], Library]) -> None:
        self._open = open_library
        self._library: Library | None = None
        self._is_open = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "library-write")
        self._reader = ThreadPoolExecutor(1, "library-read")
        self._seen = 0
        self.foreign_changes = False

    async def open(self) -> None:
        """Open the library; raises `UnipicError` when that cannot be done."""

        def work() -> None:
            self._library = self._open()
            self._seen = self._library.changes()

        await _finish(self._writer.submit(work))
        self._is_open.set()

    async def read(self, work: Callable[[Library], T]) -> T:
        """Have ``work`` look something up, off the event loop, once the library is open."""
        await self._is_open.wait()
        return await _finish(self._reader.submit(lambda: work(self.opened)))

    async def write(
        self, work: Callable[[Library], T], take: Callable[[T], object] | None = None
    ) -> T:
        """Have ``work`` change something, after all earlier writes, once the library is open.

        The write is done even when the caller is cancelled meanwhile.

        Args:
            take: gets the result on the event loop, before any later write is reported there. What
                replaces a part of the app's state comes in this way: after a mere await it could
                undo something newer.
        """
        await self._is_open.wait()
        if take is None:
            return await _finish(self.write_soon(work))
        loop, context, taker = asyncio.get_running_loop(), copy_context(), take

        def work_and_tell(library: Library) -> T:
            result = work(library)
            with contextlib.suppress(RuntimeError):  # the app has ended
                loop.call_soon_threadsafe(taker, result, context=context)
            return result

        return await _finish(self.write_soon(work_and_tell))

    def write_soon(self, work: Callable[[Library], T]) -> Future[T]:
        """As `write`, for other threads and for those who do not wait; the library is open."""

        def note_changes() -> T:
            library = self.opened
            if library.changes() != self._seen:
                self.foreign_changes = True
            try:
                return work(library)
            finally:
                self._seen = library.changes()

        return self._writer.submit(note_changes)

    async def changed_elsewhere(self) -> bool:
        """Whether somebody else changed the library since this was asked last."""

        def look() -> bool:
            changes = self.opened.changes()
            changed = changes != self._seen or self.foreign_changes
            self._seen, self.foreign_changes = changes, False
            return changed

        return await _finish(self._writer.submit(look))

    def close(self) -> None:
        """Finish all writes and close the library; waits."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        if self._library is not None:
            self._writer.submit(self._library.close)
        self._writer.shutdown(wait=True)

    @property
    def opened(self) -> Library:
        """The library itself, for those who are off the event loop already."""
        assert self._library is not None, "the library is not open"
        return self._library


async def _finish(future: Future[T]) -> T:
    # Without the shield a cancelled caller would take what is queued off the queue.
    return await asyncio.shield(asyncio.wrap_future(future))


class Recorder:
    """Writes down what the model's thread reports, then tells the app.

    It is called on the model's thread and works without the event loop, so that what was finished
    is kept however the app ends.

    Args:
        access: where to write.
        tell: takes messages for the app; must be safe to call from any thread.
    """

    def __init__(self, access: LibraryAccess, tell: Callable[[Message], object]) -> None:
        self._access = access
        self._tell = tell
        self._answers: dict[int, str] = {}
        self._written = 0.0
        self._offsets: dict[int, int] = {}
        self._resumed: set[int] = set()
        self.leaving = False

    def expect(self, ticket: int, *, offset: int, resumed: bool) -> None:
        """Say how a job is about to be run.

        Args:
            offset: how many of its pictures were made before and are not part of the run.
            resumed: whether it goes on from a snapshot.
        """
        self._offsets[ticket] = offset
        if resumed:
            self._resumed.add(ticket)

    def __call__(self, ticket: int | None, event: WorkerEvent) -> None:
        """Keep an event of a job, and pass it on."""
        if ticket is not None:
            self._keep(ticket, event)
        if not isinstance(event, SnapshotTaken):
            self._tell(Worked(ticket, event))

    def _keep(self, ticket: int, event: WorkerEvent) -> None:
        match event:
            case Started():
                self._set(ticket, "running", answer="")
            case Progress():
                self._resumed.discard(ticket)
            case SnapshotTaken(data=data) if not self._offsets.get(ticket):
                # Without an offset, so that the state counts pictures as the whole job does.
                self._write(lambda library: library.snapshots.save(ticket, data))
            case Picture():
                self._add(ticket, event)
            case Text(delta):
                self._answers[ticket] = self._answers.get(ticket, "") + delta
                if time.monotonic() - self._written > ANSWER_SECONDS:
                    self._written = time.monotonic()
                    self._set(ticket, "running", answer=self._answers[ticket])
            case Finished(text=text, seconds=seconds):
                answer = text or self._answers.get(ticket, "")
                self._set(ticket, "done", answer=answer, seconds=seconds)
                self._write(lambda library: library.snapshots.drop(ticket))
                self._forget(ticket)
            case Cancelled():
                state: State = "interrupted" if self.leaving else "cancelled"
                self._set(ticket, state, answer=self._answers.get(ticket, ""))
                self._forget(ticket)
            case Failed(message=message):
                answer = self._answers.get(ticket, "")
                self._set(ticket, "failed", error=message, answer=answer)
                if ticket in self._resumed:  # it may be the snapshot that cannot be used
                    self._write(lambda library: library.snapshots.drop(ticket))
                self._forget(ticket)

    def _forget(self, ticket: int) -> None:
        self._answers.pop(ticket, None)
        self._offsets.pop(ticket, None)
        self._resumed.discard(ticket)

    def _write(
        self, work: Callable[[Library], T], message: Callable[[T], Message] | None = None
    ) -> None:
        """Write, then tell the app of what came of it, or of what went wrong."""

        def done(future: Future[T]) -> None:
            try:
                result = future.result()
            except UnipicError as error:
                self._tell(Trouble(error.title, error.message))
            else:
                if message is not None:
                    self._tell(message(result))

        self._access.write_soon(work).add_done_callback(done)

    def _add(self, ticket: int, picture: Picture) -> None:
        index = picture.index + self._offsets.get(ticket, 0)
        numbered = dataclasses.replace(picture, index=index)

        def work(library: Library) -> StoredPicture:
            # In this order, so that a snapshot never tells of a picture that is made already.
            library.snapshots.drop(ticket)
            return library.pictures.add(ticket, numbered)

        self._write(work, lambda stored: Stored(picture=stored))

    def _set(
        self,
        ticket: int,
        state: State,
        *,
        answer: str | None = None,
        error: str = "",
        seconds: float | None = None,
    ) -> None:
        def work(library: Library) -> Entry:
            return library.entries.set_state(
                ticket, state, answer=answer, error=error, seconds=seconds
            )

        self._write(work, lambda entry: Stored(entry=entry))
