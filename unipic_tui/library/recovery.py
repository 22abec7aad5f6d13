"""Mending what a killed process left behind: the rows are right, the files follow."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import is_temporary
from unipic_tui.library import sidecars
from unipic_tui.library.base import Base
from unipic_tui.library.database import Transaction
from unipic_tui.library.filling import Place, adopt, insert_entry, insert_picture
from unipic_tui.library.layout import CACHE, ENTRIES, SESSIONS, STATES, TRASH, inside
from unipic_tui.library.words import index_entry

_LONGEST_WRITE = 60.0
"""Seconds that one transaction writes at most."""
_MOST_RENEWED = 1000
"""Files of entries that are compared when a library opens, not to keep anybody waiting."""


def recover(library: Base) -> None:
    """Bring files and rows back in step; only while nobody else has the library open.

    Half-moved files go where their rows say, temporary files go, and pictures that were written
    but not yet entered are entered: nothing that was drawn is lost.
    """
    library.settle()
    remove_temporary(library.folder)
    for row in library.database.rows("SELECT id, file FROM entries WHERE state = 'running'"):
        with contextlib.suppress(UnipicError):
            _enter_listed(library, row["id"], row["file"])
    for place, path in unknown_entries(library):
        with contextlib.suppress(UnipicError):
            take_in(library, place, path)
    for session, name in orphans(library):
        with contextlib.suppress(UnipicError), library.database.write() as transaction:
            adopt(transaction, session, name, own_only=True)
    _renew_entries(library)


def _renew_entries(library: Base) -> None:
    """Bring back in step the entries' files that the last writes may have left ahead of the rows.

    They are written before their rows are committed, so that a kill in between leaves them newer.
    """
    times: dict[str, float] = {}
    for row in library.database.rows("SELECT id, file FROM entries"):
        with contextlib.suppress(OSError, UnipicError):
            times[row["file"]] = inside(library.folder, row["file"]).stat().st_mtime
    since = max(times.values(), default=0.0) - _LONGEST_WRITE
    recent = sorted((time, file) for file, time in times.items() if time >= since)
    for _, file in recent[-_MOST_RENEWED:]:
        entry = library.database.number("SELECT id FROM entries WHERE file = ?", (file,))
        if sidecar_problem(library, entry, file):
            with library.database.write() as transaction:
                transaction.touch(entry)


def sidecar_problem(library: Base, entry: int, file: str) -> str:
    """What is wrong with an entry's file: a few words, or ""."""
    wanted = sidecars.entry_file(library.database.connection(), entry)
    if wanted is None:
        return ""
    try:
        found = sidecars.read_entry(inside(library.folder, file))
    except StorageError:
        return "is missing or damaged"
    return "" if found == wanted else "does not say what the database does"


def unknown_entries(library: Base) -> list[tuple[Place, str]]:
    """The entries' files in sessions' folders that have no row: place and path in the library."""
    known = {row["file"] for row in library.database.rows("SELECT file FROM entries")}
    found = []
    for row in library.database.rows("SELECT id, folder FROM sessions WHERE trash IS NULL"):
        folder = f"{SESSIONS}/{row['folder']}"
        place = Place(library.folder, folder, row["id"])
        paths = sorted(
            f"{folder}/{ENTRIES}/{file.name}" for file in place.file(ENTRIES).glob("*.json")
        )
        found += [(place, path) for path in paths if path not in known]
    return found


def take_in(library: Base, place: Place, file: str) -> bool:
    """Give an entry's file its rows; remove it where the entry has another one.

    Returns:
        Whether the entry has a row now that it did not have before.

    Raises:
        StorageError: it is no entry's file.
    """
    path = inside(library.folder, file)
    data = sidecars.read_entry(path)
    with library.database.write() as transaction:
        if transaction.execute("SELECT 1 FROM entries WHERE uid = ?", (data.uid,)).fetchone():
            path.unlink(missing_ok=True)
            return False
        entry = insert_entry(transaction, data, place, file)
        transaction.execute(
            "UPDATE entries SET parent = (SELECT id FROM pictures WHERE uid = ?) WHERE id = ?",
            (data.parent, entry),
        )
        _enter_pictures(transaction, data, entry, place)
        index_entry(transaction, entry)
        transaction.touch(entry)
    return True


def _enter_listed(library: Base, entry: int, file: str) -> None:
    """Enter the pictures that an entry's file names and the rows do not: its commit was cut off."""
    data = sidecars.read_entry(inside(library.folder, file))
    folder = file.rsplit("/", 2)[0]
    with library.database.write() as transaction:
        row = transaction.execute(
            "SELECT session, trash FROM entries WHERE id = ?", (entry,)
        ).fetchone()
        place = Place(library.folder, folder, row["session"], row["trash"])
        _enter_pictures(transaction, data, entry, place)


def _enter_pictures(
    transaction: Transaction, data: sidecars.EntryFile, entry: int, place: Place
) -> None:
    for picture in data.pictures:
        known = transaction.execute(
            "SELECT 1 FROM pictures WHERE uid = ? OR path = ?",
            (picture.uid, f"{place.folder}/{picture.file}"),
        ).fetchone()
        if known is None and place.file(picture.file).exists():
            insert_picture(transaction, picture, entry, place, picture.file)


def remove_temporary(folder: Path) -> list[Path]:
    """Remove what interrupted writes left; what was removed."""
    removed = []
    for part in (SESSIONS, TRASH, STATES, CACHE):
        for place, _, names in os.walk(folder / part):
            for name in names:
                if is_temporary(name):
                    with contextlib.suppress(OSError):
                        Path(place, name).unlink()
                        removed.append(Path(place, name))
    return removed


def orphans(library: Base) -> list[tuple[Place, str]]:
    """The pictures in sessions' folders that have no row: place and file name, in order."""
    known = {row["path"] for row in library.database.rows("SELECT path FROM pictures")}
    found = []
    for row in library.database.rows("SELECT id, folder FROM sessions WHERE trash IS NULL"):
        folder = f"{SESSIONS}/{row['folder']}"
        try:
            names = sorted(
                item.name
                for item in os.scandir(inside(library.folder, folder))
                if item.is_file(follow_symlinks=False)
            )
        except OSError:
            continue
        found += [
            (Place(library.folder, folder, row["id"]), name)
            for name in names
            if name.lower().endswith(".png") and f"{folder}/{name}" not in known
        ]
    return found
