"""Locks between processes that die with their holder.

The system lets go of a file lock when the process that holds it ends, however it ends: a lock that
can be taken has no living holder, and no process id needs to be guessed at.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from unipic_tui.files import storage_error

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """A lock on one file, shared by any number of holders or held by one alone.

    Two objects exclude each other even in one process. Not for use from two threads at once.

    Args:
        path: the lock file; made when first taken, in a folder that must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock; whether it could be had.

        Taking a lock that is held changes it between shared and sole.

        Raises:
            StorageError: the lock file cannot be made.
        """
        descriptor = self._descriptor
        if descriptor is None:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise storage_error(error, self.path, "write") from error
        if not _lock(descriptor, shared):
            if self._descriptor is None:
                os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def write(self, text: str) -> None:
        """Leave a note for others in the lock file; only while holding the lock alone."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.lseek(self._descriptor, 0, os.SEEK_SET)
                os.write(self._descriptor, text.encode())

    def release(self) -> None:
        """Let go; does nothing when the lock is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":

    def _lock(descriptor: int, shared: bool) -> bool:
        # Windows knows no shared lock here: sharers take none, and so cannot be told apart.
        if shared:
            return True
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(descriptor: int, shared: bool) -> bool:
        flags = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, flags | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
