"""What the app is doing, as plain state: what is on the screen, what is chosen, what runs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from enum import Flag, auto

from unipic_tui.events import BackendInfo, BackendOptions, Loading, Memory
from unipic_tui.library.records import Entry, Session, StoredPicture
from unipic_tui.ui.desk import Desk, Live, Row
from unipic_tui.ui.store import Recorder, Store
from unipic_tui.worker import LoadFailed, ModelThread


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


class State:
    """The app's state; whoever shows it is told what changed, and looks.

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
        self.creating = asyncio.Lock()

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

    # Choosing

    def choose_entry(self, entry: int) -> None:
        """Choose a job, and with it its last or best picture, or the one it asks about."""
        self.entry_id = entry
        chosen = self.desk.entries.get(entry)
        pictures = self.desk.pictures_of(entry)
        if pictures:
            best_first = chosen is not None and getattr(chosen.job, "best_of", None) is not None
            self.picture_id = pictures[0 if best_first else -1].id
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

    # Taking in

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
