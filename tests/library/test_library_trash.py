"""The trash: deleting, bringing back, emptying."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.library.samples import ask, draw, edit, everything, files, finished
from unipic_tui.errors import StorageError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library import Library


def test_a_deleted_picture_comes_back_with_its_edits_and_place(library: Library) -> None:
    session = library.create_session("x")
    draw(library, session.id, "before")
    _, (picture,) = draw(library, session.id)
    _, edited = edit(library, picture)
    ask(library, edited)
    library.set_tags(edited.id, ["kept"])
    library.set_favourite(picture.id, True)
    draw(library, session.id, "after")
    shown, there = everything(library), files(library.folder)

    library.trash_picture(picture.id)
    assert [entry.job.prompt for entry in library.entries(session.id)] == ["before", "after"]
    assert len(library.pictures(session.id)) == 2
    assert not picture.path.exists()
    assert library.search("tag:kept") == library.search("fox") == []
    assert len(files(library.folder)) == len(there)
    (thrown,) = library.trashed()
    assert (thrown.pictures, thrown.label) == (2, "a red fox and 2 more")
    assert thrown.bytes > 100
    assert (library.folder / "trash" / "0001-a-red-fox-and-2-more").is_dir()

    assert library.undo_trash() == "a red fox and 2 more"
    assert everything(library) == shown
    assert files(library.folder) == there
    assert library.undo_trash() is None


def test_one_of_several_pictures_leaves_its_job_in_place(library: Library) -> None:
    session = library.create_session("x")
    entry, pictures = draw(library, session.id, count=3)
    library.trash_picture(pictures[1].id)
    assert [each.index for each in library.pictures_of(entry.id)] == [0, 2]
    library.trash_picture(pictures[0].id)
    library.trash_picture(pictures[2].id)
    assert library.entries(session.id) == []
    for _ in range(3):
        library.undo_trash()
    assert library.pictures_of(entry.id) == pictures


def test_a_job_that_waits_and_has_no_picture_yet_stays(library: Library) -> None:
    session = library.create_session("x")
    entry, (picture,) = draw(library, session.id)
    library.set_state(entry.id, "queued")
    library.trash_picture(picture.id)
    assert [each.id for each in library.queue()] == [entry.id]


def test_undo_takes_back_the_latest_first(library: Library) -> None:
    session = library.create_session("x")
    for prompt in ("one", "two", "three"):
        library.trash_picture(draw(library, session.id, prompt)[1][0].id)
    assert [library.undo_trash() for _ in range(4)] == ["three", "two", "one", None]
    assert [entry.job.prompt for entry in library.entries(session.id)] == ["one", "two", "three"]


def test_a_deleted_job_takes_all_under_its_pictures_along(library: Library) -> None:
    session = library.create_session("x")
    entry, pictures = draw(library, session.id, count=2)
    edit(library, pictures[1])
    shown = everything(library)
    library.trash_entry(entry.id)
    assert library.entries(session.id) == []
    assert library.trashed()[0].pictures == 3
    library.undo_trash()
    assert everything(library) == shown


def test_a_deleted_session_comes_back_as_it_was(library: Library) -> None:
    session = library.create_session("My Trip")
    _, pictures = draw(library, session.id, count=2)
    edit(library, pictures[0])
    other = library.create_session("other")
    shown, there = everything(library), files(library.folder)
    library.trash_session(session.id)
    assert [each.id for each in library.sessions()] == [other.id]
    assert library.undo_trash() == "My Trip (3 pictures)"
    assert everything(library) == shown
    assert files(library.folder) == there


def test_what_was_deleted_earlier_brings_its_session_back(library: Library) -> None:
    session = library.create_session("trip")
    _, (picture,) = draw(library, session.id)
    draw(library, session.id, "second")
    library.trash_picture(picture.id)
    library.trash_session(session.id)
    first = library.trashed()[-1].id
    assert library.restore(first) == "a red fox"
    assert [each.name for each in library.sessions()] == ["trip"]
    assert library.pictures(session.id) == [picture]
    library.undo_trash()
    assert [entry.job.prompt for entry in library.entries(session.id)] == ["a red fox", "second"]
    assert library.trashed() == []


def test_what_was_deleted_comes_back_into_a_renamed_session(library: Library) -> None:
    session = library.create_session("old")
    _, (picture,) = draw(library, session.id)
    library.trash_picture(picture.id)
    renamed = library.rename_session(session.id, "new")
    library.undo_trash()
    assert library.picture(picture.id).path == renamed.folder / picture.path.name
    assert library.picture(picture.id).path.is_file()


def test_emptying_deletes_for_good(library: Library) -> None:
    session = library.create_session("x")
    entry, (picture,) = draw(library, session.id)
    library.save_state(entry.id, b"state")
    library.thumbnail(picture.id, 32)
    _, edited = edit(library, picture)
    kept, _ = draw(library, session.id, "kept")
    library.trash_picture(picture.id)
    assert library.empty_trash() == 2
    assert library.trashed() == []
    assert library.undo_trash() is None
    assert list((library.folder / "trash").iterdir()) == []
    assert list((library.folder / "states").iterdir()) == []
    assert list((library.folder / "cache").rglob("*.png")) == []
    assert [each.id for each in library.entries(session.id)] == [kept.id]
    assert library.database.rows("PRAGMA foreign_key_check") == []
    with pytest.raises(StorageError):
        library.picture(edited.id)


def test_emptying_a_session_takes_what_was_deleted_from_it_before(library: Library) -> None:
    session = library.create_session("x")
    _, (picture,) = draw(library, session.id)
    draw(library, session.id)
    library.trash_picture(picture.id)
    library.trash_session(session.id)
    (latest, _) = library.trashed()
    assert library.purge(latest.id) == 2
    assert library.trashed() == []
    assert library.database.number("SELECT count(*) FROM pictures") == 0


def test_emptying_cuts_the_link_of_an_edit_that_lives_elsewhere(library: Library) -> None:
    here, there = library.create_session("here"), library.create_session("there")
    _, (picture,) = draw(library, here.id)
    below, edited = edit(library, picture)
    library.move_picture(edited.id, there.id)
    library.trash_picture(picture.id)
    library.empty_trash()
    assert library.entry(below.id).parent is None
    assert library.picture(edited.id).path.is_file()


def test_only_what_is_old_enough_goes(library: Library) -> None:
    session = library.create_session("x")
    for prompt, days in (("old", 40), ("new", 2), ("from the future", -400)):
        library.trash_picture(draw(library, session.id, prompt)[1][0].id)
        when = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        with library.database.write() as transaction:
            transaction.execute(
                "UPDATE trash SET created = ? WHERE id = (SELECT max(id) FROM trash)", (when,)
            )
    assert library.empty_trash(timedelta(days=30)) == 1
    assert [each.label for each in library.trashed()] == ["from the future", "new"]
    assert library.empty_trash() == 2


def test_a_running_job_is_not_deleted(library: Library) -> None:
    session = library.create_session("x")
    _, (picture,) = draw(library, session.id)
    below = library.add_entry(session.id, EditJob(prompt="blue", source="?"), picture.id)
    library.set_state(below.id, "running")
    before = files(library.folder)
    for act, number in (
        (library.trash_picture, picture.id),
        (library.trash_entry, below.id),
        (library.trash_session, session.id),
    ):
        with pytest.raises(StorageError, match="running cannot go to the trash: cancel it first"):
            act(number)
    assert files(library.folder) == before
    library.set_state(below.id, "cancelled")
    library.trash_picture(picture.id)


def test_a_picture_that_comes_after_its_job_was_deleted_is_kept(library: Library) -> None:
    session = library.create_session("x")
    entry = library.add_entry(session.id, GenerateJob(prompt="late"))
    library.trash_entry(entry.id)
    picture = library.add_picture(entry.id, finished("late"))
    assert picture.path.is_file()
    assert picture.path.relative_to(library.folder).parts[0] == "trash"
    assert library.set_state(entry.id, "done").state == "done"
    library.undo_trash()
    assert library.pictures_of(entry.id)[0].path.is_file()


def test_a_file_that_was_deleted_by_hand_does_not_stop_the_rest(library: Library) -> None:
    session = library.create_session("x")
    _, (lost, kept) = draw(library, session.id, count=2)
    lost.path.unlink()
    library.trash_session(session.id)
    library.undo_trash()
    assert library.picture(kept.id).path.is_file()
    library.trash_picture(lost.id)
    assert library.empty_trash() == 1


def test_a_file_in_the_way_leaves_all_as_it_was(library: Library) -> None:
    session = library.create_session("x")
    entry, (picture,) = draw(library, session.id)
    library.trash_picture(picture.id)
    picture.path.write_text("mine")
    before = files(library.folder)
    with pytest.raises(StorageError, match="is in the way of a file of the library"):
        library.undo_trash()
    assert files(library.folder) == before
    assert picture.path.read_text() == "mine"
    # It stays so, whatever else is done.
    library.trash_picture(draw(library, session.id, "other")[1][0].id)
    assert library.undo_trash() == "other"
    assert picture.path.read_text() == "mine"
    picture.path.unlink()
    assert library.undo_trash() == "a red fox"
    assert library.pictures_of(entry.id) == [picture]
