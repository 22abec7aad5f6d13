"""The library: sessions, pictures and the queue, kept on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from unipic_tui.library.layout import LOCKS
from unipic_tui.library.locks import FileLock
from unipic_tui.library.thumbnails import Thumbnails


class Library(Thumbnails):
    """A library folder, opened for reading and writing; see `LibraryApi` for what it offers.

    All methods may be called from any thread.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._queue_lock = FileLock(self.folder / LOCKS / "queue")
        self._open_lock = FileLock(self.folder / LOCKS / "open")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the library in ``folder``, which is made when missing.

        What was running when the program died is ``interrupted`` afterwards.

        Raises:
            StorageError: the folder cannot be used, or its database is damaged or newer.
        """
        return cls(folder)

    def close(self) -> None:
        """Let go of the library; the queue may be claimed by another window then."""
        self.database.close()
        self._queue_lock.release()
        self._open_lock.release()
