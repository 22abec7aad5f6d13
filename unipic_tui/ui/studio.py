"""What the app is doing: the session on the screen, the choice in it, the queue and the model.

No widget and no key is known here. Whoever shows it is told what changed, and looks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Flag, auto
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.events import (
    BackendInfo,
    BackendOptions,
    Cancelled,
    Failed,
    Finished,
    Loading,
    Memory,
    Notice,
    Preview,
    Progress,
    Text,
)
from unipic_tui.jobs import DescribeJob, Job
from unipic_tui.library.records import Entry, LibraryApi, Session, StoredPicture
from unipic_tui.ui.desk import Desk, Live, Row
from unipic_tui.ui.draft import Plan
from unipic_tui.ui.messages import Kept, Worked
from unipic_tui.ui.store import Recorder, Store
from unipic_tui.worker import LoadFailed, ModelThread, Ready, Started

NAME_WORDS = 6
"""A session is called after so many words of its first prompt."""
_LOOSE_ENDS = {
    *("a", "an", "the", "of", "in", "on", "at", "and", "or", "with", "to", "by", "from", "for"),
    *("left", "right", "above", "below"),
}


class Change(Flag):
    """What is another now."""

    SESSION = auto()
    TREE = auto()
    ENTRIES = auto()
    PICTURES = auto()
    CHOICE = auto()
    LIVE = auto()
    QUEUE = auto()
    MODEL = auto()
    ALL = SESSION | TREE | ENTRIES | PICTURES | CHOICE | LIVE | QUEUE | MODEL


class Studio:
    """The app's state, and everything that changes it.

    Args:
        store: the library.
        recorder: writes down what jobs produce.
        thread: runs the jobs.
        options: what the thread loads first.
        changed: told after each change.
    """

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        thread: ModelThread,
        options: BackendOptions,
        changed: Callable[[Change], None],
    ) -> None:
        self.store = store
        self.recorder = recorder
        self.thread = thread
        self.options = options
        self.changed = changed
        self.sessions: list[Session] = []
        self.desk = Desk()
        self.desks: dict[int, Desk] = {}
        self.unfolded: set[int] = set()
        self.found: list[Row] | None = None
        self.entry_id: int | None = None
        self.picture_id: int | None = None
        self.touched: dict[int, Entry] = {}
        self.live: dict[int, Live] = {}
        self.info: BackendInfo | None = None
        self.memory: Memory | None = None
        self.loading: Loading | None = None
        self.load_failure: LoadFailed | None = None
        self.owns_queue = True

    # Looking

    @property
    def entry(self) -> Entry | None:
        """The chosen job."""
        return self.desk.entries.get(self.entry_id or 0)

    @property
    def picture(self) -> StoredPicture | None:
        """The chosen picture; for a question, the one it is about."""
        return self.desk.pictures.get(self.picture_id or 0)

    @property
    def running(self) -> int | None:
        """The entry that runs."""
        return self.thread.running

    @property
    def waiting(self) -> int:
        """How many jobs wait in this window's queue."""
        return len(self.thread.waiting)

    def rows(self) -> list[Row]:
        """The history: what was searched for, or all sessions, unfolded ones with their jobs."""
        if self.found is not None:
            return self.found
        rows: list[Row] = []
        for session in self.sessions:
            rows.append(Row(session))
            if session.id in self.unfolded:
                rows.extend(self.desks[session.id].rows())
        return rows

    def answer(self) -> str:
        """The last answer about the chosen picture."""
        if self.picture_id is None:
            return ""
        answered = [entry for entry in self.desk.conversation(self.picture_id) if entry.answer]
        chosen = next((entry for entry in answered if entry.id == self.entry_id), None)
        return (chosen or answered[-1]).answer if answered else ""

    # Beginning and sessions

    async def begin(self) -> list[Entry]:
        """Open the library and its latest session, and take up the queue.

        Returns:
            The jobs that were running when the program ended.
        """
        await self.store.open()
        self.sessions = await self.store.read(lambda library: library.sessions())
        if self.sessions:
            await self.open_session(self.sessions[0].id)
        interrupted = await self.take_up_queue()
        self.changed(Change.ALL)
        return interrupted

    async def take_up_queue(self) -> list[Entry]:
        """Queue what waits in the library; returns what was interrupted."""
        self.owns_queue = await self.store.write(lambda library: library.claim_queue())
        if not self.owns_queue:
            return []
        known = {waiting.ticket for waiting in self.thread.waiting} | {self.running}
        kept = await self.store.read(lambda library: library.queue())
        for entry in kept:
            if entry.state in {"queued", "paused"} and entry.id not in known:
                self.submit(entry)
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
        await self.store.write(lambda library: library.rename_session(number, name))
        await self.reload()

    async def trash_session(self) -> None:
        """Move the session on the screen to the trash; the next one is shown."""
        number = self.desk.id
        for entry in self.desk.entries.values():
            self.thread.cancel(entry.id)
        await self.store.write(lambda library: library.trash_session(number))
        self.unfolded.discard(number)
        self.desks.pop(number, None)
        self.new_session()
        await self.reload()
        if self.sessions:
            await self.open_session(self.sessions[0].id)

    async def reload(self) -> None:
        """Read again what is shown, after somebody else or an undo changed it."""
        self.sessions = await self.store.read(lambda library: library.sessions())
        present = {session.id: session for session in self.sessions}
        shown = [present[number] for number in self.desks if number in present]

        def load(library: LibraryApi) -> dict[int, Desk]:
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
        entries = await self.store.read(lambda library: library.search(query))
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

    # Choosing

    def choose_entry(self, entry: int) -> None:
        """Choose a job, and with it its last picture or the one it asks about."""
        self.entry_id = entry
        chosen = self.desk.entries.get(entry)
        pictures = self.desk.pictures_of(entry)
        if pictures:
            self.picture_id = pictures[-1].id
        elif chosen is not None and chosen.parent in self.desk.pictures:
            self.picture_id = chosen.parent
        self.changed(Change.CHOICE)

    def choose_picture(self, picture: int) -> None:
        """Choose a picture, and with it the job that drew it."""
        chosen = self.desk.pictures.get(picture)
        if chosen is not None:
            self.picture_id, self.entry_id = picture, chosen.entry
            self.changed(Change.CHOICE)

    def choose_latest(self) -> None:
        """Choose the session's newest picture."""
        latest = next(reversed(self.desk.pictures.values()), None)
        self.picture_id = latest.id if latest else None
        self.entry_id = latest.entry if latest else next(reversed(self.desk.entries), None)

    async def go_to(self, entry: Entry) -> None:
        """Choose a job of any session, which is then shown."""
        if entry.session != self.desk.id:
            await self.open_session(entry.session)
        self.choose_entry(entry.id)

    # Running

    async def run(self, plan: Plan) -> list[Entry]:
        """Keep the jobs of a plan and queue them; the first one is chosen."""
        session = await self._session_for(plan.jobs[0].prompt)

        def add(library: LibraryApi) -> list[Entry]:
            return [library.add_entry(session, job, plan.parent) for job in plan.jobs]

        entries = await self.store.write(add)
        for entry in entries:
            self._put_entry(entry)
            if self.owns_queue:
                self.submit(entry)
        self.choose_entry(entries[0].id)
        self.changed(Change.TREE | Change.QUEUE)
        return entries

    async def _session_for(self, prompt: str) -> int:
        """The session on the screen; a new one is created and named after the prompt."""
        if self.desk.session is not None:
            return self.desk.id
        name = session_name(prompt)
        session = await self.store.write(lambda library: library.create_session(name))
        # Somebody may have run a second prompt while the first created the session.
        self.sessions.insert(0, session)
        self.desk = self.desks[session.id] = Desk(session)
        self.unfolded.add(session.id)
        self.changed(Change.SESSION)
        return session.id

    def submit(self, entry: Entry) -> None:
        """Hand an entry to the model's thread; a job that drew some pictures goes on after them."""
        desk = self.desks.get(entry.session)
        drawn = len(desk.pictures_of(entry.id)) if desk else 0
        job = remaining(entry.job, drawn)
        self.recorder.continue_from(entry.id, drawn if job is not entry.job else 0)
        self.thread.submit(entry.id, job, held=entry.state == "paused")

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
        await self.store.write(lambda library: library.move_in_queue(entry.id, places))
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
            self.submit(fresh)
        self.changed(Change.QUEUE)

    async def _set_state(self, entry: Entry, state: str) -> Entry:
        fresh = await self.store.write(
            lambda library: library.set_state(entry.id, state)  # type: ignore[arg-type]
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
        picture = await self.store.write(lambda library: library.import_file(session, path))
        entry = await self.store.read(lambda library: library.entry(picture.entry))
        self._put_entry(entry)
        self._put_picture(picture)
        self.choose_picture(picture.id)
        return picture

    async def change_picture(self, work: Callable[[LibraryApi], StoredPicture]) -> None:
        """Have the library change a picture, and show it so."""
        self._put_picture(await self.store.write(work))
        self.changed(Change.CHOICE)

    async def trash(self) -> str:
        """Move the chosen picture to the trash, or the chosen job; a few words about it."""
        entry, picture = self.entry, self.picture
        asks = entry is not None and isinstance(entry.job, DescribeJob)
        if picture is not None and not asks and picture.entry == self.entry_id:
            neighbour = self._neighbour(picture.id)
            await self.store.write(lambda library: library.trash_picture(picture.id))
            await self.reload()
            if neighbour is not None:
                self.choose_picture(neighbour)
            return "The picture is in the trash."
        if entry is None:
            return ""
        self.thread.cancel(entry.id)
        await self.store.write(lambda library: library.trash_entry(entry.id))
        await self.reload()
        return "The job is in the trash."

    def _neighbour(self, picture: int) -> int | None:
        ordered = list(self.desk.pictures)
        place = ordered.index(picture)
        rest = ordered[place + 1 : place + 2] or ordered[max(0, place - 1) : place]
        return rest[0] if rest else None

    async def undo(self) -> str | None:
        """Bring back what was trashed last; a few words about it."""
        words = await self.store.write(lambda library: library.undo_trash())
        await self.reload()
        return words

    # What the model's thread reports

    def worked(self, message: Worked) -> None:
        """Take in an event of the model's thread."""
        if message.ticket is None:
            self._model_event(message)
        else:
            self._job_event(message.ticket, message)

    def _model_event(self, message: Worked) -> None:
        match message.event:
            case Loading() as loading:
                self.loading, self.load_failure = loading, None
            case Ready(info):
                self.info, self.loading, self.load_failure = info, None, None
            case LoadFailed() as failure:
                self.load_failure, self.loading, self.info = failure, None, None
            case Memory() as memory:
                self.memory = memory
        self.changed(Change.MODEL)

    def _job_event(self, ticket: int, message: Worked) -> None:
        change = Change.LIVE
        live = self.live.setdefault(ticket, Live())
        match message.event:
            case Started():
                change |= Change.QUEUE
            case Progress() as step:
                if live.progress is not None and live.progress.picture != step.picture:
                    live.preview = None
                live.progress = step
            case Preview(image=image):
                live.preview = image
            case Text(delta):
                live.text += delta
            case Notice(words):
                live.notices.append(words)
            case Finished() | Cancelled() | Failed():
                self.live.pop(ticket, None)
                change |= Change.QUEUE
        self.changed(change)

    def kept(self, message: Kept) -> None:
        """Take in what was written to the disk."""
        if message.picture is not None:
            self._put_picture(message.picture)
        if message.entry is not None:
            self._put_entry(message.entry)
            ended = message.entry.state in {"done", "cancelled", "failed", "interrupted"}
            if ended and message.entry.id == self.entry_id:
                # The reveal is over: what it became is chosen in its place.
                self.choose_entry(message.entry.id)

    def _put_entry(self, entry: Entry) -> None:
        desk = self.desks.get(entry.session)
        if desk is None:
            return
        grown = desk.put_entry(entry)
        self.touched[entry.id] = entry
        change = Change.QUEUE | (Change.TREE if grown else Change.ENTRIES)
        if entry.id == self.entry_id or entry.parent == self.picture_id:
            change |= Change.CHOICE
        self.changed(change)

    def _put_picture(self, picture: StoredPicture) -> None:
        desk = self.desks.get(picture.session)
        if desk is None:
            return
        new = picture.id not in desk.pictures
        desk.put_picture(picture)
        if new:
            self._count_picture(picture.session)
            self.changed(Change.TREE)
        if desk is self.desk:
            self.changed(Change.PICTURES)

    def _count_picture(self, session: int) -> None:
        for place, other in enumerate(self.sessions):
            if other.id == session:
                self.sessions[place] = dataclasses.replace(other, pictures=other.pictures + 1)


def session_name(prompt: str) -> str:
    """A name for a session: the first words of its first prompt, not ending in the middle."""
    words = prompt.split()[:NAME_WORDS]
    while len(words) > 1 and words[-1].lower() in _LOOSE_ENDS:
        words.pop()
    return " ".join(words)[:80].rstrip(",.;:") or "Pictures"


def remaining(job: Job, drawn: int) -> Job:
    """What is left of a job after ``drawn`` of its pictures; picture k has the k-th seed."""
    if isinstance(job, DescribeJob) or not 0 < drawn < job.count:
        return job
    return dataclasses.replace(job, count=job.count - drawn, seed=job.seed + drawn)
