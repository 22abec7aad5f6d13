"""Where a library keeps what, under names that a person can read.

    library.db                                     what is searched
    sessions/2026-11-24-lighthouse/                a session
        0007-a-red-lighthouse-s1234.png            a picture, with its job inside
        session.json                               the session's name
        entries/000012.json                        a job with its answer, tags and notes
    states/000012.state                            the snapshot of an unfinished job
    cache/thumbnails/                              can be deleted at any time
    locks/                                         who has the library open

Paths in the database and in the files are relative to the library, with ``/``, so that a library
can be moved. Nothing that lies in ``sessions`` is ever renamed or moved by the program: sessions
that are renamed, pictures that go to another session or to the trash change their rows and JSON
files alone. Names are made of letters, digits and ``-`` only (`slug`): no text leads outside.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path, PurePosixPath

from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path
from unipic_tui.text import slug

DATABASE = "library.db"
SESSIONS = "sessions"
TRASH = "trash"
"""Where versions 1 and 2 put what was deleted; see `Trash.leave_folder`."""
SNAPSHOTS = "states"
CACHE = "cache"
THUMBNAILS = f"{CACHE}/thumbnails"
LOCKS = "locks"
ENTRIES = "entries"
SESSION_FILE = "session.json"

FOLDERS = (SESSIONS, SNAPSHOTS, THUMBNAILS, LOCKS)


def session_folder(name: str, created: datetime) -> str:
    """The wanted name of a session's folder: its day, as the clock on the wall had it, and name."""
    return f"{created.astimezone():%Y-%m-%d}-{slug(name, 'session')}"


def free_name(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with the first number behind it that makes it unlike ``taken``, case aside."""
    low = {name.lower() for name in taken}
    name, number = wanted, 2
    while name.lower() in low:
        name, number = f"{wanted}-{number}", number + 1
    return name


def picture_name(number: int, prompt: str, seed: int | None) -> str:
    """The file name of a session's picture."""
    tail = "" if seed is None else f"-s{seed}"
    return f"{number:04d}-{slug(prompt)}{tail}.png"


def picture_number(name: str) -> int:
    """The number a picture's file name starts with; 0 when it has none."""
    digits = name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def entry_name(entry: int) -> str:
    """The file name of an entry."""
    return f"{entry:06d}.json"


def snapshot_name(entry: int) -> str:
    """The file name of an entry's snapshot."""
    return f"{entry:06d}.state"


def thumbnail_name(uid: str) -> str:
    """The path of a picture's thumbnail in the folder of its size."""
    return f"{uid[:2]}/{uid}.png"


def inside(library: Path, relative: str) -> Path:
    """The place of a relative path in the library.

    Raises:
        StorageError: the path, from a file or a foreign database, leads out of the library.
    """
    path = PurePosixPath(relative)
    drive = os.name == "nt" and ("\\" in relative or ":" in relative)
    if path.is_absolute() or ".." in path.parts or drive or "\0" in relative:
        raise StorageError(
            f"The library {shown_path(library)} names the file {shown_path(relative)}, which is "
            "outside of it: `unipic-tui library rebuild` rebuilds its database."
        )
    return library / path
