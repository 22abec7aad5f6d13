"""A session as the screen shows it: its jobs as a forest, their pictures, and what runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from PIL.Image import Image

from unipic_tui.events import Progress
from unipic_tui.job_parts import Turn
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, Session, StoredPicture

TOGETHER = timedelta(seconds=1)
"""Jobs of one run are written one right after the other, at most this far apart."""


@dataclass(slots=True)
class Live:
    """What is known of a job that runs."""

    stage: str = ""
    progress: Progress | None = None
    preview: Image | None = None
    text: str = ""
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history: a session, or an entry ``depth`` levels below one."""

    session: Session
    entry: Entry | None = None
    depth: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """Tells rows apart while their contents change."""
        return self.session.id, self.entry.id if self.entry else 0


class OpenSession:
    """The entries and pictures of one session, kept up to date one by one.

    Args:
        session: the session; ``None`` for a new one that nothing has been kept in yet.
        entries: its entries, oldest first.
        pictures: its pictures, in the order they were made.
    """

    def __init__(
        self,
        session: Session | None = None,
        entries: Sequence[Entry] = (),
        pictures: Sequence[StoredPicture] = (),
    ) -> None:
        self.session = session
        self.entries: dict[int, Entry] = {}
        self.pictures: dict[int, StoredPicture] = {}
        self._drawn: dict[int, list[int]] = {}
        self._asked: dict[int, list[int]] = {}
        for picture in pictures:
            self.put_picture(picture)
        for entry in entries:
            self.put_entry(entry)

    @classmethod
    def load(cls, library: Library, session: Session) -> OpenSession:
        """Read a session; slow, so to be called off the event loop."""
        return cls(
            session, library.entries.of_session(session.id), library.pictures.of_session(session.id)
        )

    @property
    def id(self) -> int:
        """The session's id; 0 for a new one."""
        return self.session.id if self.session else 0

    def put_entry(self, entry: Entry) -> bool:
        """Take in a new or changed entry; returns whether the tree's shape changed."""
        before = self.entries.get(entry.id)
        self.entries[entry.id] = entry
        if before is None and entry.parent and not entry.job.draws:
            self._asked.setdefault(entry.parent, []).append(entry.id)
        return before is None or before.parent != entry.parent

    def put_picture(self, picture: StoredPicture) -> None:
        """Take in a new or changed picture."""
        if picture.id not in self.pictures:
            self._drawn.setdefault(picture.entry, []).append(picture.id)
        self.pictures[picture.id] = picture

    def pictures_of(self, entry: int) -> list[StoredPicture]:
        """The pictures an entry has drawn so far."""
        found = (self.pictures[number] for number in self._drawn.get(entry, ()))
        return sorted(found, key=lambda picture: picture.index)

    def conversation(self, picture: int) -> list[Entry]:
        """What was asked about a picture, oldest first."""
        return [self.entries[number] for number in self._asked.get(picture, ())]

    def turns(self, picture: int) -> tuple[Turn, ...]:
        """The questions about a picture that were answered in full."""
        return tuple(
            Turn(entry.job.prompt, entry.answer)
            for entry in self.conversation(picture)
            if entry.state == "done" and entry.answer
        )

    def made_together(self, entry: int) -> list[Entry]:
        """The jobs of the same run as an entry, itself among them."""
        ordered = list(self.entries.values())
        place = next((at for at, other in enumerate(ordered) if other.id == entry), None)
        if place is None:
            return []
        first = last = place
        while first > 0 and _together(ordered[first - 1], ordered[first]):
            first -= 1
        while last + 1 < len(ordered) and _together(ordered[last], ordered[last + 1]):
            last += 1
        return ordered[first : last + 1]

    def rows(self) -> list[HistoryRow]:
        """The entries as lines of a tree, the latest root first, what was made of it under it."""
        if self.session is None:
            return []
        below: dict[int | None, list[Entry]] = {}
        for entry in self.entries.values():
            parent = self.pictures.get(entry.parent) if entry.parent else None
            below.setdefault(parent.entry if parent else None, []).append(entry)
        rows: list[HistoryRow] = []
        # A stack of iterators, since a chain of edits may be deeper than Python recurses.
        stack: list[Iterator[Entry]] = [reversed(below.get(None, []))]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                continue
            rows.append(HistoryRow(self.session, following, len(stack)))
            stack.append(iter(below.get(following.id, [])))
        return rows


def _together(one: Entry, other: Entry) -> bool:
    apart = abs(other.created - one.created)
    return apart < TOGETHER and one.job.mode == other.job.mode and one.parent == other.parent
