"""The trash: deleting, bringing back, emptying."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.library.samples import ask, draw, edit, everything, files, finished
from unipic_tui.errors import StorageError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.sidecars import read_entry


def test_a_deleted_picture_comes_back_with_its_edits_and_place(library: Library) -> None:
    session = library.sessions.create("x")
    draw(library, session.id, "before")
    _, (picture,) = draw(library, session.id)
    _, edited = edit(library, picture)
    ask(library, edited)
    library.pictures.set_tags(edited.id, ["kept"])
    library.pictures.set_favourite(picture.id, True)
    draw(library, session.id, "after")
    shown, there = everything(library), files(library.folder)

    library.trash.put_picture(picture.id)
    assert [entry.job.prompt for entry in library.entries.of_session(session.id)] == [
        "before",
        "after",
    ]
    assert len(library.pictures.of_session(session.id)) == 2
    # It lies where it was until the trash is emptied; the job's file says that it was deleted.
    assert files(library.folder) == there
    sidecar = read_entry(session.folder / "entries" / f"{picture.entry:06d}.json")
    assert sidecar.trash is not None
    assert sidecar.trash == sidecar.pictures[0].trash
    assert sidecar.trash.label == "a red fox and 2 more"
    assert library.search.find("tag:kept") == library.search.find("fox") == []
    (thrown,) = library.trash.deletions()
    assert (thrown.pictures, thrown.label) == (2, "a red fox and 2 more")
    assert thrown.bytes > 100

    assert library.trash.undo() == "a red fox and 2 more"
    assert everything(library) == shown
    assert files(library.folder) == there
    assert library.trash.undo() is None


def test_one_of_several_pictures_leaves_its_job_in_place(library: Library) -> None:
    session = library.sessions.create("x")
    entry, pictures = draw(library, session.id, count=3)
    library.trash.put_picture(pictures[1].id)
    assert [each.index for each in library.pictures.of_entry(entry.id)] == [0, 2]
    library.trash.put_picture(pictures[0].id)
    library.trash.put_picture(pictures[2].id)
    assert library.entries.of_session(session.id) == []
    for _ in range(3):
        library.trash.undo()
    assert library.pictures.of_entry(entry.id) == pictures


def test_a_job_that_waits_and_has_no_picture_yet_stays(library: Library) -> None:
    session = library.sessions.create("x")
    entry, (picture,) = draw(library, session.id)
    library.entries.set_state(entry.id, "queued")
    library.trash.put_picture(picture.id)
    assert [each.id for each in library.queue.entries()] == [entry.id]


def test_undo_takes_back_the_latest_first(library: Library) -> None:
    session = library.sessions.create("x")
    for prompt in ("one", "two", "three"):
        library.trash.put_picture(draw(library, session.id, prompt)[1][0].id)
    assert [library.trash.undo() for _ in range(4)] == ["three", "two", "one", None]
    assert [entry.job.prompt for entry in library.entries.of_session(session.id)] == [
        "one",
        "two",
        "three",
    ]


def test_a_deleted_job_takes_all_under_its_pictures_along(library: Library) -> None:
    session = library.sessions.create("x")
    entry, pictures = draw(library, session.id, count=2)
    edit(library, pictures[1])
    shown = everything(library)
    library.trash.put_entry(entry.id)
    assert library.entries.of_session(session.id) == []
    assert library.trash.deletions()[0].pictures == 3
    library.trash.undo()
    assert everything(library) == shown


def test_a_deleted_session_comes_back_as_it_was(library: Library) -> None:
    session = library.sessions.create("My Trip")
    _, pictures = draw(library, session.id, count=2)
    edit(library, pictures[0])
    other = library.sessions.create("other")
    shown, there = everything(library), files(library.folder)
    library.trash.put_session(session.id)
    assert [each.id for each in library.sessions.all()] == [other.id]
    assert library.trash.undo() == "My Trip (3 pictures)"
    assert everything(library) == shown
    assert files(library.folder) == there


def test_what_was_deleted_earlier_brings_its_session_back(library: Library) -> None:
    session = library.sessions.create("trip")
    _, (picture,) = draw(library, session.id)
    draw(library, session.id, "second")
    library.trash.put_picture(picture.id)
    library.trash.put_session(session.id)
    first = library.trash.deletions()[-1].id
    assert library.trash.restore(first) == "a red fox"
    assert [each.name for each in library.sessions.all()] == ["trip"]
    assert library.pictures.of_session(session.id) == [picture]
    library.trash.undo()
    assert [entry.job.prompt for entry in library.entries.of_session(session.id)] == [
        "a red fox",
        "second",
    ]
    assert library.trash.deletions() == []


def test_what_was_deleted_comes_back_into_a_renamed_session(library: Library) -> None:
    session = library.sessions.create("old")
    _, (picture,) = draw(library, session.id)
    library.trash.put_picture(picture.id)
    library.sessions.rename(session.id, "new")
    library.trash.undo()
    assert library.pictures.get(picture.id) == picture
    assert picture.path.is_file()


def test_emptying_deletes_for_good(library: Library) -> None:
    session = library.sessions.create("x")
    entry, (picture,) = draw(library, session.id)
    library.snapshots.save(entry.id, b"state")
    library.thumbnails.get(picture.id, 32)
    _, edited = edit(library, picture)
    kept, _ = draw(library, session.id, "kept")
    library.trash.put_picture(picture.id)
    assert library.trash.empty() == 2
    assert library.trash.deletions() == []
    assert library.trash.undo() is None
    assert {path.name for path in session.folder.glob("*.png")} == {"0003-kept-s1.png"}
    assert {path.name for path in session.folder.glob("entries/*")} == {f"{kept.id:06d}.json"}
    assert list((library.folder / "states").iterdir()) == []
    assert list((library.folder / "cache").rglob("*.png")) == []
    assert [each.id for each in library.entries.of_session(session.id)] == [kept.id]
    assert library.database.rows("PRAGMA foreign_key_check") == []
    with pytest.raises(StorageError):
        library.pictures.get(edited.id)


def test_emptying_a_session_takes_what_was_deleted_from_it_before(library: Library) -> None:
    session = library.sessions.create("x")
    _, (picture,) = draw(library, session.id)
    draw(library, session.id)
    library.trash.put_picture(picture.id)
    library.trash.put_session(session.id)
    (latest, _) = library.trash.deletions()
    assert library.trash.purge(latest.id) == 2
    assert library.trash.deletions() == []
    assert library.database.number("SELECT count(*) FROM pictures") == 0


def test_emptying_cuts_the_link_of_an_edit_that_lives_elsewhere(library: Library) -> None:
    here, there = library.sessions.create("here"), library.sessions.create("there")
    _, (picture,) = draw(library, here.id)
    below, edited = edit(library, picture)
    library.pictures.move(edited.id, there.id)
    library.trash.put_picture(picture.id)
    library.trash.empty()
    assert library.entries.get(below.id).parent is None
    assert library.pictures.get(edited.id).path.is_file()
    assert list(library.health.check(deep=True)) == []


def test_only_what_is_old_enough_goes(library: Library) -> None:
    session = library.sessions.create("x")
    for prompt, days in (("old", 40), ("new", 2), ("from the future", -400)):
        library.trash.put_picture(draw(library, session.id, prompt)[1][0].id)
        when = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        with library.database.write():
            library.database.execute(
                "UPDATE trash SET created = ? WHERE id = (SELECT max(id) FROM trash)", (when,)
            )
    assert library.trash.empty(timedelta(days=30)) == 1
    assert [each.label for each in library.trash.deletions()] == ["from the future", "new"]
    assert library.trash.empty() == 2


def test_a_running_job_is_not_deleted(library: Library) -> None:
    session = library.sessions.create("x")
    _, (picture,) = draw(library, session.id)
    below = library.entries.add(session.id, EditJob(prompt="blue", source="?"), picture.id)
    library.entries.set_state(below.id, "running")
    before = files(library.folder)
    for act, number in (
        (library.trash.put_picture, picture.id),
        (library.trash.put_entry, below.id),
        (library.trash.put_session, session.id),
    ):
        with pytest.raises(StorageError, match="running cannot go to the trash: cancel it first"):
            act(number)
    assert files(library.folder) == before
    library.entries.set_state(below.id, "cancelled")
    library.trash.put_picture(picture.id)


def test_a_picture_that_comes_after_its_job_was_deleted_is_kept(library: Library) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="late"))
    library.trash.put_entry(entry.id)
    picture = library.pictures.add(entry.id, finished("late"))
    assert picture.path.is_file()
    assert library.pictures.of_session(session.id) == []
    assert library.trash.deletions()[0].pictures == 1
    assert library.entries.set_state(entry.id, "done").state == "done"
    library.trash.undo()
    assert library.pictures.of_entry(entry.id)[0].path.is_file()


def test_a_file_that_was_deleted_by_hand_does_not_stop_the_rest(library: Library) -> None:
    session = library.sessions.create("x")
    _, (lost, kept) = draw(library, session.id, count=2)
    lost.path.unlink()
    library.trash.put_session(session.id)
    library.trash.undo()
    assert library.pictures.get(kept.id).path.is_file()
    library.trash.put_picture(lost.id)
    assert library.trash.empty() == 1


def test_emptying_a_session_leaves_what_is_not_its_own(library: Library) -> None:
    here, there = library.sessions.create("here"), library.sessions.create("there")
    _, (moved,) = draw(library, here.id)
    draw(library, here.id, "goes")
    library.pictures.move(moved.id, there.id)
    (here.folder / "letter.txt").write_text("mine")
    library.trash.put_session(here.id)
    assert library.trash.empty() == 1
    assert library.pictures.of_session(there.id)[0].path.is_file()
    assert {path.name for path in here.folder.iterdir()} == {
        *("entries", "letter.txt", moved.path.name)
    }
    assert list(library.health.check(deep=True)) == []


def test_emptying_that_was_cut_off_is_finished(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = library.sessions.create("x")
    _, pictures = draw(library, session.id, count=3)
    library.trash.put_session(session.id)
    unlink = Path.unlink

    def fail(path: Path, missing_ok: bool = False) -> None:
        if path == pictures[1].path:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(StorageError, match=r"Cannot delete .*: permission is denied"):
            library.trash.empty()
    # It was asked for, so nothing of it comes back.
    assert library.trash.deletions() == []
    assert library.trash.undo() is None
    with pytest.raises(StorageError, match="has no deletion 1"):
        library.trash.restore(1)
    assert library.trash.finish_purges() == 3
    assert files(library.folder) == set()
    assert library.database.number("SELECT count(*) FROM trash") == 0


def test_a_job_that_is_being_stopped_in_the_trash_does_not_run_there(library: Library) -> None:
    entry = library.entries.add(library.sessions.create("x").id, GenerateJob(prompt="a ring"))
    library.trash.put_entry(entry.id)
    assert library.entries.set_state(entry.id, "running", answer="so far").state == "queued"
    library.entries.set_state(entry.id, "cancelled", answer="so far")
    library.trash.undo()
    back = library.entries.get(entry.id)
    assert (back.state, back.answer) == ("cancelled", "so far")
