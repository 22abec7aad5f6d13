"""A session as the screen shows it: its jobs as a forest, their pictures, and what runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from PIL.Image import Image

from unipic_tui.events import Progress
from unipic_tui.job_parts import Turn
from unipic_tui.jobs import DrawingJob
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, Session, StoredPicture
from unipic_tui.text import printable
from unipic_tui.ui.iterate import contact_sheet, shared

MOST_OPEN = 12
"""Runs of more members than this are closed in the history until a person opens them."""
_OLD_GAP = timedelta(milliseconds=250)
"""Less than a person can leave between two runs, more than it took to keep a job (5 to 30 ms)."""


@dataclass(slots=True)
class Live:
    """What is known of a job that runs."""

    stage: str = ""
    progress: Progress | None = None
    preview: Image | None = None
    text: str = ""
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    """Jobs that were started together, or one job.

    Attributes:
        entries: the jobs, oldest first.
        members: each job, or each picture of a job that has drawn several; what the history lists.
        labels: what tells each member from the others.
    """

    entries: tuple[Entry, ...]
    members: tuple[tuple[Entry, StoredPicture | None], ...]
    labels: tuple[str, ...]

    @property
    def id(self) -> int:
        """The id of its first job."""
        return self.entries[0].id

    @property
    def title(self) -> str:
        """What its prompts have in common, harmless; the first where that is nothing."""
        prompts = [entry.job.prompt for entry in self.entries]
        common = shared(prompts)
        return printable(common if common != "…" else prompts[0])

    @property
    def done(self) -> int:
        """How many of its jobs are done."""
        return sum(entry.state == "done" for entry in self.entries)

    def __contains__(self, entry: int) -> bool:
        return any(one.id == entry for one in self.entries)

    def changed(self, entry: Entry) -> Run:
        """The run with the new state of one of its jobs."""
        entries = tuple(entry if one.id == entry.id else one for one in self.entries)
        return dataclasses.replace(self, entries=entries)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history: a session, a run of several, or an entry or a picture in one.

    Attributes:
        depth: levels below the session.
        picture: of an entry that has drawn one, or of one of a run.
        label: what tells it from the others of its run; empty for an entry that is alone.
        run: what the line stands for where that is several; ``entry`` is then its first.
        open: whether what is below a session or a run is shown.
    """

    session: Session
    entry: Entry | None = None
    depth: int = 0
    picture: StoredPicture | None = None
    label: str = ""
    run: Run | None = None
    open: bool = False

    @property
    def key(self) -> tuple[int, int, int, bool]:
        """Tells rows apart while their contents change."""
        entry, index = self.entry.id if self.entry else 0, self.picture.index if self.picture else 0
        return self.session.id, entry, index, self.run is not None


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
        # Worked out when they are asked for, once after each change.
        self._runs: list[Run] | None = None
        self._captions: dict[int, str] | None = None
        self._below: dict[int, list[Entry]] | None = None
        self._labels: dict[tuple[tuple[int, int], ...], tuple[str, ...]] = {}
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
        self._runs = self._captions = self._below = None
        before = self.entries.get(entry.id)
        self.entries[entry.id] = entry
        return before is None or before.parent != entry.parent

    def put_picture(self, picture: StoredPicture) -> None:
        """Take in a new or changed picture."""
        self._runs = self._captions = None
        if picture.id not in self.pictures:
            self._drawn.setdefault(picture.entry, []).append(picture.id)
        self.pictures[picture.id] = picture

    def pictures_of(self, entry: int) -> list[StoredPicture]:
        """The pictures an entry has drawn so far."""
        found = (self.pictures[number] for number in self._drawn.get(entry, ()))
        return sorted(found, key=lambda picture: picture.index)

    def conversation(self, picture: int) -> list[Entry]:
        """What was asked about a picture, oldest first."""
        return [entry for entry in self._made_from(picture) if not entry.job.draws]

    def edits(self, picture: int) -> list[Entry]:
        """The jobs that draw something from a picture, oldest first."""
        return [entry for entry in self._made_from(picture) if entry.job.draws]

    def _made_from(self, picture: int) -> Sequence[Entry]:
        if self._below is None:
            self._below = {}
            for entry in self.entries.values():
                if entry.parent:
                    self._below.setdefault(entry.parent, []).append(entry)
        return self._below.get(picture, ())

    def turns(self, picture: int) -> tuple[Turn, ...]:
        """The questions about a picture that were answered in full."""
        return tuple(
            Turn(entry.job.prompt, entry.answer)
            for entry in self.conversation(picture)
            if entry.state == "done" and entry.answer
        )

    def runs(self) -> list[Run]:
        """All jobs, those that were started together as one."""
        if self._runs is None:
            self._runs = self._find_runs()
        return self._runs

    def _find_runs(self) -> list[Run]:
        together: list[list[Entry]] = []
        for entry in self.entries.values():
            if together and _together(together[-1][-1], entry):
                together[-1].append(entry)
            else:
                together.append([entry])
        return [self._run(tuple(entries)) for entries in together]

    def _run(self, entries: tuple[Entry, ...]) -> Run:
        members: list[tuple[Entry, StoredPicture | None]] = []
        for entry in entries:
            members += [(entry, picture) for picture in self.pictures_of(entry.id)] or [
                (entry, None)
            ]
        key = tuple((entry.id, picture.id if picture else 0) for entry, picture in members)
        labels = self._labels.get(key)
        if labels is None:
            labels = self._labels[key] = _labels(members) if len(members) > 1 else ("",)
        return Run(entries, tuple(members), labels)

    def run_of(self, entry: int) -> Run | None:
        """The run that an entry is in."""
        return next((run for run in self.runs() if entry in run), None)

    def label_of(self, entry: int) -> str:
        """What tells a job from those it was started with; empty for one that is alone."""
        run = self.run_of(entry)
        if run is None or len(run.entries) == 1:
            return ""
        members = zip(run.members, run.labels, strict=True)
        return next(label for (one, _), label in members if one.id == entry)

    def labels(self) -> Mapping[int, str]:
        """What tells pictures that were made together from each other, by picture."""
        if self._captions is None:
            self._captions = {
                picture.id: label
                for run in self.runs()
                for (_, picture), label in zip(run.members, run.labels, strict=True)
                if picture is not None and label
            }
        return self._captions

    def rows(self, turned: Container[int] = ()) -> list[HistoryRow]:
        """The entries as lines of a tree, the latest root first, what was made of it under it.

        Args:
            turned: ids of the runs that a person opened or closed; others are open unless they
                have more than `MOST_OPEN` members.
        """
        if self.session is None:
            return []
        below: dict[int | None, list[Run]] = {}
        for run in self.runs():
            parent = run.entries[0].parent
            below.setdefault(parent if parent in self.pictures else None, []).append(run)
        rows: list[HistoryRow] = []
        # A stack of iterators, since a chain of edits may be deeper than Python recurses.
        stack: list[Iterator[Run | HistoryRow]] = [reversed(below.get(None, []))]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                continue
            row = following if isinstance(following, HistoryRow) else self._row(following, turned)
            rows.append(dataclasses.replace(row, depth=len(stack)))
            if row.run is None:
                stack.append(iter(below.get(row.picture.id, []) if row.picture else []))
            elif row.open:
                members = zip(row.run.members, row.run.labels, strict=True)
                stack.append(
                    HistoryRow(self.session, entry, picture=picture, label=label)
                    for (entry, picture), label in members
                )
        return rows

    def _row(self, run: Run, turned: Container[int]) -> HistoryRow:
        assert self.session is not None
        entry, picture = run.members[0]
        if len(run.members) == 1:
            return HistoryRow(self.session, entry, picture=picture)
        is_open = (len(run.members) <= MOST_OPEN) != (run.id in turned)
        return HistoryRow(self.session, entry, run=run, open=is_open)


def _together(one: Entry, other: Entry) -> bool:
    """Whether two neighbours were started together.

    `JobQueue.run` gives all jobs of a run one time, to the microsecond. Older versions gave each
    the millisecond it was kept at, a few after the one before.
    """
    if one.origin or not one.job.draws:
        return False
    if one.created == other.created:
        return True
    old = all(entry.created.microsecond % 1000 == 0 for entry in (one, other))
    alike = one.job.mode == other.job.mode and one.parent == other.parent
    return old and alike and other.created - one.created < _OLD_GAP


def _labels(members: Sequence[tuple[Entry, StoredPicture | None]]) -> tuple[str, ...]:
    jobs = [picture.job if picture else entry.job for entry, picture in members]
    unknown = {at for at, (_, picture) in enumerate(members) if picture and not picture.seed_known}
    drawn = [job for job in jobs if isinstance(job, DrawingJob)]
    return contact_sheet(drawn, unknown_seeds=unknown).labels
