"""The library: sessions, pictures and the queue, kept on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Self

from unipic_tui.errors import StorageError
from unipic_tui.library.entries import Entries
from unipic_tui.library.health import Health
from unipic_tui.library.importing import Importing
from unipic_tui.library.layout import DATABASE
from unipic_tui.library.pictures import Pictures
from unipic_tui.library.queue import LibraryQueue
from unipic_tui.library.rebuild import has_files, rebuild
from unipic_tui.library.search import Search
from unipic_tui.library.sessions import Sessions
from unipic_tui.library.snapshots import Snapshots
from unipic_tui.library.storage import Storage
from unipic_tui.library.thumbnails import Thumbnails
from unipic_tui.library.trash import Trash
from unipic_tui.paths import absolute


class Library:
    """An open library folder and its parts.

    All methods of all parts may be called from any thread, and several processes may have a
    library open. All may touch the disk: call them off an event loop. They raise `StorageError`
    with a sentence for the person when the disk does not do as asked.

    Attributes:
        folder: where it lies.
        read_only: whether it can only be looked at, searched and exported from.
    """

    def __init__(self, storage: Storage) -> None:
        self.folder = storage.folder
        self.read_only = storage.read_only
        self.database = storage.database
        self._storage = storage
        self.sessions = Sessions(storage)
        self.queue = LibraryQueue(storage)
        self.entries = Entries(storage, self.sessions, self.queue)
        self.pictures = Pictures(storage, self.sessions, self.entries)
        self.snapshots = Snapshots(storage)
        self.thumbnails = Thumbnails(storage)
        self.trash = Trash(
            storage,
            self.sessions,
            self.entries,
            self.pictures,
            self.snapshots,
            self.thumbnails,
        )
        self.importing = Importing(storage, self.entries, self.pictures)
        self.search = Search(storage)
        self.health = Health(storage)

    @classmethod
    def open(cls, folder: Path, *, metadata: bool = True) -> Self:
        """Open the library in ``folder``, which is made when missing.

        What a killed process left half done is repaired, and what it was running is
        ``interrupted``. Where there are pictures but no database, it is rebuilt from them. A
        library that cannot be written to is opened for reading.

        Args:
            folder: the library's folder.
            metadata: whether new pictures carry their job in their file.

        Raises:
            StorageError: the folder cannot be used, or its database is damaged or newer.
        """
        folder = absolute(folder)
        if not (folder / DATABASE).exists() and has_files(folder):
            rebuild(folder)
        library = cls(Storage(folder, metadata))
        try:
            if not library.read_only:
                library._begin()
        except BaseException:
            library.close()
            raise
        return library

    def _begin(self) -> None:
        # A full disk must not keep anybody from looking at pictures and making room: what cannot
        # be repaired now is repaired the next time.
        with contextlib.suppress(StorageError):
            self.sessions.find_renamed_folders()
        with contextlib.suppress(StorageError):
            self.trash.finish_purges()
        with contextlib.suppress(StorageError):
            if self._storage.alone and self.database.killed:
                self.health.recover()
                self.database.forget_killed()
        with contextlib.suppress(StorageError):
            self.trash.leave_folder()
        self._storage.share()
        # Where nobody owns the queue, nothing can be running: looking for the owner says so.
        with contextlib.suppress(StorageError):
            self.queue.owner()

    def changes(self) -> int:
        """A number that grows with every change, by whichever window; cheap enough to poll."""
        return self.database.number("SELECT value FROM meta WHERE key = 'revision'")

    def close(self) -> None:
        """Close the library; the queue may be claimed by another window then.

        Closing twice does nothing.
        """
        with self.database.writing:
            self.queue.leave()
            self.database.close()
            self._storage.leave()
