"""What the library keeps, as immutable rows, and the operations the app relies on.

A *session* holds *entries*; an entry is one job that was asked for, with its state. An entry that
draws has *pictures*; an entry that describes has an answer. An entry made from a picture (an edit,
a description, a region drawn anew) names that picture as its parent, so that a session is a forest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from unipic_tui.events import Picture
from unipic_tui.jobs import Job

State = Literal["queued", "paused", "running", "interrupted", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Session:
    """A named place for work that belongs together; ``folder`` is where its pictures lie."""

    id: int
    name: str
    folder: Path
    created: datetime
    pictures: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One job that was asked for.

    Attributes:
        parent: id of the picture it was made from, if any.
        position: place in the queue, smallest first, while it waits.
        answer: what a description said, as far as it is known.
        error: why it failed, one sentence.
        seconds: how long it ran; 0 while it has not finished.
    """

    id: int
    session: int
    parent: int | None
    job: Job
    state: State
    position: float
    answer: str
    error: str
    created: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture on disk. ``job`` makes it again; its ``seed`` is the picture's own."""

    id: int
    entry: int
    session: int
    index: int
    path: Path
    width: int
    height: int
    job: Job
    model: str
    created: datetime
    favourite: bool
    tags: tuple[str, ...]
    note: str


class LibraryApi(Protocol):
    """What the app needs of a library. Every method may touch the disk: call it off the event loop.

    Methods may be called from several threads. They raise `unipic_tui.errors.StorageError` with a
    sentence for the person when the disk does not do as asked.
    """

    # sessions
    def sessions(self) -> list[Session]:
        """All sessions, the latest used first."""

    def create_session(self, name: str) -> Session: ...

    def rename_session(self, session: int, name: str) -> Session: ...

    def trash_session(self, session: int) -> None: ...

    # entries and their pictures
    def add_entry(self, session: int, job: Job, parent: int | None = None) -> Entry:
        """Keep a job in state ``queued``, at the end of the queue."""

    def entry(self, entry: int) -> Entry: ...

    def entries(self, session: int) -> list[Entry]:
        """The entries of a session, oldest first."""

    def set_state(
        self, entry: int, state: State, *, error: str = "", answer: str | None = None,
        seconds: float | None = None,
    ) -> Entry: ...

    def add_picture(self, entry: int, picture: Picture) -> StoredPicture:
        """Write the picture and its row; when this returns, both are on the disk."""

    def picture(self, picture: int) -> StoredPicture: ...

    def pictures(self, session: int) -> list[StoredPicture]:
        """The pictures of a session in the order they were made."""

    def import_file(self, session: int, path: Path) -> StoredPicture:
        """Take a picture from anywhere into the session, as an entry of its own."""

    def set_favourite(self, picture: int, favourite: bool) -> StoredPicture: ...

    def set_tags(self, picture: int, tags: Sequence[str]) -> StoredPicture: ...

    def set_note(self, picture: int, note: str) -> StoredPicture: ...

    def move_picture(self, picture: int, session: int) -> StoredPicture: ...

    # trash
    def trash_picture(self, picture: int) -> None: ...

    def trash_entry(self, entry: int) -> None: ...

    def undo_trash(self) -> str | None:
        """Bring back what was trashed last; a few words about it, or None if nothing is there."""

    # the queue
    def queue(self) -> list[Entry]:
        """Entries that are queued, paused, running or interrupted, in queue order."""

    def move_in_queue(self, entry: int, places: int) -> None:
        """Move a waiting entry earlier (negative) or later (positive)."""

    # search
    def search(self, query: str, limit: int = 500) -> list[Entry]:
        """Entries that match words and filters (``mode:edit fav: seed:42 after:2026-11``)."""

    def prompts(self, limit: int = 1000) -> list[str]:
        """Distinct prompts across all sessions, the latest first."""

    def close(self) -> None: ...
