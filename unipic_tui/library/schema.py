"""The database's tables, as a chain of migrations from version 1.

`PRAGMA user_version` holds the version. Each migration is a list of statements that turns the
version before it into its own; all run in one transaction, so that a database is never between
two versions. Migrations are history: a new version gets a new one, the old ones stay as they are.
"""

from __future__ import annotations

import sqlite3

from unipic_tui.errors import StorageError

_VERSION_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('revision', 0), ('dirty', 0)",
    # A row a deletion; what it took with it names it in a column `trash`.
    """CREATE TABLE trash (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        folder TEXT NOT NULL UNIQUE,
        label TEXT NOT NULL,
        created TEXT NOT NULL)""",
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        folder TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL,
        used INTEGER NOT NULL,
        next_number INTEGER NOT NULL DEFAULT 1,
        trash INTEGER REFERENCES trash (id))""",
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        session INTEGER NOT NULL REFERENCES sessions (id),
        parent INTEGER REFERENCES pictures (id) ON DELETE SET NULL,
        mode TEXT NOT NULL,
        prompt TEXT NOT NULL,
        job TEXT NOT NULL,
        state TEXT NOT NULL,
        position REAL NOT NULL,
        answer TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        created TEXT NOT NULL,
        seconds REAL NOT NULL DEFAULT 0,
        file TEXT NOT NULL UNIQUE,
        trash INTEGER REFERENCES trash (id))""",
    """CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        entry INTEGER NOT NULL REFERENCES entries (id),
        session INTEGER NOT NULL REFERENCES sessions (id),
        place INTEGER NOT NULL,
        path TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        seed INTEGER,
        model TEXT NOT NULL,
        job TEXT NOT NULL,
        created TEXT NOT NULL,
        seconds REAL NOT NULL DEFAULT 0,
        favourite INTEGER NOT NULL DEFAULT 0,
        note TEXT NOT NULL DEFAULT '',
        trash INTEGER REFERENCES trash (id))""",
    """CREATE TABLE tags (
        picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (picture, tag)) WITHOUT ROWID""",
    "CREATE INDEX tag_names ON tags (tag)",
    "CREATE INDEX entries_session ON entries (session, id) WHERE trash IS NULL",
    "CREATE INDEX entries_parent ON entries (parent)",
    "CREATE INDEX entries_trash ON entries (trash) WHERE trash IS NOT NULL",
    """CREATE INDEX entries_waiting ON entries (position)
        WHERE state IN ('queued', 'paused', 'running', 'interrupted')""",
    "CREATE INDEX pictures_session ON pictures (session, id) WHERE trash IS NULL",
    "CREATE INDEX pictures_entry ON pictures (entry)",
    "CREATE INDEX pictures_trash ON pictures (trash) WHERE trash IS NOT NULL",
    """CREATE VIRTUAL TABLE words USING fts5 (
        prompt, answer, tags, notes, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')""",
)

_VERSION_2 = (
    # Content is compared by a hash of the pixels; rows from version 1 get theirs in a
    # deep check that repairs.
    "ALTER TABLE pictures ADD COLUMN hash TEXT",
    "CREATE INDEX pictures_hash ON pictures (hash) WHERE hash IS NOT NULL",
    "CREATE INDEX pictures_seed ON pictures (seed)",
    "CREATE INDEX pictures_favourite ON pictures (entry) WHERE favourite",
    # What a picture or entry came from: '' for our own, else the tool whose file was imported.
    "ALTER TABLE entries ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
    # Folder names that sessions had and have no more: no name is used twice.
    "CREATE TABLE names (folder TEXT PRIMARY KEY) WITHOUT ROWID",
    # Files on their way: a kill between the move and the commit is repaired from these rows.
    """CREATE TABLE moves (
        id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, target TEXT)""",
)

_VERSION_3 = (
    # What is in the trash stays where it lies: files no longer move, so nothing notes moves.
    # Deletions are told apart by a uid, which their entries' files name.
    "DROP TABLE moves",
    "ALTER TABLE trash RENAME COLUMN folder TO uid",
    """DELETE FROM trash WHERE id NOT IN (SELECT trash FROM pictures WHERE trash IS NOT NULL
        UNION SELECT trash FROM entries WHERE trash IS NOT NULL
        UNION SELECT trash FROM sessions WHERE trash IS NOT NULL)""",
    # 1 once the deletion's files are being deleted for good, until its rows go too.
    "ALTER TABLE trash ADD COLUMN purged INTEGER NOT NULL DEFAULT 0",
    # Seeds of 2^63 and more are kept as the negative number of the same 64 bits. A file that says
    # nothing of its making was given the seed 0.
    "UPDATE pictures SET seed = NULL WHERE entry IN (SELECT id FROM entries WHERE origin = 'file')",
)

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """The schema's version; 0 for a database that has no tables yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, name: str, to: int = VERSION) -> None:
    """Bring the database to version ``to``, whole or not at all.

    Args:
        connection: in autocommit mode.
        name: the database, for the message.
        to: the version wanted, 1 to `VERSION`; tests make old databases with it.

    Raises:
        StorageError: the database was written by a newer version of the program.
    """
    if version_of(connection) == to:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again under the lock: another process may have been quicker.
        version = version_of(connection)
        if version > to:
            raise StorageError(
                f"The library {name} was written by a newer unipic-tui (its format is {version}, "
                f"this program reads up to {to}): update unipic-tui, or choose another library."
            )
        for statements in MIGRATIONS[version:to]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {to}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
