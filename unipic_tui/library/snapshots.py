"""Snapshots: what the sampler needs to go on with an unfinished job."""

from __future__ import annotations

from pathlib import Path

from unipic_tui.files import read_bytes, storage_error, write_atomic
from unipic_tui.library.layout import SNAPSHOTS, snapshot_name
from unipic_tui.library.storage import Storage

_LIMIT = 1 << 32


class Snapshots:
    """The snapshots of a library, at most one a job."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def save(self, entry: int, data: bytes) -> None:
        """Keep a snapshot of an unfinished job, in place of what was kept before."""
        database = self._storage.database
        with database.write(quiet=True):
            if not database.row("SELECT 1 FROM entries WHERE id = ?", (entry,)):
                raise self._storage.missing("entry", entry)
            write_atomic(self._path(entry), data)

    def load(self, entry: int) -> bytes | None:
        """The latest snapshot of a job, or None."""
        path = self._path(entry)
        return read_bytes(path, _LIMIT) if path.exists() else None

    def drop(self, entry: int) -> None:
        """Delete the snapshot of a job, if there is one."""
        path = self._path(entry)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, path, "remove") from error

    def _path(self, entry: int) -> Path:
        return self._storage.path(f"{SNAPSHOTS}/{snapshot_name(entry)}")
