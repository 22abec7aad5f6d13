"""What the library keeps, as immutable rows, and the operations the app relies on.

A *session* holds *entries*; an entry is one job that was asked for, with its state. An entry that
draws has *pictures*; an entry that describes has an answer. An entry made from a picture (an edit,
a description, a region drawn anew) names that picture as its parent, so that a session is a forest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from PIL.Image import Image

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
        origin: empty for a job of ours, else what an imported file came from.

    Where the entry has a parent, ``job.source`` is the place where that picture lies now. The
    parent may be in another session (its picture was moved); then the entry is shown as a root.
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
    origin: str = ""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture on disk. ``job`` makes it again; its ``seed`` is the picture's own.

    Attributes:
        origin: empty for a picture drawn here, else what its file came from; its job is then
            as good a guess as the file allows.
    """

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
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Trashed:
    """One deletion, which can be taken back as a whole.

    Attributes:
        label: a few words about what was deleted.
        pictures: how many pictures it holds.
        bytes: what their files take on the disk.
    """

    id: int
    label: str
    created: datetime
    pictures: int
    bytes: int


@dataclass(frozen=True, slots=True)
class QueueOwner:
    """The process that runs the queue of a library; ``here`` says that it is this one."""

    pid: int
    host: str
    here: bool


class LibraryApi(Protocol):
    """What the app needs of a library. Every method may touch the disk: call it off the event loop.

    Methods may be called from several threads. They raise `unipic_tui.errors.StorageError` with a
    sentence for the person when the disk does not do as asked.
    """

    # sessions
    def sessions(self) -> list[Session]:
        """All sessions, the latest used first."""

    def create_session(self, name: str) -> Session:
        """A new session with a folder of its own."""

    def rename_session(self, session: int, name: str) -> Session:
        """Give a session, and its folder, another name: paths read before are no longer right."""

    def trash_session(self, session: int) -> None:
        """Move a session to the trash with all that is in it."""

    # entries and their pictures
    def add_entry(self, session: int, job: Job, parent: int | None = None) -> Entry:
        """Keep a job in state ``queued``, at the end of the queue."""

    def entry(self, entry: int) -> Entry:
        """One entry."""

    def entries(self, session: int) -> list[Entry]:
        """The entries of a session, oldest first."""

    def set_state(
        self,
        entry: int,
        state: State,
        *,
        error: str = "",
        answer: str | None = None,
        seconds: float | None = None,
    ) -> Entry:
        """Note how a job stands; ``running`` claims the queue and fails where another owns it.

        A finished entry that is set to ``queued`` again goes to the end of the queue.
        """

    def add_picture(self, entry: int, picture: Picture) -> StoredPicture:
        """Write the picture and its row; when this returns, both are on the disk."""

    def picture(self, picture: int) -> StoredPicture:
        """One picture."""

    def pictures(self, session: int) -> list[StoredPicture]:
        """The pictures of a session in the order they were made."""

    def import_file(self, session: int, path: Path) -> StoredPicture:
        """Take a picture from anywhere into the session, as an entry of its own."""

    def set_favourite(self, picture: int, favourite: bool) -> StoredPicture:
        """Mark a picture as a favourite, or no longer."""

    def set_tags(self, picture: int, tags: Sequence[str]) -> StoredPicture:
        """Give a picture exactly these tags; they are kept in small letters."""

    def set_note(self, picture: int, note: str) -> StoredPicture:
        """Keep a note about a picture; an empty one removes it."""

    def move_picture(self, picture: int, session: int) -> StoredPicture:
        """Move a picture to another session, with the edits and descriptions made from it."""

    # trash
    def trash_picture(self, picture: int) -> None:
        """Move a picture to the trash, with the edits and descriptions made from it."""

    def trash_entry(self, entry: int) -> None:
        """Move an entry to the trash, with its pictures and all that was made from them."""

    def undo_trash(self) -> str | None:
        """Bring back what was trashed last; a few words about it, or None if nothing is there."""

    def trashed(self) -> list[Trashed]:
        """What is in the trash, the latest first."""

    def restore(self, trashed: int) -> str:
        """Bring back one deletion; a few words about it."""

    def empty_trash(self, older_than: timedelta | None = None) -> int:
        """Delete for good what was trashed that long ago, or everything; how many pictures."""

    # the queue
    def queue(self) -> list[Entry]:
        """Entries that are queued, paused, running or interrupted, in queue order."""

    def move_in_queue(self, entry: int, places: int) -> None:
        """Move a waiting entry earlier (negative) or later (positive)."""

    def claim_queue(self) -> bool:
        """Become the one process that runs this library's queue; whether that worked.

        Whatever was running when its owner ended is ``interrupted`` afterwards: it is offered
        again and never started by itself. `set_state` to ``running`` claims the queue too.
        """

    def queue_owner(self) -> QueueOwner | None:
        """Who runs the queue now, if anybody lives that does."""

    # the sampler's state
    def save_state(self, entry: int, data: bytes) -> None:
        """Keep what an unfinished job needs to go on, in place of what was kept before."""

    def load_state(self, entry: int) -> bytes | None:
        """What was kept for the job last, or None."""

    def drop_state(self, entry: int) -> None:
        """Forget what was kept for the job."""

    # search
    def search(self, query: str, limit: int = 500) -> list[Entry]:
        """Entries that match words and filters (``mode:edit fav: seed:42 after:2026-11``)."""

    def prompts(self, limit: int = 1000) -> list[str]:
        """Distinct prompts across all sessions, the latest first."""

    # many pictures
    def picture_count(self, session: int) -> int:
        """How many pictures a session shows."""

    def pictures_page(self, session: int, offset: int, limit: int) -> list[StoredPicture]:
        """Pictures ``offset`` to ``offset + limit`` of a session in the order they were made."""

    def thumbnail(self, picture: int, size: int) -> Image:
        """The picture scaled to fit ``size`` × ``size`` pixels (RGB), kept for the next time."""

    def changes(self) -> int:
        """A number that grows with every change, by whichever window; cheap enough to poll."""

    def close(self) -> None:
        """Let go of the library."""
