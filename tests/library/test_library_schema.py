"""Versions of the database: migrations from the first, and what is newer."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from tests.library.samples import png
from unipic_tui.errors import StorageError
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library, schema
from unipic_tui.library.rebuild import rebuild

DATA = Path(__file__).parent.parent / "data"


def first_version(folder: Path) -> None:
    """A library as version 1 left it: a session with one picture, and a job that waits."""
    place = folder / "sessions" / "2024-01-02-old"
    png(place / "0001-a-fox-s7.png")
    (place / "entries").mkdir()
    job = json.dumps(job_to_dict(GenerateJob(prompt="a fox", seed=7)))
    with contextlib.closing(sqlite3.connect(folder / "library.db", isolation_level=None)) as db:
        schema.migrate(db, "old", to=1)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        time = "2024-01-02T03:04:05.000+00:00"
        home = "sessions/2024-01-02-old"
        db.execute(
            """INSERT INTO sessions (uid, name, folder, created, used, next_number)
            VALUES ('s', 'Old', '2024-01-02-old', ?, 1, 2)""",
            (time,),
        )
        for number, state in ((1, "done"), (2, "queued")):
            db.execute(
                """INSERT INTO entries (uid, session, mode, prompt, job, state, position, created,
                    file) VALUES (?, 1, 'generate', 'a fox', ?, ?, ?, ?, ?)""",
                (f"e{number}", job, state, number, time, f"{home}/entries/00000{number}.json"),
            )
            db.execute(
                "INSERT INTO words (rowid, prompt, answer, tags, notes) VALUES (?, ?, '', ?, '')",
                (number, "a fox", "sea" if number == 1 else ""),
            )
        db.execute(
            """INSERT INTO pictures (uid, entry, session, place, path, width, height, seed, model,
                job, created, favourite) VALUES ('p', 1, 1, 0, ?, 64, 64, 7, 'fake', ?, ?, 1)""",
            (f"{home}/0001-a-fox-s7.png", job, time),
        )
        db.execute("INSERT INTO tags VALUES (1, 'sea')")


def test_a_library_of_version_1_is_brought_up_to_date(folder: Path) -> None:
    first_version(folder)
    library = Library.open(folder)
    (session,) = library.sessions.all()
    (picture,) = library.pictures.of_session(session.id)
    assert (session.name, picture.tags, picture.favourite) == ("Old", ("sea",), True)
    assert (picture.created.year, picture.origin, picture.job.seed) == (2024, "", 7)
    assert [entry.id for entry in library.search.find("fox tag:sea fav: seed:7")] == [1]
    assert [entry.id for entry in library.queue.entries()] == [2]
    copy = library.importing.file(session.id, picture.path)
    library.trash.put_picture(copy.id)
    assert library.trash.undo() is not None
    assert [problem.repaired for problem in library.health.check(repair=True)] == [True] * 3
    assert list(library.health.check(deep=True, repair=True)) == []
    assert library.database.number("SELECT count(*) FROM pictures WHERE hash IS NULL") == 0
    assert list(library.health.check(deep=True)) == []
    assert library.database.number("PRAGMA user_version") == schema.VERSION
    library.close()
    Library.open(folder).close()


@pytest.fixture
def second_version(folder: Path) -> Path:
    """A library that the program of version 2 wrote, with things in its trash folder.

    "Renamed" has three foxes (the second deleted), an edit, a question and a deleted job; "Second"
    a moved picture and an imported one; "Gone" was deleted with one picture, after another one.
    """
    with zipfile.ZipFile(DATA / "library-2.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("database", ["kept", "lost"])
def test_a_library_of_version_2_keeps_its_trash_without_a_folder(
    second_version: Path, database: str
) -> None:
    if database == "lost":
        (second_version / "library.db").unlink()
    library = Library.open(second_version)
    assert not (second_version / "trash").exists()
    assert list(library.health.check(deep=True)) == []
    assert [(each.id, each.pictures) for each in library.trash.deletions()] == [
        *((4, 1), (3, 1), (2, 1), (1, 1))
    ]
    assert {each.name: each.pictures for each in library.sessions.all()} == {
        "Renamed": 3,
        "Second": 2,
    }
    # A file that told nothing was given the seed 0.
    assert [entry.origin for entry in library.search.find("seed:0")] == []
    library.trash.purge(1)
    while library.trash.undo() is not None:
        pass
    library.close()
    rebuild(second_version)
    library = Library.open(second_version)
    assert {each.name: each.pictures for each in library.sessions.all()} == {
        "Renamed": 4,
        "Second": 2,
        "Gone": 2,
    }
    assert list(library.health.check(deep=True)) == []
    assert all((second_version / name).is_file() for name in paths(library))
    library.close()


def test_leaving_the_trash_folder_can_be_cut_off(second_version: Path) -> None:
    # The first of the files was moved, and the process killed before its row was written.
    target = second_version / "sessions/2026-11-26-renamed/0002-a-red-fox-s6.png"
    (second_version / "trash/0001-a-red-fox/2026-11-26-renamed" / target.name).rename(target)
    # Another one's place is taken.
    taken = second_version / "sessions/2026-11-26-renamed/0006-thrown-s8.png"
    taken.write_text("mine")
    library = Library.open(second_version)
    assert [row for row in paths(library) if row.startswith("trash")] == [
        "trash/0002-thrown/2026-11-26-renamed/0006-thrown-s8.png"
    ]
    assert taken.read_text() == "mine"
    taken.unlink()
    library.close()
    library = Library.open(second_version)
    assert taken.is_file()
    assert not (second_version / "trash").exists()
    assert list(library.health.check(deep=True)) == []
    library.close()


def paths(library: Library) -> list[str]:
    return [row["path"] for row in library.database.rows("SELECT path FROM pictures")]


def test_a_migrated_database_has_the_tables_of_a_new_one(folder: Path, tmp_path: Path) -> None:
    first_version(folder)
    Library.open(folder).close()
    Library.open(tmp_path / "new").close()

    def tables(path: Path) -> dict[str, list[str]]:
        with contextlib.closing(sqlite3.connect(path)) as db:
            names = [row[0] for row in db.execute("SELECT name FROM sqlite_master ORDER BY name")]
            return {
                name: [str(row) for row in db.execute(f"PRAGMA table_info({name})")]
                for name in names
                if not name.startswith("sqlite_")
            }

    assert tables(folder / "library.db") == tables(tmp_path / "new" / "library.db")


def test_a_migration_that_fails_leaves_the_old_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_version(folder)
    broken = (*schema.MIGRATIONS[:1], (*schema.MIGRATIONS[1], "CREATE TABLE nonsense ("))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(StorageError, match="cannot be used"):
        Library.open(folder)
    monkeypatch.undo()
    with contextlib.closing(sqlite3.connect(folder / "library.db")) as db:
        assert schema.version_of(db) == 1
        assert "hash" not in [row[1] for row in db.execute("PRAGMA table_info(pictures)")]
    Library.open(folder).close()


def test_a_newer_database_is_a_sentence_and_stays_as_it_is(folder: Path) -> None:
    Library.open(folder).close()
    database = folder / "library.db"
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = database.read_bytes()
    with pytest.raises(StorageError, match=r"written by a newer unipic-tui .* update unipic-tui"):
        Library.open(folder)
    assert database.read_bytes() == before
    # And again: the failed opening holds no lock.
    with pytest.raises(StorageError, match="newer"):
        Library.open(folder)


def test_rows_of_a_newer_job_are_read_as_far_as_they_go(library: Library) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="a fox", seed=3))
    texts = [
        '{"mode": "generate", "prompt": "kept", "seed": 5, "magic": 1, "guidance": -4}',
        '{"mode": "video", "prompt": "kept"}',
        '{"mode": "edit", "prompt": "kept"}',
        '{"mode": "describe", "prompt": "kept", "turns": [{"question": 1}]}',
        "[]",
        "nonsense",
    ]
    prompts = []
    for text in texts:
        with library.database.write():
            library.database.execute("UPDATE entries SET job = ?", (text,))
        prompts.append(library.entries.get(entry.id).job.prompt)
    assert prompts == ["kept"] * 4 + ["?"] * 2


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="part of that path is a file, not a folder"):
        Library.open(tmp_path / "file" / "library")


def test_a_folder_that_cannot_be_written_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Library.open(folder).close()

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("unipic_tui.library.locks.os.open", refuse)
    with pytest.raises(StorageError, match="permission is denied: choose another place"):
        Library.open(folder)


def test_a_rebuild_in_another_window_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unipic_tui.library import storage
    from unipic_tui.library.locks import FileLock

    Library.open(folder).close()
    lock = FileLock(folder / "locks" / "open")
    assert lock.take()
    monkeypatch.setattr(storage, "_ENTER_TRIES", 2)
    monkeypatch.setattr(storage, "_ENTER_PAUSE", 0.01)
    with pytest.raises(StorageError, match="is being rebuilt by another program"):
        Library.open(folder)
    lock.release()
    Library.open(folder).close()
