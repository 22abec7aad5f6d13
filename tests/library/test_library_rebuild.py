"""The database made anew from the files alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.library.samples import HOSTILE, ask, draw, edit, everything, files, finished, png
from unipic_tui.errors import StorageError
from unipic_tui.jobs import GenerateJob, Region
from unipic_tui.library import Library
from unipic_tui.library.check import check
from unipic_tui.library.rebuild import rebuild


def fill(library: Library) -> None:
    """Something of everything."""
    first, second = library.create_session("First one!"), library.create_session(HOSTILE)
    _, pictures = draw(library, first.id, "A réd fox", seed=42, count=3)
    _, edited = edit(library, pictures[1], HOSTILE)
    ask(library, edited, "What is it?", f"Perhaps a dog.\n{HOSTILE}")
    region = GenerateJob(prompt="again", source=str(edited.path), region=Region(0, 0, 2, 2))
    library.add_entry(first.id, region, edited.id)
    library.set_tags(pictures[0].id, ["sea", HOSTILE])
    library.set_note(pictures[2].id, HOSTILE)
    library.set_favourite(edited.id, True)
    _, (moved,) = draw(library, first.id, "moved")
    library.move_picture(moved.id, second.id)
    library.move_picture(pictures[2].id, second.id)
    library.rename_session(first.id, "Renamed")
    running, failed, last = (
        library.add_entry(second.id, GenerateJob(prompt=prompt)) for prompt in ("a", "b", "c")
    )
    library.set_state(running.id, "running")
    library.add_picture(running.id, finished("a"))
    library.set_state(failed.id, "failed", error="It failed.")
    library.move_in_queue(last.id, -1)
    for prompt in ("thrown 1", "thrown 2"):
        library.trash_picture(draw(library, second.id, prompt)[1][0].id)
    third = library.create_session("third")
    _, (picture, _) = draw(library, third.id, "in a deleted session", count=2)
    library.trash_picture(picture.id)
    library.trash_session(third.id)
    library.rename_session(second.id, "Renamed later")


@pytest.fixture
def left(folder: Path) -> Path:
    """The folder of a library that was filled and left."""
    library = Library.open(folder)
    fill(library)
    library.close()
    return folder


def test_everything_comes_back(left: Path) -> None:
    library = Library.open(left)
    shown, there, words = everything(library), files(left), library.search("fox")
    prompts, tags = library.prompts(), library.tags()
    library.close()
    found = rebuild(left)
    assert found.problems == []
    library = Library.open(left)
    assert everything(library) == shown
    assert (library.search("fox"), library.prompts(), library.tags()) == (words, prompts, tags)
    assert files(left) == there
    assert list(check(library, deep=True)) == []
    assert (left / "library.db.old").is_file()
    # The trash is as good as before, to the last deletion.
    labels = [each.label for each in library.trashed()]
    assert labels == ["third 1 picture", "in a deleted session", "thrown 2", "thrown 1"]
    for _ in labels:
        library.undo_trash()
    assert len(library.sessions()) == 3
    assert len(library.search("deleted session")) == 1
    assert library.picture_count(3) == 2
    assert list(check(library, deep=True)) == []
    library.close()


def test_a_missing_database_is_made_anew_when_the_library_is_opened(left: Path) -> None:
    library = Library.open(left)
    shown = everything(library)
    library.close()
    (left / "library.db").unlink()
    library = Library.open(left)
    assert everything(library) == shown
    library.close()


@pytest.mark.parametrize("damage", [b"", b"not a database" * 700], ids=["zeros", "text"])
def test_a_damaged_database_is_a_sentence_and_can_be_made_anew(left: Path, damage: bytes) -> None:
    library = Library.open(left)
    shown = everything(library)
    library.close()
    database = left / "library.db"
    database.write_bytes(damage + database.read_bytes()[len(damage) :] if damage else b"\1" * 9000)
    with pytest.raises(StorageError, match="is damaged: `unipic-tui library rebuild` makes it"):
        Library.open(left)
    rebuild(left)
    library = Library.open(left)
    assert everything(library) == shown
    library.close()


def test_pictures_alone_are_enough_for_jobs_and_parents(left: Path) -> None:
    shutil.rmtree(left / "trash")
    for path in left.rglob("*.json"):
        path.unlink()
    assert rebuild(left).problems == []
    library = Library.open(left)
    (session,) = [each for each in library.sessions() if each.name == "renamed"]
    pictures = library.pictures(session.id)
    assert [picture.path.name[:4] for picture in pictures] == ["0001", "0002", "0004"]
    assert pictures[0].job.prompt == "A réd fox"
    assert pictures[0].job.seed == 42
    assert library.entry(pictures[2].entry).parent == pictures[1].id
    assert [entry.id for entry in library.search("seed:42")] == [pictures[0].entry]
    assert list(check(library)) == []
    # Numbers of files that were there go on from the highest.
    assert draw(library, session.id)[1][0].path.name.startswith("0005-")
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
    (session,) = [each for each in library.sessions() if each.name == "holiday"]
    pictures = library.pictures(session.id)
    assert [picture.job.prompt for picture in pictures] == ["a beach", "plain"]
    assert [picture.origin for picture in pictures] == ["A1111", "file"]
    assert all(session.folder.name != "linked" for session in library.sessions())
    library.close()


def test_a_copied_session_gets_numbers_of_its_own(left: Path) -> None:
    library = Library.open(left)
    original = library.find_session("Renamed")
    assert original is not None
    before = library.pictures(original.id)
    library.close()
    shutil.copytree(original.folder, original.folder.parent / "zz-copy")
    assert rebuild(left).problems == []
    library = Library.open(left)
    assert library.pictures(original.id) == before
    (copy,) = [each for each in library.sessions() if each.folder.name == "zz-copy"]
    copied = library.pictures(copy.id)
    assert [picture.path.name for picture in copied] == [picture.path.name for picture in before]
    assert copied[0].tags == before[0].tags
    assert {picture.id for picture in copied}.isdisjoint(picture.id for picture in before)
    assert list(check(library)) == []
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
    sessions = library.sessions()
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
        picture in library.pictures(session.id)
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
    draw(library, library.sessions()[0].id, "only in the log")
    copy = left / "copy"
    for ending in ("-wal", "-shm"):
        shutil.copy(left / f"library.db{ending}", f"{copy}{ending}")
    newest = library.pictures(library.sessions()[0].id)[-1]
    library.trash_picture(newest.id)
    library.empty_trash()
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
