"""What `library check` finds and repairs, and what opening repairs after a kill."""

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
from unipic_tui.library.health import Health
from unipic_tui.library.records import Session, StoredPicture
from unipic_tui.library.sidecars import read_entry

Harm = Callable[[Library, Session, StoredPicture], None]


@pytest.fixture
def session(library: Library) -> Session:
    session = library.sessions.create("x")
    _, (picture,) = draw(library, session.id)
    edit(library, picture)
    library.trash.put_picture(draw(library, session.id, "thrown")[1][0].id)
    assert list(library.health.check(deep=True)) == []
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
    data[data.index(b"IDAT") + 12] ^= 0xFF
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
    ("harm", "sentence", "deep", "repaired"),
    [
        (cut, "is damaged or cut short: bring it back from a backup", False, False),
        (lose, "is missing: bring it back from a backup, or delete it", False, False),
        (resize, "is 32×32 pixels, not the picture that was saved", False, False),
        (repaint, "shows something else than what was saved", True, False),
        (scratch, "is damaged or cut short", True, False),
        (drop_in, "found.png is not in the database: --repair imports it", False, True),
        (drop_rubbish, "rubbish.png is not in the database", False, False),
        (forget_entry, "is missing or damaged: --repair rewrites it", False, True),
        (blur_entry, "does not say what the database does: --repair rewrites it", False, True),
        (forget_session, "session.json is missing or damaged: --repair rewrites it", False, True),
        (leave_part, "is left from a write that was cut off: --repair removes it", False, True),
        (leave_state, "belongs to a job that is gone: --repair removes it", False, True),
        (
            leave_entry,
            "is a job's file that is not in the database: --repair imports it",
            False,
            True,
        ),
    ],
)
def test_harm_is_found_and_repaired(
    library: Library, session: Session, harm: Harm, sentence: str, deep: bool, repaired: bool
) -> None:
    harm(library, session, library.pictures.of_session(session.id)[0])
    there = files(library.folder)
    if deep:
        assert list(library.health.check()) == []
    found = list(library.health.check(deep=deep))
    assert [each.repaired for each in found] == [False]
    assert sentence in found[0].message
    assert files(library.folder) == there
    done = list(library.health.check(deep=deep, repair=True))
    assert [each.repaired for each in done] == [repaired]
    assert (list(library.health.check(deep=deep)) == []) is repaired
    assert {path for path in there if path.endswith(".png")} <= files(library.folder) | {
        each.path for each in found if harm is lose
    }


def test_a_picture_that_was_taken_in_shows_in_the_app(library: Library, session: Session) -> None:
    drop_in(library, session, library.pictures.of_session(session.id)[0])
    list(library.health.check(repair=True))
    (entry,) = library.search.find("found")
    (picture,) = library.pictures.of_entry(entry.id)
    assert (picture.path.name, picture.origin) == ("found.png", "file")


def killed(library: Library, folder: Path) -> Library:
    """The library as it opens after its process was killed, where it is now."""
    copy = folder.parent / "after"
    shutil.copytree(folder, copy)
    library.close()
    return Library.open(copy)


def test_a_picture_whose_row_was_not_written_is_entered(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="a fox"))
    library.entries.set_state(entry.id, "running")
    picture = library.pictures.add(entry.id, finished("a fox"))
    with library.database.write():
        library.database.execute("DELETE FROM pictures")
    after = killed(library, folder)
    (found,) = after.pictures.of_session(session.id)
    assert (found.entry, found.path.name) == (entry.id, picture.path.name)
    assert after.entries.get(entry.id).state == "interrupted"
    assert list(after.health.check()) == []
    after.close()


def test_a_picture_that_nothing_names_gets_an_entry(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    entry, (picture,) = draw(library, session.id)
    (session.folder / "entries" / f"{entry.id:06d}.json").unlink()
    png(session.folder / "not-ours.png")
    with library.database.write():
        library.database.execute("DELETE FROM pictures")
        library.database.execute("DELETE FROM entries")
        library.database.execute("DELETE FROM words")
    after = killed(library, folder)
    (found,) = after.pictures.of_session(session.id)
    assert (found.path.name, found.job, found.origin) == (picture.path.name, picture.job, "")
    assert after.entries.get(found.entry).state == "done"
    assert [each.path for each in after.health.check()] == [
        found.path.parent.relative_to(after.folder).joinpath("not-ours.png").as_posix()
    ]
    after.close()


def test_a_job_whose_row_was_not_written_is_entered(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    entry, _ = draw(library, session.id)
    shown = everything(library)
    with library.database.write():
        library.database.execute("DELETE FROM pictures WHERE entry = ?", (entry.id,))
        library.database.execute("DELETE FROM words WHERE rowid = ?", (entry.id,))
        library.database.execute("DELETE FROM entries WHERE id = ?", (entry.id,))
    after = killed(library, folder)
    assert after.entries.of_session(session.id) == shown[1]
    assert [each.id for each in after.search.find("fox")] == [entry.id]
    after.close()


def test_what_a_cut_off_write_left_is_removed(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
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
    session = library.sessions.create("x")
    entry, (picture,) = draw(library, session.id)
    path = session.folder / "entries" / f"{entry.id:06d}.json"
    path.write_text(path.read_text().replace('"favourite": false', '"favourite": true'))
    assert read_entry(path).pictures[0].favourite
    after = killed(library, folder)
    assert not after.pictures.get(picture.id).favourite
    assert list(after.health.check()) == []
    after.close()


def test_a_kill_is_remembered_until_all_have_left(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    other = Library.open(folder)
    draw(other, session.id)
    part = session.folder / f"{TEMPORARY_PREFIX}1{TEMPORARY_SUFFIX}"
    part.write_text("half")
    # The other one is killed: its locks go, and it says nothing.
    other.database._dirty = False
    other.database.close()
    other._storage._lock.release()
    other.queue._lock.release()
    third = Library.open(folder)
    third.pictures.set_favourite(1, True)
    third.close()
    library.close()
    assert part.exists()
    Library.open(folder).close()
    assert not part.exists()


def test_a_library_that_was_closed_is_not_searched_when_it_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(folder)
    draw(library, library.sessions.create("x").id)
    library.close()

    def recover(_: Health) -> None:
        raise AssertionError

    monkeypatch.setattr(Health, "recover", recover)
    Library.open(folder).close()
