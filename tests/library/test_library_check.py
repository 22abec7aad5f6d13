"""What `library check` finds and mends, and what opening mends after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.library.samples import draw, edit, everything, files, finished, png
from unipic_tui.files import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.check import check
from unipic_tui.library.records import Session, StoredPicture
from unipic_tui.library.sidecars import read_entry

Harm = Callable[[Library, Session, StoredPicture], None]


@pytest.fixture
def session(library: Library) -> Session:
    session = library.create_session("x")
    _, (picture,) = draw(library, session.id)
    edit(library, picture)
    library.trash_picture(draw(library, session.id, "thrown")[1][0].id)
    assert list(check(library, deep=True)) == []
    return session


def cut(_: Library, __: Session, picture: StoredPicture) -> None:
    picture.path.write_bytes(picture.path.read_bytes()[:-30])


def lose(_: Library, __: Session, picture: StoredPicture) -> None:
    picture.path.unlink()


def resize(_: Library, __: Session, picture: StoredPicture) -> None:
    Image.new("RGB", (32, 32)).save(picture.path)


def repaint(_: Library, __: Session, picture: StoredPicture) -> None:
    Image.new("RGB", (64, 64)).save(picture.path)


def scratch(_: Library, __: Session, picture: StoredPicture) -> None:
    data = bytearray(picture.path.read_bytes())
    data[-200] ^= 0xFF
    picture.path.write_bytes(data)


def drop_in(_: Library, session: Session, __: StoredPicture) -> None:
    png(session.folder / "found.png")


def drop_rubbish(_: Library, session: Session, __: StoredPicture) -> None:
    (session.folder / "rubbish.png").write_text("no picture")


def forget_entry(_: Library, session: Session, __: StoredPicture) -> None:
    next((session.folder / "entries").iterdir()).unlink()


def blur_entry(_: Library, session: Session, __: StoredPicture) -> None:
    path = next((session.folder / "entries").iterdir())
    path.write_text(path.read_text().replace("fox", "cat").replace("blue", "red"))


def forget_session(_: Library, session: Session, __: StoredPicture) -> None:
    (session.folder / "session.json").unlink()


def leave_part(_: Library, session: Session, __: StoredPicture) -> None:
    (session.folder / f"{TEMPORARY_PREFIX}0{TEMPORARY_SUFFIX}").write_text("half")


def leave_state(library: Library, _: Session, __: StoredPicture) -> None:
    (library.folder / "states" / "000099.state").write_text("old")


def leave_entry(_: Library, session: Session, __: StoredPicture) -> None:
    entries = session.folder / "entries"
    text = next(entries.iterdir()).read_text().replace('"uid": "', '"uid": "0')
    (entries / "000077.json").write_text(text)


@pytest.mark.parametrize(
    ("harm", "sentence", "deep", "mended"),
    [
        (cut, "is damaged or cut short: bring it back from a backup", False, False),
        (lose, "is missing: bring it back from a backup, or delete it", False, False),
        (resize, "is 32×32 pixels, not the picture that was saved", False, False),
        (repaint, "shows something else than what was saved", True, False),
        (scratch, "is not a picture that can be read here", True, False),
        (drop_in, "found.png is not in the database: --repair takes it in", False, True),
        (drop_rubbish, "rubbish.png is not in the database", False, False),
        (forget_entry, "is missing or damaged: --repair writes it anew", False, True),
        (blur_entry, "does not say what the database does: --repair writes it", False, True),
        (forget_session, "session.json is missing or damaged: --repair writes it", False, True),
        (leave_part, "is left from a write that was cut off: --repair removes it", False, True),
        (leave_state, "belongs to a job that is gone: --repair removes it", False, True),
        (leave_entry, "is of a job that is not in the database: --repair takes it in", False, True),
    ],
)
def test_harm_is_found_and_mended(
    library: Library, session: Session, harm: Harm, sentence: str, deep: bool, mended: bool
) -> None:
    harm(library, session, library.pictures(session.id)[0])
    there = files(library.folder)
    if deep:
        assert list(check(library)) == []
    found = list(check(library, deep=deep))
    assert [each.mended for each in found] == [False]
    assert sentence in found[0].message
    assert files(library.folder) == there
    repaired = list(check(library, deep=deep, repair=True))
    assert [each.mended for each in repaired] == [mended]
    assert (list(check(library, deep=deep)) == []) is mended
    assert {path for path in there if path.endswith(".png")} <= files(library.folder) | {
        each.path for each in found if harm is lose
    }


def test_a_picture_that_was_taken_in_shows_in_the_app(library: Library, session: Session) -> None:
    drop_in(library, session, library.pictures(session.id)[0])
    list(check(library, repair=True))
    (entry,) = library.search("found")
    (picture,) = library.pictures_of(entry.id)
    assert (picture.path.name, picture.origin) == ("found.png", "file")


def killed(library: Library, folder: Path) -> Library:
    """The library as it opens after its process was killed, where it is now."""
    copy = folder.parent / "after"
    shutil.copytree(folder, copy)
    library.close()
    return Library.open(copy)


def test_a_picture_whose_row_was_not_written_is_entered(library: Library, folder: Path) -> None:
    session = library.create_session("x")
    entry = library.add_entry(session.id, GenerateJob(prompt="a fox"))
    library.set_state(entry.id, "running")
    picture = library.add_picture(entry.id, finished("a fox"))
    with library.database.write() as transaction:
        transaction.execute("DELETE FROM pictures")
    after = killed(library, folder)
    (found,) = after.pictures(session.id)
    assert (found.entry, found.path.name) == (entry.id, picture.path.name)
    assert after.entry(entry.id).state == "interrupted"
    assert list(check(after)) == []
    after.close()


def test_a_picture_that_nothing_names_gets_an_entry(library: Library, folder: Path) -> None:
    session = library.create_session("x")
    entry, (picture,) = draw(library, session.id)
    (session.folder / "entries" / f"{entry.id:06d}.json").unlink()
    png(session.folder / "not-ours.png")
    with library.database.write() as transaction:
        transaction.execute("DELETE FROM pictures")
        transaction.execute("DELETE FROM entries")
        transaction.execute("DELETE FROM words")
    after = killed(library, folder)
    (found,) = after.pictures(session.id)
    assert (found.path.name, found.job, found.origin) == (picture.path.name, picture.job, "")
    assert after.entry(found.entry).state == "done"
    assert [each.path for each in check(after)] == [
        found.path.parent.relative_to(after.folder).joinpath("not-ours.png").as_posix()
    ]
    after.close()


def test_a_job_whose_row_was_not_written_is_entered(library: Library, folder: Path) -> None:
    session = library.create_session("x")
    entry, _ = draw(library, session.id)
    shown = everything(library)
    with library.database.write() as transaction:
        transaction.execute("DELETE FROM pictures WHERE entry = ?", (entry.id,))
        transaction.execute("DELETE FROM words WHERE rowid = ?", (entry.id,))
        transaction.execute("DELETE FROM entries WHERE id = ?", (entry.id,))
    after = killed(library, folder)
    assert after.entries(session.id) == shown[1]
    assert [each.id for each in after.search("fox")] == [entry.id]
    after.close()


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_files_that_were_half_moved_go_where_the_rows_say(
    library: Library, folder: Path, moved: int
) -> None:
    session = library.create_session("x")
    _, (picture,) = draw(library, session.id)
    edit(library, picture)
    there = files(folder)
    pictures = sorted(path for path in there if path.endswith(".png"))
    moves = [(path, f"trash/0001-x/{path.removeprefix('sessions/')}") for path in pictures]
    moves.append((f"sessions/{session.folder.name}", "sessions/elsewhere"))
    with library.database.write() as transaction:
        transaction.executemany("INSERT INTO moves (source, target) VALUES (?, ?)", moves)
    for source, target in moves[:moved]:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).rename(folder / target)
    after = killed(library, folder)
    assert files(after.folder) == there
    assert list(check(after)) == []
    assert list((after.folder / "trash").iterdir()) == []
    after.close()


def test_what_a_cut_off_write_left_is_removed(library: Library, folder: Path) -> None:
    session = library.create_session("x")
    draw(library, session.id)
    there = files(folder)
    places = [session.folder, session.folder / "entries", folder / "states", folder / "cache"]
    for place in places:
        (place / f"{TEMPORARY_PREFIX}1{TEMPORARY_SUFFIX}").write_text("half")
    after = killed(library, folder)
    assert files(after.folder) == there
    after.close()


def test_entries_that_ran_ahead_of_their_rows_are_brought_back(
    library: Library, folder: Path
) -> None:
    session = library.create_session("x")
    entry, (picture,) = draw(library, session.id)
    path = session.folder / "entries" / f"{entry.id:06d}.json"
    path.write_text(path.read_text().replace('"favourite": false', '"favourite": true'))
    assert read_entry(path).pictures[0].favourite
    after = killed(library, folder)
    assert not after.picture(picture.id).favourite
    assert list(check(after)) == []
    after.close()


def test_a_kill_is_remembered_until_all_have_left(library: Library, folder: Path) -> None:
    session = library.create_session("x")
    other = Library.open(folder)
    draw(other, session.id)
    part = session.folder / f"{TEMPORARY_PREFIX}1{TEMPORARY_SUFFIX}"
    part.write_text("half")
    # The other one is killed: its locks go, and it says nothing.
    other.database._close_all()
    other._open_lock.release()
    other._queue_lock.release()
    third = Library.open(folder)
    third.set_favourite(1, True)
    third.close()
    library.close()
    assert part.exists()
    Library.open(folder).close()
    assert not part.exists()


def test_a_library_that_was_closed_is_not_searched_when_it_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(folder)
    draw(library, library.create_session("x").id)
    library.close()

    def recover(_: Library) -> None:
        raise AssertionError

    monkeypatch.setattr("unipic_tui.library.store.recover", recover)
    Library.open(folder).close()
