"""What every part of an open library stands on: its folder, its database, the lock on both."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path, storage_error
from unipic_tui.library import sidecars
from unipic_tui.library.database import Database, copy_for_reading
from unipic_tui.library.layout import DATABASE, FOLDERS, LOCKS, SESSIONS, inside
from unipic_tui.library.locks import FileLock

_ENTER_TRIES = 100
_ENTER_PAUSE = 0.1


class Storage:
    """An open library folder.

    A folder that cannot be written to is opened for reading, from a copy of its database.

    Args:
        folder: the library's folder, absolute; made when missing.
        metadata: whether new pictures carry their job in their file.

    Raises:
        StorageError: it cannot be made or read, its database is damaged or newer, or another
            program is rebuilding it.

    Attributes:
        alone: whether nobody else had the library open when it was opened here.
        read_only: whether every write is refused.
    """

    def __init__(self, folder: Path, metadata: bool = True) -> None:
        self.folder = folder
        self.metadata = metadata
        self.read_only = _is_read_only(folder)
        self.alone = False
        self._lock = FileLock(folder / LOCKS / "open")
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        if self.read_only:
            self._copy = tempfile.TemporaryDirectory(prefix="unipic-tui-")
        else:
            make_folders(folder)
            self.alone = self._enter()
        try:
            self.database = self._open_database()
        except BaseException:
            self.leave()
            raise

    def _open_database(self) -> Database:
        path = self.folder / DATABASE
        if self._copy is not None:
            copy = Path(self._copy.name, DATABASE)
            copy_for_reading(path, copy)
            refusal = (
                f"The library {shown_path(self.folder)} is read-only: it can be looked at, "
                "searched and exported from; to change it, change its permissions or copy it."
            )
            return Database(copy, refusal=refusal)
        return Database(path, lambda changes: sidecars.write_touched(self.folder, changes))

    def _enter(self) -> bool:
        """Take the lock that all who have the library open share; whether it was free."""
        for _ in range(_ENTER_TRIES):
            if self._lock.take():
                return True
            if self._lock.take(shared=True):
                return False
            time.sleep(_ENTER_PAUSE)
        raise self._busy()

    def share(self) -> None:
        """Let others open the library too, after it was opened alone."""
        # Between sole and shared the lock is free for a moment, which a rebuild may use.
        if self.alone and not self._lock.take(shared=True):
            raise self._busy()

    def _busy(self) -> StorageError:
        return StorageError(
            f"The library {shown_path(self.folder)} is being rebuilt by another program: "
            "try again when that is done."
        )

    def leave(self) -> None:
        """Release the lock, and forget the copy of a database that is only read."""
        self._lock.release()
        if self._copy is not None:
            self._copy.cleanup()

    def path(self, relative: str) -> Path:
        """The place of a relative path in the library; raises `StorageError` if it leads out."""
        return inside(self.folder, relative)

    def missing(self, what: str, number: int) -> StorageError:
        """The error that a session, entry, picture or deletion is not there."""
        return StorageError(
            f"The library {shown_path(self.folder)} has no {what} {number}: it may have been "
            "deleted in another window."
        )


def make_folders(folder: Path) -> None:
    """Make the folders of a library that are missing; raises `StorageError`."""
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder, "use the library") from error


def _is_read_only(folder: Path) -> bool:
    places = (folder, folder / SESSIONS, folder / DATABASE)
    return places[2].is_file() and not all(os.access(place, os.W_OK) for place in places)
