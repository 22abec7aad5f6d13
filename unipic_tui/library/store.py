"""The library: sessions, pictures and the queue, kept on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Self

from unipic_tui.errors import StorageError
from unipic_tui.library.layout import DATABASE
from unipic_tui.library.rebuild import has_files, rebuild
from unipic_tui.library.recovery import recover
from unipic_tui.library.thumbnails import Thumbnails
from unipic_tui.paths import absolute


class Library(Thumbnails):
    """A library folder, opened for reading and writing; see `LibraryApi` for what it offers.

    All methods may be called from any thread, and several processes may have it open.
    """

    @classmethod
    def open(cls, folder: Path, *, metadata: bool = True) -> Self:
        """Open the library in ``folder``, which is made when missing.

        What a killed process left half done is mended, and what it was running is
        ``interrupted``. Where pictures are but no database, it is made anew from them.

        Args:
            folder: the library's folder.
            metadata: whether new pictures carry their job in their file.

        Raises:
            StorageError: the folder cannot be used, or its database is damaged or newer.
        """
        folder = absolute(folder)
        if not (folder / DATABASE).exists() and has_files(folder):
            rebuild(folder)
        library = cls(folder, metadata)
        try:
            library._begin()
        except BaseException:
            library.close()
            raise
        return library

    def _begin(self) -> None:
        # A full disk must not keep anybody from looking at pictures and making room: what cannot
        # be mended now is mended the next time.
        if self.alone:
            with contextlib.suppress(StorageError):
                if self.database.killed:
                    recover(self)
                    self.database.forget_killed()
            self._stay()
        # Where nobody owns the queue, nothing can be running: looking for the owner says so.
        with contextlib.suppress(StorageError):
            self.queue_owner()

    def close(self) -> None:
        """Let go of the library; the queue may be claimed by another window then.

        Closing twice does nothing.
        """
        with self.database.writing:
            self._queue_lock.release()
            self.database.close()
            self._open_lock.release()
