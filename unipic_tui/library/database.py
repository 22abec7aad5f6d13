"""SQLite: a connection to write and one to read, transactions that write files too, errors."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path, storage_error
from unipic_tui.library.schema import migrate

BUSY_SECONDS = 20.0
"""How long a write waits for another window's write."""
SYNCHRONOUS = "FULL"
"""What is waited for: FULL, as a commit that was reported survives a power cut then too."""

_NEXT_REVISION = "UPDATE meta SET value = value + 1 WHERE key = 'revision'"


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise about ``path`` into a `StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(_sentence(error, path)) from error
    except OSError as error:
        raise storage_error(error, error.filename or path, "write") from error


def _sentence(error: sqlite3.Error, path: Path) -> str:
    name = shown_path(path)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return f"Cannot write {name}: the disk is full: make room and try again."
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return (
            f"Cannot write the library {name}: its folder or file is read-only or missing: "
            "change its permissions, or choose another one with --library."
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return (
            f"The library {name} has been busy for {BUSY_SECONDS:.0f} seconds: another program is "
            "writing to it: try again when it is done."
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return (
            f"The library's database {name} is damaged: `unipic-tui library rebuild` rebuilds it "
            "from the pictures."
        )
    return (
        f"The library's database {name} cannot be used ({error}): try `unipic-tui library check`."
    )


def copy_for_reading(source: Path, target: Path) -> None:
    """Copy a database whose folder cannot be written to, with all that was committed to it.

    SQLite cannot open one there that has a write-ahead log: it wants to make files beside it.
    """
    with translated(source):
        try:
            with (
                contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
                contextlib.closing(sqlite3.connect(target)) as new,
            ):
                old.backup(new)
        except sqlite3.OperationalError:
            for ending in ("", "-wal"):
                if (part := Path(f"{source}{ending}")).exists():
                    shutil.copyfile(part, f"{target}{ending}")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 1 << 20
    except OSError:
        return False


class Database:
    """A SQLite file used from several threads: rows, and in a write files that go with them.

    Args:
        path: the file; made when missing.
        before_commit: called in each write transaction as its last step.
        refusal: where nothing may be written, the sentence that says so.

    Raises:
        StorageError: the file cannot be opened, is damaged, or is of a newer version.
    """

    def __init__(
        self,
        path: Path,
        before_commit: Callable[[Database], None] = lambda _: None,
        refusal: str = "",
    ) -> None:
        self.path = path
        self._refusal = refusal
        self._before_commit = before_commit
        self.writing = threading.RLock()
        """Held while one of this process's threads writes."""
        self._reading = threading.RLock()
        self._writer = 0
        self.touched: dict[int, None] = {}
        """Entries whose files the write in progress has to write, in order."""
        self._undo: list[Callable[[], object]] = []
        self._closed = False
        self._dirty = False
        with translated(path):
            self.connection = self._connect()
            try:
                migrate(self.connection, shown_path(path))
                self._reader = self._connect()
            except BaseException:
                self.connection.close()
                raise

    @contextlib.contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        """The connection for this thread's next query, which `close` leaves open meanwhile.

        A thread that writes sees what it has written, others what was committed.
        """
        if self._writer == threading.get_ident():
            yield self.connection
            return
        with self._reading:
            self._refuse_closed()
            yield self._reader

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StorageError("The library is closed: open it again.")

    def _set_dirty(self, value: str) -> None:
        with self.writing, translated(self.path):
            self._refuse_closed()
            self.connection.execute(f"UPDATE meta SET value = {value} WHERE key = 'dirty'")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -32768")
        except BaseException:
            connection.close()
            raise
        return connection

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with translated(self.path), self._used() as connection:
            found: list[sqlite3.Row] = connection.execute(sql, parameters).fetchall()
            return found

    def row(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with translated(self.path), self._used() as connection:
            found: sqlite3.Row | None = connection.execute(sql, parameters).fetchone()
            return found

    def number(self, sql: str, parameters: tuple[object, ...] = ()) -> int:
        """The one number a query gives; 0 for NULL or no row."""
        row = self.row(sql, parameters)
        return int(row[0] or 0) if row is not None else 0

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Run a statement; only this thread's `write` allows it and the next four methods.

        Raises:
            RuntimeError: outside of one.
        """
        return self._written().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[tuple[object, ...]]) -> None:
        """Run a statement with each of the parameters."""
        self._written().executemany(sql, parameters)

    def insert(self, table: str, **values: object) -> int:
        """Insert a row; its number. (RETURNING is younger than some systems' SQLite.)"""
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        return int(self.execute(sql, tuple(values.values())).lastrowid or 0)

    def touch(self, entry: int) -> None:
        """Note that what is kept of an entry changed: its file is written before the commit."""
        self._written()
        self.touched[entry] = None

    def undo(self, action: Callable[[], object]) -> None:
        """Have ``action`` called when the write fails, the last one first."""
        self._written()
        self._undo.append(action)

    def _written(self) -> sqlite3.Connection:
        if self._writer != threading.get_ident():
            raise RuntimeError("nothing is written outside of a write")
        return self.connection

    def mark_dirty(self) -> None:
        """Count this process, before it writes files, among those that a kill may interrupt.

        `close` takes it out of the count: what remains when nobody has the database open is the
        number of those that were killed and may have left something half done.

        Raises:
            StorageError: nothing may be written here.
        """
        if self._refusal:
            raise StorageError(self._refusal)
        if not self._dirty:
            self._set_dirty("value + 1")
            self._dirty = True

    @property
    def killed(self) -> bool:
        """Whether another process that wrote has not closed the database (yet)."""
        count = self.number("SELECT value FROM meta WHERE key = 'dirty'")
        return count > int(self._dirty)

    def forget_killed(self) -> None:
        """Reset the count; only while nobody else has the database open."""
        self._set_dirty(str(int(self._dirty)))

    @contextlib.contextmanager
    def write(self, *, quiet: bool = False) -> Iterator[None]:
        """A write transaction: all of it is kept, or nothing is; inside another one, a part of it.

        Writes of threads and processes come one after the other.

        Args:
            quiet: what is written is nothing that other windows show: the revision stays.
        """
        with self.writing:
            if self._writer:
                yield
                return
            self._refuse_closed()
            self.mark_dirty()
            with translated(self.path):
                self.connection.execute("BEGIN IMMEDIATE")
            self._writer = threading.get_ident()
            try:
                with translated(self.path):
                    yield
                    self._before_commit(self)
                    if not quiet:
                        self.execute(_NEXT_REVISION)
                    self.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.rollback()
                for action in reversed(self._undo):
                    with contextlib.suppress(OSError, StorageError):
                        action()
                raise
            finally:
                self._writer = 0
                self.touched.clear()
                self._undo.clear()

    def close(self) -> None:
        """Close the database once other threads are done with their queries; later calls fail."""
        with self.writing, self._reading:
            if self._dirty and not self._closed:
                with contextlib.suppress(StorageError):
                    self._set_dirty("max(0, value - 1)")
            self._closed = True
            self._reader.close()
            self.connection.close()
