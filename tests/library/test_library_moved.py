"""Files and folders that a person renamed or moved: they are found again by what is in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.library.samples import ask, draw, edit, everything, files, png
from unipic_tui.library import Library
from unipic_tui.library.rebuild import rebuild
from unipic_tui.library.records import Session


@pytest.fixture
def session(library: Library) -> Session:
    """A session with a drawing, its edit, a question and a picture moved to another session."""
    session = library.sessions.create("Light House")
    _, (picture,) = draw(library, session.id, "a red fox")
    _, edited = edit(library, picture)
    ask(library, edited)
    _, (moved,) = draw(library, session.id, "moved")
    library.pictures.move(moved.id, library.sessions.create("other").id)
    library.trash.put_picture(draw(library, session.id, "deleted")[1][0].id)
    return session


def renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def places(library: Library) -> list[str]:
    """Where all pictures lie by their rows, from the library's folder."""
    return [row["path"] for row in library.database.rows("SELECT path FROM pictures ORDER BY id")]


@pytest.mark.parametrize("how", ["opened", "rebuilt"])
def test_a_renamed_session_folder_is_found_again(
    library: Library, session: Session, folder: Path, how: str
) -> None:
    shown = everything(library)
    library.close()
    place = renamed(session.folder, "my lighthouse")
    if how == "rebuilt":
        assert rebuild(folder).problems == []
    library = Library.open(folder)
    after = everything(library)
    old, new = str(session.folder), str(place)
    assert repr(after) == repr(shown).replace(old, new)
    assert all((folder / path).is_file() for path in places(library))
    assert list(library.health.check(deep=True)) == []
    # It goes on there, and nothing is written to the old place.
    _, (picture,) = draw(library, session.id, "next")
    assert picture.path.parent == place
    assert not session.folder.exists()
    library.close()
    assert rebuild(folder).problems == []
    library = Library.open(folder)
    assert sorted(each.name for each in library.sessions.all()) == ["Light House", "other"]
    library.close()


def test_a_folder_renamed_while_the_library_is_open_is_one_session(
    library: Library, session: Session, folder: Path
) -> None:
    place = renamed(session.folder, "elsewhere")
    # The window that is open knows nothing of it, and writes to the folder that it knows.
    draw(library, session.id, "later")
    library.pictures.set_favourite(1, True)
    library.sessions.rename(session.id, "New name")
    library.close()
    for attempt in ("opened", "rebuilt"):
        if attempt == "rebuilt":
            rebuild(folder)
        library = Library.open(folder)
        for _ in library.health.check(repair=True):
            pass
        assert list(library.health.check(deep=True)) == []
        names = [each.name for each in library.sessions.all()]
        assert len(names) == 2, (attempt, names)
        prompts = [each.job.prompt for each in library.entries.of_session(session.id)]
        assert prompts == ["a red fox", "make it blue", "What is it?", "later"], attempt
        assert library.pictures.get(1).path.parent == place
        library.close()


@pytest.mark.parametrize("target", ["renamed.png", "../other-place/0001-a-red-fox-s1.png"])
def test_a_renamed_picture_is_found_by_what_it_shows(
    library: Library, session: Session, target: str
) -> None:
    picture = library.pictures.get(1)
    library.pictures.set_tags(1, ["kept"])
    decoy = png(session.folder / "decoy.png", key="decoy")
    (session.folder / ".." / "other-place").mkdir()
    place = picture.path.rename((session.folder / target).resolve())
    name = place.relative_to(library.folder.resolve()).as_posix()
    there = files(library.folder)
    first, second = library.health.check()
    assert first.message.endswith(f"was renamed or moved to {name}: --repair notes its new place.")
    assert second.path.endswith("decoy.png")
    assert files(library.folder) == there
    first, second = library.health.check(repair=True)
    assert (first.repaired, second.repaired) == (True, True)
    assert library.pictures.get(1).path.resolve() == place
    assert library.pictures.get(1).tags == ("kept",)
    assert decoy in {each.path for each in library.pictures.of_session(session.id)}
    assert list(library.health.check(deep=True)) == []
    library.close()
    assert rebuild(library.folder).problems == []
    again = Library.open(library.folder)
    assert again.pictures.get(1).path.resolve() == place
    again.close()


def test_a_rebuild_finds_renamed_pictures(library: Library, session: Session) -> None:
    before = library.pictures.of_session(session.id)
    library.pictures.set_note(1, "kept")
    library.close()
    for number, picture in enumerate(before):
        renamed(picture.path, f"{number}.png")
    assert rebuild(library.folder).problems == []
    again = Library.open(library.folder)
    after = again.pictures.of_session(session.id)
    assert [each.id for each in after] == [each.id for each in before]
    assert [each.path.name for each in after] == ["0.png", "1.png"]
    assert after[0].note == "kept"
    assert [each.id for each in again.entries.of_session(session.id)] == [1, 2, 3]
    assert list(again.health.check(deep=True)) == []
    again.close()


def test_a_rebuild_says_what_is_missing(library: Library, session: Session) -> None:
    path = library.pictures.get(1).path
    library.close()
    path.unlink()
    (problem,) = rebuild(library.folder).problems
    assert problem.startswith(f"The picture {path.relative_to(library.folder).as_posix()} that ")
    assert problem.endswith("names is missing.")


def test_moving_everything_into_one_folder_keeps_the_sessions(
    library: Library, session: Session, folder: Path
) -> None:
    shown = everything(library)
    other = library.sessions.find("other")
    assert other is not None
    library.close()
    for path in session.folder.glob("*.png"):
        shutil.move(path, other.folder / path.name)
    found = Library.open(folder)
    assert {each.repaired for each in found.health.check(repair=True)} == {True}
    same = str(session.folder), str(other.folder)
    assert repr(everything(found)).replace(*same) == repr(shown).replace(*same)
    found.close()


def test_a_renamed_folder_whose_session_is_deleted_is_found_by_what_it_still_holds(
    tmp_path: Path,
) -> None:
    library = Library.open(tmp_path)
    first, other = library.sessions.create("First"), library.sessions.create("Other")
    entry, (picture,) = draw(library, first.id)
    library.pictures.move(picture.id, other.id)
    library.trash.put_session(first.id)
    library.trash.empty()
    library.close()
    assert not (first.folder / "session.json").exists()
    first.folder.rename(first.folder.with_name("by-hand"))
    library = Library.open(tmp_path)
    try:
        found = library.pictures.get(picture.id)
        assert found.path.parent.name == "by-hand"
        assert found.path.is_file()
        assert list(library.health.check(deep=True)) == []
    finally:
        library.close()
    assert entry.id
