"""Pictures: what is in their files and rows, marks, moving."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import gradient
from tests.library.samples import HOSTILE, ask, draw, edit, files, finished
from unipic_tui.errors import StorageError
from unipic_tui.events import Picture
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.provenance import read_metadata
from unipic_tui.pictures import load_image


def test_a_picture_carries_its_whole_job(library: Library) -> None:
    _, (picture,) = draw(library, library.sessions.create("x").id, seed=5)
    metadata = read_metadata(picture.path)
    assert metadata is not None
    assert metadata.job == picture.job == finished("a red fox", 5).job
    assert (metadata.model, picture.model) == ("fake", "fake")
    assert load_image(picture.path).tobytes() == finished("a red fox", 5).image.tobytes()
    assert (picture.width, picture.height, picture.index, picture.origin) == (64, 64, 0, "")


def test_a_setting_leaves_the_job_out_of_the_file(folder: Path) -> None:
    library = Library.open(folder, metadata=False)
    _, (picture,) = draw(library, library.sessions.create("x").id)
    assert read_metadata(picture.path) is None
    assert picture.job == finished("a red fox").job
    library.close()


def test_pictures_come_in_pages(library: Library) -> None:
    session = library.sessions.create("x")
    _, pictures = draw(library, session.id, count=5)
    assert library.pictures.of_session(session.id) == pictures
    assert library.pictures.page(session.id, 1, 2) == pictures[1:3]
    assert library.pictures.page(session.id, 4, 10) == pictures[4:]
    assert library.pictures.page(session.id, 9, 10) == []


def test_marks_are_kept(library: Library) -> None:
    _, (picture,) = draw(library, library.sessions.create("x").id)
    assert not picture.favourite
    library.pictures.set_favourite(picture.id, True)
    library.pictures.set_note(picture.id, "  for the cover\n")
    marked = library.pictures.set_tags(picture.id, ["Sea", "#sea", " Two  Words ", "", "灯塔"])
    assert marked.favourite
    assert marked.note == "for the cover"
    assert marked.tags == ("sea", "two words", "灯塔")
    assert library.pictures.get(picture.id) == marked
    assert library.pictures.set_tags(picture.id, []).tags == ()
    assert not library.pictures.set_favourite(picture.id, False).favourite


def test_hostile_marks_come_back_as_they_went_in(library: Library) -> None:
    _, (picture,) = draw(library, library.sessions.create("x").id)
    library.pictures.set_note(picture.id, f"a{HOSTILE}b")
    library.pictures.set_tags(picture.id, [HOSTILE, "\ud800"])
    kept = library.pictures.get(picture.id)
    assert kept.note == f"a{HOSTILE}b"
    assert len(kept.tags) == 2


def test_a_moved_picture_takes_what_hangs_under_it_along(library: Library) -> None:
    here, there = library.sessions.create("here"), library.sessions.create("there")
    draw(library, there.id, "already here")
    entry, (picture,) = draw(library, here.id)
    below, edited = edit(library, picture)
    question = ask(library, edited)
    moved = library.pictures.move(picture.id, there.id)
    assert (moved.session, moved.path) == (there.id, picture.path)
    assert moved.path.is_file()
    assert library.entries.of_session(here.id) == []
    assert library.pictures.of_session(here.id) == []
    assert [each.id for each in library.entries.of_session(there.id)][1:] == [
        entry.id,
        below.id,
        question.id,
    ]
    assert library.entries.get(question.id).job.source == str(library.pictures.get(edited.id).path)
    assert library.pictures.get(edited.id).session == there.id
    # What is drawn for it later lies in the session that it is in now.
    later = library.pictures.add(entry.id, finished("a red fox", 2, 1))
    assert later.path == there.folder / "0002-a-red-fox-s2.png"
    assert list(library.health.check(deep=True)) == []


def test_one_picture_of_several_is_moved_with_an_entry_of_its_own(library: Library) -> None:
    here, there = library.sessions.create("here"), library.sessions.create("there")
    entry, pictures = draw(library, here.id, count=3)
    library.pictures.set_tags(pictures[1].id, ["mine"])
    moved = library.pictures.move(pictures[1].id, there.id)
    assert [each.id for each in library.pictures.of_entry(entry.id)] == [
        pictures[0].id,
        pictures[2].id,
    ]
    (new,) = library.entries.of_session(there.id)
    assert (moved.entry, moved.session) == (new.id, there.id)
    assert (new.job, new.state) == (moved.job, "done")
    assert new.created == entry.created
    assert [each.id for each in library.search.find("tag:mine")] == [new.id]


def test_an_edit_that_moves_away_keeps_its_source(library: Library) -> None:
    here, there = library.sessions.create("here"), library.sessions.create("there")
    _, (picture,) = draw(library, here.id)
    below, edited = edit(library, picture)
    library.pictures.move(edited.id, there.id)
    entry = library.entries.get(below.id)
    assert (entry.session, entry.parent) == (there.id, picture.id)
    # It does not follow when its source moves or goes to the trash.
    library.trash.put_picture(picture.id)
    assert library.entries.get(below.id).session == there.id


def test_moving_to_the_same_session_changes_nothing(library: Library) -> None:
    session = library.sessions.create("x")
    _, (picture,) = draw(library, session.id)
    assert library.pictures.move(picture.id, session.id) == picture


def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="a fox"))
    before, changes = files(library.folder), library.changes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("unipic_tui.files.os.fsync", full)
        with pytest.raises(StorageError, match=r"Cannot write .*: the disk is full: make room"):
            library.pictures.add(entry.id, finished("a fox"))
        with pytest.raises(StorageError, match="the disk is full"):
            library.sessions.create("y")
    assert files(library.folder) == before
    assert library.changes() == changes
    assert len(library.sessions.all()) == 1
    # The rest goes on.
    assert library.pictures.add(entry.id, finished("a fox")).path.is_file()


def test_a_library_opens_on_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library.open(folder)
    entry = library.entries.add(library.sessions.create("x").id, GenerateJob(prompt="a fox"))
    library.entries.set_state(entry.id, "running")
    picture = library.pictures.add(entry.id, finished("a fox"))
    library.close()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    library = Library.open(folder)
    assert library.pictures.get(picture.id).path.is_file()
    with pytest.raises(StorageError, match="the disk is full"):
        library.queue.claim()
    monkeypatch.undo()
    assert library.queue.claim()
    assert library.entries.get(entry.id).state == "interrupted"
    library.close()


def test_a_database_that_cannot_grow_leaves_no_picture_behind(library: Library) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="a fox"))
    before = files(library.folder)
    sidecar = (session.folder / "entries" / f"{entry.id:06d}.json").read_text()
    connection = library.database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="the disk is full: make room and try again"):
        for number in range(200):
            library.entries.add(session.id, GenerateJob(prompt=f"{number} " + "word " * 300))
    taken = files(library.folder)
    with pytest.raises(StorageError, match="the disk is full"):
        library.pictures.add(entry.id, finished("w" * 8000))
    assert files(library.folder) == taken >= before
    assert (session.folder / "entries" / f"{entry.id:06d}.json").read_text() == sidecar
    assert library.pictures.of_session(session.id) == []


def test_a_read_only_database_is_a_sentence(library: Library) -> None:
    session = library.sessions.create("x")
    before = files(library.folder)
    library.database.connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageError, match="read-only or missing: change its permissions"):
        library.entries.add(session.id, GenerateJob(prompt="a fox"))
    assert [each.id for each in library.sessions.all()] == [session.id]
    assert files(library.folder) == before


def test_a_truncated_picture_stops_nobody_else(library: Library) -> None:
    session = library.sessions.create("x")
    _, (bad, good) = draw(library, session.id, count=2)
    data = bad.path.read_bytes()
    bad.path.write_bytes(data[: len(data) // 2])
    assert len(library.pictures.of_session(session.id)) == 2
    assert library.thumbnails.get(good.id, 32).size == (32, 32)


def test_thumbnails_are_kept_as_small_files(library: Library) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="wide"))
    job = GenerateJob(prompt="wide", width=320, height=160)
    picture = library.pictures.add(entry.id, Picture(0, gradient(320, 160, "w"), job, "fake", 1.0))
    small = library.thumbnails.get(picture.id, 64)
    assert (small.size, small.mode) == ((64, 32), "RGB")
    (cached,) = (library.folder / "cache" / "thumbnails" / "64").rglob("*.png")
    Image.new("RGB", (64, 32), (1, 2, 3)).save(cached)
    assert library.thumbnails.get(picture.id, 64).getpixel((0, 0)) == (1, 2, 3)
    cached.write_bytes(b"broken")
    assert library.thumbnails.get(picture.id, 64).tobytes() == small.tobytes()


def test_thumbnails_do_without_a_cache(library: Library) -> None:
    _, (picture,) = draw(library, library.sessions.create("x").id)
    (library.folder / "cache" / "thumbnails").rmdir()
    (library.folder / "cache" / "thumbnails").write_text("in the way")
    assert library.thumbnails.get(picture.id, 16).size == (16, 16)
