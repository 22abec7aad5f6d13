"""Finding what does not match between rows and files, and mending what can be mended."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import is_temporary, shown_path
from unipic_tui.library import sidecars
from unipic_tui.library.base import Base
from unipic_tui.library.content import content_hash, png_size
from unipic_tui.library.filling import adopt
from unipic_tui.library.layout import (
    CACHE,
    SESSION_FILE,
    SESSIONS,
    STATES,
    TRASH,
    inside,
)
from unipic_tui.library.recovery import orphans, sidecar_problem, take_in, unknown_entries
from unipic_tui.pictures import load_image


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not match.

    Attributes:
        path: the file it is about, from the library's folder; "" where it is none.
        message: a sentence: what is wrong, and what to do unless it was mended.
        mended: whether it is in order now.
    """

    path: str
    message: str
    mended: bool = False


def check(library: Base, *, deep: bool = False, repair: bool = False) -> Iterator[Problem]:
    """Compare rows and files; problems come as they are found.

    Args:
        library: an open library.
        deep: decode every picture and compare its pixels with what was saved, instead of looking
            at both ends of the file: about as long as looking at all of them.
        repair: mend what can be: enter pictures that have no row, write jobs' files anew, remove
            what interrupted writes left. No picture is ever deleted.
    """
    yield from _database(library)
    yield from _pictures(library, deep)
    yield from _unknown_entries(library, repair)
    yield from _orphans(library, repair)
    yield from _sidecars(library, repair)
    yield from _leftovers(library, repair)


def _database(library: Base) -> Iterator[Problem]:
    try:
        for row in library.database.rows("PRAGMA integrity_check"):
            if row[0] != "ok":
                yield Problem("", f"The database is damaged ({row[0]}): run `library rebuild`.")
        for row in library.database.rows("PRAGMA foreign_key_check"):
            yield Problem("", f"A row of {row['table']} belongs to nothing: run `library rebuild`.")
        with contextlib.closing(sqlite3.connect(library.database.path)) as connection:
            connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
            connection.rollback()
        unindexed = library.database.number(
            "SELECT count(*) FROM entries WHERE id NOT IN (SELECT rowid FROM words)"
        )
        if unindexed:
            yield Problem("", f"{unindexed} jobs cannot be searched: run `library rebuild`.")
    except sqlite3.DatabaseError as error:
        yield Problem("", f"The search index is damaged ({error}): run `library rebuild`.")


def _pictures(library: Base, deep: bool) -> Iterator[Problem]:
    for row in library.database.rows("SELECT path, width, height, hash FROM pictures ORDER BY id"):
        problem = _picture_problem(library.folder, row, deep)
        if problem:
            yield Problem(row["path"], problem)


def _picture_problem(folder: Path, row: sqlite3.Row, deep: bool) -> str:
    name = shown_path(row["path"])
    try:
        path = inside(folder, row["path"])
        if not path.is_file():
            return f"{name} is missing: bring it back from a backup, or delete it in the app."
        size = png_size(path)
        if size is None:
            return f"{name} is damaged or cut short: bring it back from a backup."
        if size != (row["width"], row["height"]):
            return f"{name} is {size[0]}×{size[1]} pixels, not the picture that was saved."
        if deep:
            digest = content_hash(load_image(path))
            if row["hash"] is not None and digest != row["hash"]:
                return f"{name} shows something else than what was saved: it was changed."
    except UnipicError as error:
        return error.message
    return ""


def _unknown_entries(library: Base, repair: bool) -> Iterator[Problem]:
    for place, path in unknown_entries(library):
        what = f"{shown_path(path)} is of a job that is not in the database"
        if not repair:
            yield Problem(path, f"{what}: --repair takes it in.")
            continue
        try:
            new = take_in(library, place, path)
        except UnipicError as error:
            yield Problem(path, error.message)
        else:
            done = "it was taken in" if new else "it was an old copy and was removed"
            yield Problem(path, f"{what}: {done}.", mended=True)


def _orphans(library: Base, repair: bool) -> Iterator[Problem]:
    for place, name in orphans(library):
        path = f"{place.folder}/{name}"
        if not repair:
            yield Problem(path, f"{shown_path(path)} is not in the database: --repair takes it in.")
            continue
        try:
            with library.database.write() as transaction:
                entry = adopt(transaction, place, name)
        except UnipicError as error:
            yield Problem(path, error.message)
            continue
        if entry is None:
            yield Problem(path, f"{shown_path(path)} is damaged or cut short: move it elsewhere.")
        else:
            yield Problem(path, f"{shown_path(path)} was taken in.", mended=True)


def _sidecars(library: Base, repair: bool) -> Iterator[Problem]:
    for row in library.database.rows("SELECT id, file FROM entries ORDER BY id"):
        if sidecar_problem(library, row["id"], row["file"]) == "":
            continue
        with library.database.write() as transaction:
            # Looked at again while nobody writes: it may just have been on its way.
            what = sidecar_problem(library, row["id"], row["file"])
            if what and repair:
                transaction.touch(row["id"])
        if what:
            remedy = "it was written anew" if repair else "--repair writes it anew"
            yield Problem(row["file"], f"{shown_path(row['file'])} {what}: {remedy}.", repair)
    for row in library.database.rows("SELECT id, folder FROM sessions WHERE trash IS NULL"):
        path = f"{SESSIONS}/{row['folder']}/{SESSION_FILE}"
        try:
            sidecars.read_session(inside(library.folder, path))
        except StorageError:
            if repair:
                with library.database.write() as transaction:
                    inside(library.folder, path).parent.mkdir(exist_ok=True)
                    sidecars.write_session(library.folder, transaction, row["id"])
            remedy = "it was written anew" if repair else "--repair writes it anew"
            yield Problem(path, f"{shown_path(path)} is missing or damaged: {remedy}.", repair)


def _leftovers(library: Base, repair: bool) -> Iterator[Problem]:
    """Files that nothing needs: of interrupted writes, and of jobs that are gone."""
    states = {f"{row['id']:06d}.state" for row in library.database.rows("SELECT id FROM entries")}
    for part in (SESSIONS, TRASH, STATES, CACHE):
        for folder, _, names in os.walk(library.folder / part):
            for name in names:
                path = Path(folder, name).relative_to(library.folder).as_posix()
                if is_temporary(name):
                    what = "is left from a write that was cut off"
                elif part == STATES and name not in states:
                    what = "belongs to a job that is gone"
                else:
                    continue
                if repair:
                    # Writers hold the database's lock: what lies there now is nobody's.
                    with contextlib.suppress(OSError), library.database.write():
                        Path(folder, name).unlink()
                remedy = "it was removed" if repair else "--repair removes it"
                yield Problem(path, f"{shown_path(path)} {what}: {remedy}.", mended=repair)
