"""What the library keeps, as immutable records, and how they are read from database rows.

A *session* holds *entries*; an entry is one job with its state. An entry that
draws has *pictures*; an entry that describes has an answer. An entry made from a picture (an edit,
a description, a redrawn region) names that picture as its parent, so that a session is a forest.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from unipic_tui.errors import InputError
from unipic_tui.job_json import job_from_dict
from unipic_tui.jobs import KINDS, GenerateJob, Job
from unipic_tui.library.layout import SESSIONS, inside

State = Literal["queued", "paused", "running", "interrupted", "done", "cancelled", "failed"]

WAITING = "('queued', 'paused', 'interrupted')"
UNFINISHED = "('queued', 'paused', 'running', 'interrupted')"

SELECT_SESSIONS = """SELECT s.*, (SELECT count(*) FROM pictures p
    WHERE p.session = s.id AND p.trash IS NULL) AS pictures FROM sessions s """

SELECT_ENTRIES = """SELECT e.*, source.path AS source_path FROM entries e
    LEFT JOIN pictures source ON source.id = e.parent """

SELECT_PICTURES = """SELECT p.*, e.origin AS origin, source.path AS source_path,
    (SELECT json_group_array(tag) FROM tags WHERE picture = p.id) AS tags
    FROM pictures p JOIN entries e ON e.id = p.entry
    LEFT JOIN pictures source ON source.id = e.parent """


@dataclass(frozen=True, slots=True)
class Session:
    """A named place for work that belongs together; ``folder`` is where its pictures are written.

    The folder keeps the name that the session had first, whatever it is called later.
    """

    id: int
    name: str
    folder: Path
    created: datetime
    pictures: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One job, with its state.

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
        seed: the seed it was drawn with, 0 to 2^64-1, where that is known.
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
    seed: int | None = None

    @property
    def seed_known(self) -> bool:
        """Whether the job's seed is the one it was drawn with, and no stand-in."""
        return self.seed is not None or not self.origin


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


def new_uid() -> str:
    """An identity that no other session, entry or picture has, in any library."""
    return secrets.token_hex(10)


def now() -> str:
    """The time as the database keeps it: UTC, ISO 8601."""
    return stamp(datetime.now(UTC))


def stamp(time: datetime) -> str:
    """A time as the database keeps it, to the microsecond; once these were milliseconds."""
    precision = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.astimezone(UTC).isoformat(timespec=precision)


def moment(text: str) -> datetime:
    """The time of a row, with its zone; the start of 1970 where a file holds nonsense."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def clean(text: str) -> str:
    """The text without lone surrogates, which SQLite does not take."""
    return text.encode("utf-8", "replace").decode()


def seed_to_row(seed: int | None) -> int | None:
    """A seed, 0 to 2^64-1, as the database keeps it: in the 64 bits of a signed integer."""
    return seed - (1 << 64) if seed is not None and seed >= 1 << 63 else seed


def seed_of_row(value: int | None) -> int | None:
    """The seed that a row keeps; `None` where it is not known."""
    return None if value is None else value % (1 << 64)


@lru_cache(maxsize=8192)
def job_of(text: str) -> Job:
    """The job of a row. One that this version cannot read in full keeps what can be read."""
    try:
        data = json.loads(text)
    except ValueError:
        data = {}
    return lenient_job(data if isinstance(data, dict) else {})


def lenient_job(data: dict[str, Any]) -> Job:
    """The job a dict describes, without the fields that are unknown or out of range."""
    try:
        return job_from_dict(data)
    except InputError:
        pass
    kind = KINDS.get(str(data.get("mode")), GenerateJob)
    names = {field.name for field in dataclasses.fields(cast("Any", kind))}
    kept: dict[str, Any] = {"mode": kind.mode, "prompt": str(data.get("prompt") or "?")}
    if kind.needs_source:
        kept["source"] = str(data.get("source") or "?")
    for name in names & data.keys():
        try:
            job_from_dict({**kept, name: data[name]})
        except InputError:
            continue
        kept[name] = data[name]
    return job_from_dict(kept)


def _with_source(job: Job, library: Path, source: str | None) -> Job:
    """The job with the place where its parent lies now, if it has one."""
    if source is None or job.source is None:
        return job
    path = str(inside(library, source))
    return job if job.source == path else job.replace(source=path)


def session_of(row: sqlite3.Row, library: Path) -> Session:
    """The session of a row of `SELECT_SESSIONS`."""
    folder = inside(library, f"{SESSIONS}/{row['folder']}")
    return Session(**same_values(Session, row, folder=folder, created=moment(row["created"])))


def entry_of(row: sqlite3.Row, library: Path) -> Entry:
    """The entry of a row of `SELECT_ENTRIES`."""
    job = _with_source(job_of(row["job"]), library, row["source_path"])
    return Entry(**same_values(Entry, row, job=job, created=moment(row["created"])))


def picture_of(row: sqlite3.Row, library: Path) -> StoredPicture:
    """The picture of a row of `SELECT_PICTURES`."""
    values = same_values(
        StoredPicture,
        row,
        index=row["place"],
        path=inside(library, row["path"]),
        job=_with_source(job_of(row["job"]), library, row["source_path"]),
        created=moment(row["created"]),
        favourite=bool(row["favourite"]),
        tags=tuple(json.loads(row["tags"])),
        seed=seed_of_row(row["seed"]),
    )
    return StoredPicture(**values)


def same_values(kind: type, row: sqlite3.Row, **others: object) -> dict[str, Any]:
    """What makes a dataclass of a row: the values of the columns named like fields, and others."""
    columns = set(row.keys())
    names = (field.name for field in dataclasses.fields(kind))
    return {name: row[name] for name in names if name in columns and name not in others} | others
