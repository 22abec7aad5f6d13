"""Sessions: names, folders, order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library.samples import HOSTILE, draw, edit, files
from unipic_tui.errors import StorageError
from unipic_tui.library import Library
from unipic_tui.library.sidecars import read_session


def test_a_session_has_a_folder_that_a_person_can_read(library: Library) -> None:
    session = library.sessions.create("A Lighthouse, at night")
    day = f"{session.created.astimezone():%Y-%m-%d}"
    assert session.folder == library.folder / "sessions" / f"{day}-a-lighthouse-at-night"
    assert session.folder.is_dir()
    assert (session.name, session.pictures) == ("A Lighthouse, at night", 0)


def test_pictures_lie_there_under_number_prompt_and_seed(library: Library) -> None:
    session = library.sessions.create("x")
    _, (first, second) = draw(library, session.id, "A red lighthouse!", seed=1234, count=2)
    assert first.path == session.folder / "0001-a-red-lighthouse-s1234.png"
    assert second.path == session.folder / "0002-a-red-lighthouse-s1235.png"
    assert first.path.is_file()


def test_names_are_never_used_again(library: Library) -> None:
    session = library.sessions.create("x")
    _, (old,) = draw(library, session.id)
    library.trash.put_picture(old.id)
    library.trash.empty()
    _, (new,) = draw(library, session.id)
    assert (old.path.name, new.path.name) == ("0001-a-red-fox-s1.png", "0002-a-red-fox-s1.png")
    library.trash.put_session(session.id)
    library.trash.empty()
    assert library.sessions.create("x").folder.name == f"{session.folder.name}-2"


def test_a_file_that_lies_in_the_way_is_not_overwritten(library: Library) -> None:
    session = library.sessions.create("x")
    (session.folder / "0001-a-red-fox-s1.png").write_text("mine")
    _, (picture,) = draw(library, session.id)
    assert picture.path.name == "0002-a-red-fox-s1.png"
    assert (session.folder / "0001-a-red-fox-s1.png").read_text() == "mine"


def test_sessions_of_one_name_have_folders_of_their_own(library: Library) -> None:
    first, second, third = (library.sessions.create(name) for name in ("a", "A", "a"))
    assert len({first.folder, second.folder, third.folder}) == 3


def test_renaming_leaves_the_folder_and_the_pictures_where_they_are(library: Library) -> None:
    session = library.sessions.create("old")
    entry, (picture,) = draw(library, session.id)
    below, _ = edit(library, picture)
    before = files(library.folder)
    renamed = library.sessions.rename(session.id, "New one")
    assert (renamed.name, renamed.folder) == ("New one", session.folder)
    assert files(library.folder) == before
    assert library.pictures.get(picture.id) == picture
    assert picture.path.is_file()
    assert library.entries.get(below.id).job.source == str(picture.path)
    assert library.entries.get(entry.id).job.source is None
    assert read_session(session.folder / "session.json").name == "New one"
    assert library.sessions.create("old").folder != session.folder


def test_the_latest_used_session_comes_first(library: Library) -> None:
    first, second = library.sessions.create("1"), library.sessions.create("2")
    assert [each.id for each in library.sessions.all()] == [second.id, first.id]
    draw(library, first.id)
    assert [each.id for each in library.sessions.all()] == [first.id, second.id]


def test_pictures_are_counted_without_the_trash(library: Library) -> None:
    session = library.sessions.create("x")
    _, pictures = draw(library, session.id, count=3)
    library.trash.put_picture(pictures[0].id)
    assert library.sessions.get(session.id).pictures == 2


@pytest.mark.parametrize(
    "name",
    [
        HOSTILE,
        "n" * 300,
        "灯塔" * 150,
        "منارة حمراء",
        "../../etc/passwd",
        "CON",
        ".",
        "   ",
        "",
        "a/b\\c:d",
        "👩‍🚀 rocket",
        "\ud800 lone",
    ],
)
def test_any_name_makes_a_session_inside_the_library(library: Library, name: str) -> None:
    session = library.sessions.create(name)
    assert session.name.strip()
    assert session.folder.parent == library.folder / "sessions"
    assert session.folder.is_dir()
    assert len(session.folder.name.encode()) < 255
    _, (picture,) = draw(library, session.id, "p" * 5000)
    assert picture.path.is_file()
    renamed = library.sessions.rename(session.id, f"{name}?2")
    assert renamed.folder.parent == library.folder / "sessions"
    outside = {path.name for path in library.folder.parent.iterdir()}
    assert outside == {library.folder.name}


def test_a_session_that_is_gone_is_a_sentence(library: Library) -> None:
    with pytest.raises(StorageError, match="has no session 7: it may have been deleted"):
        library.sessions.rename(7, "x")


def test_a_session_is_found_by_name_folder_and_number(library: Library) -> None:
    session = library.sessions.create("Light House")
    for name in ("Light House", "light house", session.folder.name, str(session.id)):
        found = library.sessions.find(name)
        assert found is not None, name
        assert found.id == session.id
    assert library.sessions.find("light") is None


def test_a_deleted_folder_is_made_again(library: Library) -> None:
    session = library.sessions.create("x")
    shutil.rmtree(session.folder)
    _, (picture,) = draw(library, session.id)
    assert picture.path.is_file()


def test_the_library_can_be_moved_to_another_folder(library: Library, tmp_path: Path) -> None:
    _, (picture,) = draw(library, library.sessions.create("x").id)
    library.close()
    elsewhere = tmp_path / "elsewhere"
    library.folder.rename(elsewhere)
    moved = Library.open(elsewhere)
    try:
        assert moved.pictures.get(picture.id).path == elsewhere / picture.path.relative_to(
            library.folder
        )
        assert moved.pictures.get(picture.id).path.is_file()
        assert files(elsewhere)
    finally:
        moved.close()


def test_the_library_needs_neither_torch_nor_textual() -> None:
    code = (
        "import sys; from unipic_tui.library import Library, health, export, rebuild; "
        "assert not {'torch', 'textual', 'transformers'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
