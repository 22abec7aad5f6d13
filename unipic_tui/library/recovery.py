"""Mending what a killed process left behind: the rows are right, the files follow."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from unipic_tui.errors import UnipicError
from unipic_tui.files import is_temporary
from unipic_tui.library import sidecars
from unipic_tui.library.base import Base
from unipic_tui.library.filling import Place, adopt, insert_picture
from unipic_tui.library.layout import CACHE, SESSIONS, STATES, TRASH, inside


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
    for session, name in orphans(library):
        with contextlib.suppress(UnipicError), library.database.write() as transaction:
            adopt(transaction, session, name, own_only=True)


def _enter_listed(library: Base, entry: int, file: str) -> None:
    """Enter the pictures that an entry's file names and the rows do not: its commit was cut off."""
    data = sidecars.read_entry(inside(library.folder, file))
    folder = file.rsplit("/", 2)[0]
    with library.database.write() as transaction:
        row = transaction.execute(
            "SELECT session, trash FROM entries WHERE id = ?", (entry,)
        ).fetchone()
        place = Place(library.folder, folder, row["session"], row["trash"])
        for picture in data.pictures:
            path = f"{folder}/{picture.file}"
            known = transaction.execute(
                "SELECT 1 FROM pictures WHERE uid = ? OR path = ?", (picture.uid, path)
            ).fetchone()
            if known is None and inside(library.folder, path).exists():
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
