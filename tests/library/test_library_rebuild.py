"""The database rebuilt from the files alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.library.samples import HOSTILE, ask, draw, edit, everything, files, finished, png
from unipic_tui.errors import StorageError
from unipic_tui.job_parts import Region
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.rebuild import rebuild


def fill(library: Library) -> None:
    """Something of everything."""
    first, second = library.sessions.create("First one!"), library.sessions.create(HOSTILE)
    _, pictures = draw(library, first.id, "A réd fox", seed=42, count=3)
    _, edited = edit(library, pictures[1], HOSTILE)
    ask(library, edited, "What is it?", f"Perhaps a dog.\n{HOSTILE}")
    region = GenerateJob(prompt="again", source=str(edited.path), region=Region(0, 0, 2, 2))
    library.entries.add(first.id, region, edited.id)
    library.pictures.set_tags(pictures[0].id, ["sea", HOSTILE])
    library.pictures.set_note(pictures[2].id, HOSTILE)
    library.pictures.set_favourite(edited.id, True)
    _, (moved,) = draw(library, first.id, "moved")
    library.pictures.move(moved.id, second.id)
    library.pictures.move(pictures[2].id, second.id)
    library.sessions.rename(first.id, "Renamed")
    running, failed, last = (
        library.entries.add(second.id, GenerateJob(prompt=prompt)) for prompt in ("a", "b", "c")
    )
    library.entries.set_state(running.id, "running")
    library.pictures.add(running.id, finished("a"))
    library.entries.set_state(failed.id, "failed", error="It failed.")
    library.queue.move(last.id, -1)
    for prompt in ("thrown 1", "thrown 2"):
        library.trash.put_picture(draw(library, second.id, prompt)[1][0].id)
    third = library.sessions.create("third")
    _, (picture, _) = draw(library, third.id, "in a deleted session", count=2)
    library.trash.put_picture(picture.id)
    library.trash.put_session(third.id)
    library.sessions.rename(second.id, "Renamed later")


@pytest.fixture
def left(folder: Path) -> Path:
    """The folder of a library that was filled and left."""
    library = Library.open(folder)
    fill(library)
    library.close()
    return folder


def test_everything_comes_back(left: Path) -> None:
    library = Library.open(left)
    shown, there, words = everything(library), files(left), library.search.find("fox")
    prompts = library.search.prompts()
    library.close()
    found = rebuild(left)
    assert found.problems == []
    library = Library.open(left)
    assert everything(library) == shown
    assert (library.search.find("fox"), library.search.prompts()) == (words, prompts)
    assert files(left) == there
    assert list(library.health.check(deep=True)) == []
    assert (left / "library.db.old").is_file()
    # The trash is as good as before, to the last deletion.
    labels = [each.label for each in library.trash.deletions()]
    assert labels == ["third (1 picture)", "in a deleted session", "thrown 2", "thrown 1"]
    for _ in labels:
        library.trash.undo()
    assert len(library.sessions.all()) == 3
    assert len(library.search.find("deleted session")) == 1
    assert len(library.pictures.of_session(3)) == 2
    assert list(library.health.check(deep=True)) == []
    library.close()


def test_a_missing_database_is_rebuilt_when_the_library_is_opened(left: Path) -> None:
    library = Library.open(left)
    shown = everything(library)
    library.close()
    (left / "library.db").unlink()
    library = Library.open(left)
    assert everything(library) == shown
    library.close()


@pytest.mark.parametrize("damage", [b"", b"not a database" * 700], ids=["zeros", "text"])
def test_a_damaged_database_is_a_sentence_and_can_be_rebuilt(left: Path, damage: bytes) -> None:
    library = Library.open(left)
    shown = everything(library)
    library.close()
    database = left / "library.db"
    database.write_bytes(damage + database.read_bytes()[len(damage) :] if damage else b"\1" * 9000)
    with pytest.raises(StorageError, match="is damaged: `unipic-tui library rebuild` rebuilds it"):
        Library.open(left)
    rebuild(left)
    library = Library.open(left)
    assert everything(library) == shown
    library.close()


def test_pictures_alone_are_enough_for_jobs_and_parents(left: Path) -> None:
    for path in left.rglob("*.json"):
        path.unlink()
    assert rebuild(left).problems == []
    library = Library.open(left)
    (session,) = [each for each in library.sessions.all() if each.name == "first one"]
    pictures = library.pictures.of_session(session.id)
    assert [picture.path.name[:4] for picture in pictures] == [
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
    ]
    assert pictures[0].job.prompt == "A réd fox"
    assert pictures[0].job.seed == 42
    assert library.entries.get(pictures[3].entry).parent == pictures[1].id
    assert [entry.id for entry in library.search.find("seed:42")] == [pictures[0].entry]
    assert list(library.health.check()) == []
    # Numbers of files that were there go on from the highest.
    assert draw(library, session.id)[1][0].path.name.startswith("0006-")
    library.close()


def test_pictures_that_a_person_put_there_are_taken_in(left: Path) -> None:
    place = left / "sessions" / "holiday"
    png(place / "beach.png", {"parameters": "a beach\nSteps: 20, CFG scale: 7, Seed: 5"})
    png(place / "plain.png")
    (place / "letter.txt").write_text("not mine")
    (place / "cut.png").write_bytes((place / "beach.png").read_bytes()[:-20])
    (left / "sessions" / "link.png").symlink_to(place / "beach.png")
    (place / "link.png").symlink_to("/etc/passwd")
    (left / "sessions" / "linked").symlink_to("/etc")
    found = rebuild(left)
    assert found.problems == ["The picture sessions/holiday/cut.png is cut short."]
    library = Library.open(left)
    (session,) = [each for each in library.sessions.all() if each.name == "holiday"]
    pictures = library.pictures.of_session(session.id)
    assert [picture.job.prompt for picture in pictures] == ["a beach", "plain"]
    assert [picture.origin for picture in pictures] == ["A1111", "file"]
    assert all(session.folder.name != "linked" for session in library.sessions.all())
    library.close()


def test_a_copied_session_gets_numbers_of_its_own(left: Path) -> None:
    library = Library.open(left)
    original = library.sessions.find("Renamed")
    assert original is not None
    before = library.pictures.of_session(original.id)
    library.close()
    shutil.copytree(original.folder, original.folder.parent / "zz-copy")
    assert rebuild(left).problems == []
    library = Library.open(left)
    assert library.pictures.of_session(original.id) == before
    (copy,) = [each for each in library.sessions.all() if each.folder.name == "zz-copy"]
    copied = library.pictures.of_session(copy.id)
    # All that lies in the folder, what was moved to another session, too.
    assert {picture.path for picture in copied} == set(copy.folder.glob("*.png"))
    assert copied[0].tags == before[0].tags
    assert {picture.id for picture in copied}.isdisjoint(picture.id for picture in before)
    assert list(library.health.check()) == []
    library.close()


HOSTILE_FILES: list[object] = [
    [],
    "text",
    {},
    {"format": "1"},
    {"format": 99},
    {"format": 1},
    {"format": 1, "id": -1, "uid": 5, "job": [], "pictures": "x", "tags": 3},
    {"format": 1, "id": 2**80, "created": "yesterday", "position": 1e999, "seconds": "long"},
    {"format": 1, "job": {"mode": "generate", "prompt": "", "count": 10**9}},
    {"format": 1, "pictures": [{"file": "../../../etc/passwd"}, {"file": "/etc/passwd"}, 7]},
    {"format": 1, "pictures": [{"file": "0001-a.png\0"}, {"file": ""}, {"file": ".."}]},
    {"format": 1, "state": "possessed", "parent": ["x"], "answer": HOSTILE, "session": None},
]


@pytest.mark.parametrize("content", HOSTILE_FILES, ids=range(len(HOSTILE_FILES)))
def test_hostile_files_harm_nothing(left: Path, content: object) -> None:
    library = Library.open(left)
    shown = everything(library)
    sessions = library.sessions.all()
    library.close()
    evil = sessions[0].folder / "entries" / "666666.json"
    evil.write_text(json.dumps(content))
    (left / "sessions" / "zz" / "entries").mkdir(parents=True)
    (left / "sessions" / "zz" / "session.json").write_text(json.dumps(content))
    (left / "sessions" / "zz" / "entries" / "1.json").write_text("[" * 100_000)
    rebuild(left)
    library = Library.open(left)
    kept = everything(library)
    assert all(
        picture in library.pictures.of_session(session.id)
        for session in sessions
        for picture in shown[shown.index(session) + 2]
    )
    for picture in (each for part in kept if isinstance(part, list) for each in part):
        path = getattr(picture, "path", left)
        assert path.resolve().is_relative_to(left.resolve())
    library.close()


def test_a_library_that_is_open_is_not_rebuilt(library: Library, folder: Path) -> None:
    with pytest.raises(StorageError, match="is open in another window: close it, then rebuild"):
        rebuild(folder)


def test_a_log_of_the_old_database_is_not_read_into_the_new_one(left: Path) -> None:
    library = Library.open(left)
    shown = everything(library)
    draw(library, library.sessions.all()[0].id, "only in the log")
    copy = left / "copy"
    for ending in ("-wal", "-shm"):
        shutil.copy(left / f"library.db{ending}", f"{copy}{ending}")
    newest = library.pictures.of_session(library.sessions.all()[0].id)[-1]
    library.trash.put_picture(newest.id)
    library.trash.empty()
    library.close()
    (left / "library.db").unlink()
    for ending in ("-wal", "-shm"):
        shutil.move(f"{copy}{ending}", left / f"library.db{ending}")
    library = Library.open(left)
    assert everything(library)[1:-1] == shown[1:-1]
    assert library.database.row("PRAGMA integrity_check")[0] == "ok"  # type: ignore[index]
    library.close()


@pytest.fixture(autouse=True)
def _nothing_outside(tmp_path: Path) -> Iterator[None]:
    yield
    assert {path.name for path in tmp_path.iterdir()} <= {"library"}
