"""What every part of the library stands on: the folder, the database, files that move in step."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path, storage_error, sync_folder
from unipic_tui.library import sidecars
from unipic_tui.library.database import Database, Transaction
from unipic_tui.library.layout import (
    DATABASE,
    FOLDERS,
    LOCKS,
    SESSION_FILE,
    SESSIONS,
    TRASH,
    inside,
)
from unipic_tui.library.locks import FileLock
from unipic_tui.paths import absolute

_EMPTY_DELETIONS = """SELECT t.id FROM trash t WHERE NOT EXISTS (
    SELECT 1 FROM pictures WHERE trash = t.id UNION ALL
    SELECT 1 FROM entries WHERE trash = t.id UNION ALL
    SELECT 1 FROM sessions WHERE trash = t.id)"""
_ENTER_TRIES = 100
_ENTER_PAUSE = 0.1


class Base:
    """An open library folder.

    Args:
        folder: the library's folder; made when missing.
        metadata: whether new pictures carry their job in their file.

    Raises:
        StorageError: it cannot be made, read or written, its database is damaged or newer, or
            another program is making it anew.
    """

    def __init__(self, folder: Path, metadata: bool = True) -> None:
        self.folder = absolute(folder)
        self.metadata = metadata
        try:
            for name in FOLDERS:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.folder, "use the library") from error
        self._open_lock = FileLock(self.folder / LOCKS / "open")
        self._queue_lock = FileLock(self.folder / LOCKS / "queue")
        self._moves_lock = FileLock(self.folder / LOCKS / "moves")
        self.alone = self._enter()
        """Whether nobody else had the library open when it was opened here."""
        try:
            self.database = Database(self.folder / DATABASE, self._before_commit)
        except BaseException:
            self._open_lock.release()
            raise

    def _enter(self) -> bool:
        """Take the lock that all who have the library open share; whether it was free."""
        for _ in range(_ENTER_TRIES):
            if self._open_lock.take():
                return True
            if self._open_lock.take(shared=True):
                return False
            time.sleep(_ENTER_PAUSE)
        raise self._busy()

    def _stay(self) -> None:
        """Let others open the library beside this one."""
        # Between sole and shared the lock is free for a moment, which a rebuild may use.
        if not self._open_lock.take(shared=True):
            raise self._busy()

    def _busy(self) -> StorageError:
        return StorageError(
            f"The library {shown_path(self.folder)} is being made anew by another program: "
            "try again when that is done."
        )

    def _before_commit(self, transaction: Transaction) -> None:
        sidecars.write_touched(self.folder, transaction)

    def changes(self) -> int:
        """A number that grows with every change, by whichever window; cheap enough to poll."""
        return self.database.number("SELECT value FROM meta WHERE key = 'revision'")

    def _missing(self, what: str, number: int) -> StorageError:
        return StorageError(
            f"The library {shown_path(self.folder)} has no {what} {number}: it may have been "
            "deleted in another window."
        )

    # Files that move with their rows: the moves are noted in a transaction of their own, then
    # done together with the rows, then forgotten. A kill in between is mended by `settle`, which
    # puts each file where the rows say that it is.

    @contextlib.contextmanager
    def _exclusive_moves(self) -> Iterator[None]:
        """Keep other processes from moving files, and mend what a killed one left half moved."""
        with self.database.writing:
            if self._moves_lock.held:
                yield
                return
            self._moves_lock.take(wait=True)
            try:
                self.settle()
                yield
            finally:
                self._moves_lock.release()

    def _announce(self, moves: Sequence[tuple[str, str | None]]) -> None:
        """Note moves that are about to be done; a target of None is a deletion."""
        with self.database.write() as transaction:
            transaction.executemany("INSERT INTO moves (source, target) VALUES (?, ?)", moves)

    @contextlib.contextmanager
    def _relocating(self, moves: Sequence[tuple[str, str]]) -> Iterator[Transaction]:
        """A transaction that has moved files and is to change their rows; all or nothing.

        Only within `_exclusive_moves`.
        """
        self._announce(moves)
        try:
            with self.database.write() as transaction:
                for source, target in moves:
                    self._rename(source, target)
                    transaction.undo(partial(self._rename, target, source))
                for folder in {name.rpartition("/")[0] for move in moves for name in move}:
                    sync_folder(inside(self.folder, folder))
                transaction.execute("DELETE FROM moves")
                yield transaction
        except BaseException:
            # Everything is where it was.
            with contextlib.suppress(StorageError), self.database.write() as transaction:
                transaction.execute("DELETE FROM moves")
            raise

    def _rename(self, source: str, target: str) -> None:
        old, new = inside(self.folder, source), inside(self.folder, target)
        if not old.exists():
            # Someone deleted the file by hand: its rows may still move.
            return
        new.parent.mkdir(parents=True, exist_ok=True)
        if new.exists():
            raise StorageError(
                f"{shown_path(new)} is in the way of a file of the library: move it elsewhere."
            )
        old.rename(new)

    def settle(self) -> None:
        """Put files of interrupted moves where their rows say, delete what has no rows.

        Deletions that hold nothing (any more) are forgotten.
        """
        moves = self.database.rows("SELECT source, target FROM moves ORDER BY id DESC")
        empty = self.database.rows(_EMPTY_DELETIONS)
        if not moves and not empty:
            return
        for move in moves:
            with contextlib.suppress(OSError, StorageError):
                self._settle_one(move["source"], move["target"])
        with self.database.write() as transaction:
            transaction.execute("DELETE FROM moves")
            transaction.execute(f"DELETE FROM trash WHERE id IN ({_EMPTY_DELETIONS})")
        self._tidy_trash()

    def _settle_one(self, source: str, target: str | None) -> None:
        if target is None:
            if not self._known(source):
                inside(self.folder, source).unlink(missing_ok=True)
            return
        right, wrong = (source, target) if self._known(source) else (target, source)
        if self._known(right) and not inside(self.folder, right).exists():
            self._rename(wrong, right)

    def _known(self, path: str) -> bool:
        """Whether the rows say that a file or session folder lies at ``path``."""
        folder = path.removeprefix(f"{SESSIONS}/").removesuffix(f"/{SESSION_FILE}")
        found = self.database.row(
            """SELECT 1 FROM pictures WHERE path = ?1 UNION SELECT 1 FROM entries WHERE file = ?1
            UNION SELECT 1 FROM sessions WHERE folder = ?2 AND trash IS NULL
            UNION SELECT 1 FROM sessions s JOIN trash t ON t.id = s.trash
                WHERE ?1 = 'trash/' || t.folder || '/' || s.folder || '/session.json'""",
            (path, folder),
        )
        return found is not None

    def _tidy_trash(self) -> None:
        """Remove the trash's empty folders."""
        for folder, _, _ in os.walk(self.folder / TRASH, topdown=False):
            if Path(folder) != self.folder / TRASH:
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
