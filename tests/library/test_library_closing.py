"""The database under the library: closing it while other threads read, and writing."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from unipic_tui.library.database import Database

READERS = textwrap.dedent(
    """
    import sys, threading
    from pathlib import Path
    from unipic_tui.errors import StorageError
    from unipic_tui.library.database import Database

    sys.setswitchinterval(1e-6)

    def read(database, begun):
        try:
            while True:
                database.row("SELECT value FROM meta WHERE key = ?", ("revision",))
                begun.set()
        except StorageError as error:
            assert "closed" in str(error), error

    for _ in range(ROUNDS):
        database, begun = Database(Path(sys.argv[1])), threading.Event()
        readers = [threading.Thread(target=read, args=(database, begun)) for _ in range(4)]
        for reader in readers:
            reader.start()
        assert begun.wait(60)
        database.close()
        for reader in readers:
            reader.join()
    """
)
"""A connection that is closed under a query ends the whole process, now and then."""


def test_closing_waits_for_what_other_threads_read(tmp_path: Path) -> None:
    program = READERS.replace("ROUNDS", "300")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "library.db")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_written_outside_of_a_write(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.db")
    revision = "SELECT value FROM meta WHERE key = 'revision'"
    change = "UPDATE meta SET value = 7 WHERE key = 'revision'"
    for write in (
        lambda: database.execute(change),
        lambda: database.insert("names", folder="x"),
        lambda: database.touch(1),
        lambda: database.undo(print),
    ):
        with pytest.raises(RuntimeError, match="outside of a write"):
            write()
    with database.write(quiet=True):
        database.execute(change)
        assert database.number(revision) == 7
    assert database.number(revision) == 7
    database.close()
