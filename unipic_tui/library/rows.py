"""Between database rows and the records the app sees."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from unipic_tui.errors import InputError
from unipic_tui.jobs import (
    KINDS,
    GenerateJob,
    Job,
    job_from_dict,
    job_to_dict,
)
from unipic_tui.library.layout import SESSIONS, inside
from unipic_tui.library.records import Entry, Session, State, StoredPicture

WAITING = "('queued', 'paused', 'interrupted')"
LIVING = "('queued', 'paused', 'running', 'interrupted')"

SESSION_COLUMNS = """s.*, (SELECT count(*) FROM pictures p
    WHERE p.session = s.id AND p.trash IS NULL) AS pictures"""

ENTRIES = """SELECT e.*, source.path AS source_path FROM entries e
    LEFT JOIN pictures source ON source.id = e.parent """

PICTURES = """SELECT p.*, e.origin AS origin, source.path AS source_path,
    (SELECT json_group_array(tag) FROM tags WHERE picture = p.id) AS tags
    FROM pictures p JOIN entries e ON e.id = p.entry
    LEFT JOIN pictures source ON source.id = e.parent """


def now() -> str:
    """The time as the database keeps it: UTC, ISO 8601."""
    return stamp(datetime.now(UTC))


def stamp(time: datetime) -> str:
    """A time as the database keeps it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def moment(text: str) -> datetime:
    """The time of a row, with its zone; the start of 1970 where a file holds nonsense."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def job_text(job: Job) -> str:
    """The job as the database keeps it."""
    return json.dumps(job_to_dict(job))


def clean(text: str) -> str:
    """The text without lone surrogates, which SQLite does not take."""
    return text.encode("utf-8", "replace").decode()


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


def with_source(job: Job, library: Path, source: str | None) -> Job:
    """The job with the place where its parent lies now, if it has one."""
    if source is None or job.source is None:
        return job
    path = str(inside(library, source))
    return job if job.source == path else dataclasses.replace(cast("Any", job), source=path)


def session_of(row: sqlite3.Row, library: Path) -> Session:
    """The session of a row of `SESSION_COLUMNS`."""
    return Session(
        id=row["id"],
        name=row["name"],
        folder=inside(library, f"{SESSIONS}/{row['folder']}"),
        created=moment(row["created"]),
        pictures=row["pictures"],
    )


def entry_of(row: sqlite3.Row, library: Path) -> Entry:
    """The entry of a row of `ENTRIES`."""
    state: State = row["state"]
    return Entry(
        id=row["id"],
        session=row["session"],
        parent=row["parent"],
        job=with_source(job_of(row["job"]), library, row["source_path"]),
        state=state,
        position=row["position"],
        answer=row["answer"],
        error=row["error"],
        created=moment(row["created"]),
        seconds=row["seconds"],
        origin=row["origin"],
    )


def picture_of(row: sqlite3.Row, library: Path) -> StoredPicture:
    """The picture of a row of `PICTURES`."""
    return StoredPicture(
        id=row["id"],
        entry=row["entry"],
        session=row["session"],
        index=row["place"],
        path=inside(library, row["path"]),
        width=row["width"],
        height=row["height"],
        job=with_source(job_of(row["job"]), library, row["source_path"]),
        model=row["model"],
        created=moment(row["created"]),
        favourite=bool(row["favourite"]),
        tags=tuple(json.loads(row["tags"])),
        note=row["note"],
        origin=row["origin"],
    )
