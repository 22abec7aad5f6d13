"""What the app knows now: what is on the screen, what is chosen, what runs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from enum import Flag, auto

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
    Stage,
    Text,
)
from unipic_tui.library.records import Entry, Session, StoredPicture
from unipic_tui.ui.messages import Stored, Worked
from unipic_tui.ui.open_session import HistoryRow, Live, OpenSession
from unipic_tui.worker import LoadFailed, ModelThread, Ready, Started


class Change(Flag):
    """What has changed."""

    SESSION = auto()
    TREE = auto()
    ENTRIES = auto()
    PICTURES = auto()
    CHOICE = auto()
    LIVE = auto()
    QUEUE = auto()
    MODEL = auto()
    ALL = SESSION | TREE | ENTRIES | PICTURES | CHOICE | LIVE | QUEUE | MODEL


class AppState:
    """What the app knows now. Whoever shows it listens for changes, and then looks.

    Args:
        thread: runs the jobs.
        options: what the thread loads first.

    Attributes:
        listeners: told after each change.
        current: the session on the screen.
        loaded: sessions that were read, by id; the current one is among them once it is kept.
        unfolded: ids of the sessions whose jobs the history shows.
        turned: ids of the runs that a person opened or closed in the history.
        found: what a search found, in place of the sessions.
        touched: jobs that changed since they were shown last.
        live: what is known of running jobs, by entry.
        begun: set once the library is open and its queue taken up; what makes jobs or sessions
            waits for it, since on a busy machine a person can be quicker.
        owns_queue: whether this window runs the library's queue.
        read_only: whether the library can only be looked at.
    """

    def __init__(self, thread: ModelThread, options: BackendOptions) -> None:
        self.thread = thread
        self.options = options
        self.listeners: list[Callable[[Change], None]] = []
        self.sessions: list[Session] = []
        self.current = OpenSession()
        self.loaded: dict[int, OpenSession] = {}
        self.unfolded: set[int] = set()
        self.turned: set[int] = set()
        self.found: list[HistoryRow] | None = None
        self.entry_id: int | None = None
        self.picture_id: int | None = None
        self.touched: dict[int, Entry] = {}
        self.live: dict[int, Live] = {}
        self.info: BackendInfo | None = None
        self.memory: Memory | None = None
        self.loading: Loading | None = None
        self.load_failure: LoadFailed | None = None
        self.begun = asyncio.Event()
        self.owns_queue = True
        self.read_only = False

    def changed(self, change: Change) -> None:
        """Tell the listeners."""
        for listener in list(self.listeners):
            listener(change)

    # Looking

    @property
    def entry(self) -> Entry | None:
        """The chosen job."""
        return self.current.entries.get(self.entry_id or 0)

    @property
    def picture(self) -> StoredPicture | None:
        """The chosen picture; for a question, the one it is about."""
        return self.current.pictures.get(self.picture_id or 0)

    @property
    def running(self) -> int | None:
        """The entry that runs."""
        return self.thread.running

    @property
    def waiting(self) -> int:
        """How many jobs wait in this window's queue."""
        return len(self.thread.waiting)

    def rows(self) -> list[HistoryRow]:
        """The history: what was searched for, or all sessions, unfolded ones with their jobs."""
        if self.found is not None:
            return self.found
        rows: list[HistoryRow] = []
        for session in self.sessions:
            is_open = session.id in self.unfolded
            rows.append(HistoryRow(session, open=is_open))
            if is_open:
                rows.extend(self.loaded[session.id].rows(self.turned))
        return rows

    def answer(self) -> str:
        """The last answer about the chosen picture."""
        if self.picture_id is None:
            return ""
        answered = [entry for entry in self.current.conversation(self.picture_id) if entry.answer]
        chosen = next((entry for entry in answered if entry.id == self.entry_id), None)
        return (chosen or answered[-1]).answer if answered else ""

    # Choosing

    def turn(self, run: int) -> None:
        """Open or close a run in the history."""
        self.turned ^= {run}
        self.changed(Change.TREE)

    def choose_entry(self, entry: int) -> None:
        """Choose a job, and with it its last or best picture, or the one it asks about."""
        self.entry_id = entry
        chosen = self.current.entries.get(entry)
        pictures = self.current.pictures_of(entry)
        if pictures:
            best_first = chosen is not None and chosen.job.chooses
            self.picture_id = pictures[0 if best_first else -1].id
        elif chosen is not None and chosen.parent in self.current.pictures:
            self.picture_id = chosen.parent
        self.changed(Change.CHOICE)

    def choose_picture(self, picture: int) -> None:
        """Choose a picture, and with it the job that drew it."""
        chosen = self.current.pictures.get(picture)
        if chosen is not None:
            self.picture_id, self.entry_id = picture, chosen.entry
            self.changed(Change.CHOICE)

    def choose_latest(self) -> None:
        """Choose the session's newest picture."""
        latest = next(reversed(self.current.pictures.values()), None)
        self.picture_id = latest.id if latest else None
        self.entry_id = latest.entry if latest else next(reversed(self.current.entries), None)

    # What is reported

    def put_entry(self, entry: Entry) -> None:
        """Take in a new or changed job."""
        session = self.loaded.get(entry.session)
        if session is None:
            return
        grown = session.put_entry(entry)
        self.touched[entry.id] = entry
        change = Change.QUEUE | (Change.TREE if grown else Change.ENTRIES)
        if entry.id == self.entry_id or entry.parent == self.picture_id:
            change |= Change.CHOICE
        self.changed(change)

    def put_picture(self, picture: StoredPicture) -> None:
        """Take in a new or changed picture."""
        session = self.loaded.get(picture.session)
        if session is None:
            return
        new = picture.id not in session.pictures
        session.put_picture(picture)
        if new:
            self._count_picture(picture.session)
            self.changed(Change.TREE)
        if session is self.current:
            self.changed(Change.PICTURES)

    def _count_picture(self, session: int) -> None:
        for place, other in enumerate(self.sessions):
            if other.id == session:
                self.sessions[place] = dataclasses.replace(other, pictures=other.pictures + 1)

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
            case Stage(doing):
                live.stage = doing
            case Progress() as step:
                live.stage = ""
                shown = live.progress
                if shown is None or shown.picture == step.picture:
                    live.progress = step
                elif shown.iteration == shown.iterations:
                    # Of pictures that are drawn at once the first one is shown to its end.
                    live.progress, live.preview = step, None
            case Preview(picture, image=image):
                if live.progress is None or live.progress.picture == picture:
                    live.preview = image
            case Text(delta):
                live.text += delta
            case Notice(words):
                live.notices.append(words)
            case Finished() | Cancelled() | Failed():
                self.live.pop(ticket, None)
                change |= Change.QUEUE
        self.changed(change)

    def stored(self, message: Stored) -> None:
        """Take in what was written to the disk of a job that is still there."""
        if message.picture is not None and self._knows(
            message.picture.session, message.picture.entry
        ):
            self.put_picture(message.picture)
        if message.entry is not None and self._knows(message.entry.session, message.entry.id):
            self.put_entry(message.entry)
            ended = message.entry.state in {"done", "cancelled", "failed", "interrupted"}
            if ended and message.entry.id == self.entry_id:
                # The reveal is over: what it became is chosen in its place.
                self.choose_entry(message.entry.id)

    def _knows(self, session: int, entry: int) -> bool:
        # What is in the trash by now is still reported by the job that is just being stopped.
        return session in self.loaded and entry in self.loaded[session].entries
