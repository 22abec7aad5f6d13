"""A library that cannot be written to: it can be looked at, searched and exported from."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.library.samples import draw, edit, everything, files, png
from unipic_tui.errors import StorageError
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.export import export_session


@pytest.fixture
def filled(folder: Path) -> Path:
    library = Library.open(folder)
    session = library.sessions.create("Trip")
    _, pictures = draw(library, session.id, "a red fox", seed=42, count=2)
    edit(library, pictures[0])
    library.trash.put_picture(pictures[1].id)
    library.close()
    return folder


@pytest.fixture(params=["refused", "mounted"])
def read_only(
    filled: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder, where the system says that nothing may be written, or where nothing can be."""
    if request.param == "mounted":
        mount = ["mount", "--bind", "-o", "ro", str(filled), str(filled)]
        done = (
            subprocess.run(mount, capture_output=True, check=False) if os.geteuid() == 0 else None
        )
        if done is None or done.returncode != 0:
            pytest.skip("needs the right to mount")
        yield filled
        subprocess.run(["umount", str(filled)], check=True)
        return
    access = os.access

    def refuse(path: str | Path, mode: int) -> bool:
        return access(path, mode) and not (mode & os.W_OK and Path(path).is_relative_to(filled))

    monkeypatch.setattr(os, "access", refuse)
    yield filled


def test_it_can_be_looked_at_searched_and_exported_from(read_only: Path, tmp_path: Path) -> None:
    before = files(read_only)
    library = Library.open(read_only)
    assert library.read_only
    (session,) = library.sessions.all()
    assert (session.name, session.pictures) == ("Trip", 2)
    assert [entry.id for entry in library.search.find("fox seed:42")] == [1]
    (first, _) = library.pictures.of_session(session.id)
    assert library.thumbnails.get(first.id, 32).size == (32, 32)
    assert [each.pictures for each in library.trash.deletions()] == [1]
    assert library.snapshots.load(1) is None
    assert library.queue.entries() == []
    assert library.queue.owner() is None
    assert not library.queue.claim()
    assert library.changes() == library.changes()
    assert export_session(library, session.id, tmp_path / "out.zip") == 2
    assert list(library.health.check(deep=True)) == []
    library.close()
    assert files(read_only) == before


def test_every_change_is_refused_with_one_sentence(read_only: Path, tmp_path: Path) -> None:
    library = Library.open(read_only)
    (session,) = library.sessions.all()
    shown, before = everything(library), files(read_only)
    picture = library.pictures.of_session(session.id)[0]
    source = png(tmp_path / "in.png")
    changes: list[Callable[[], object]] = [
        lambda: library.sessions.create("x"),
        lambda: library.sessions.rename(session.id, "x"),
        lambda: library.entries.add(session.id, GenerateJob(prompt="a fox")),
        lambda: library.entries.set_state(1, "running"),
        lambda: library.entries.set_state(1, "failed"),
        lambda: library.pictures.set_favourite(picture.id, True),
        lambda: library.pictures.move(picture.id, session.id),
        lambda: library.importing.file(session.id, source),
        lambda: library.snapshots.save(1, b"x"),
        lambda: library.trash.put_session(session.id),
        library.trash.undo,
        library.trash.empty,
        lambda: library.queue.move(1, 1),
    ]
    for change in changes:
        with pytest.raises(StorageError, match=r"is read-only: it can be looked at, searched and"):
            change()
    assert everything(library) == shown
    library.close()
    assert files(read_only) == before


def test_what_was_not_yet_written_back_to_the_database_is_shown(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(filled)
    library.sessions.rename(1, "Only in the log")
    # As after a kill: the write-ahead log is there, and the file that belongs to it is not.
    copy = tmp_path / "copy"
    shutil.copytree(filled, copy, ignore=shutil.ignore_patterns("*-shm"))
    library.close()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not mode & os.W_OK)
    library = Library.open(copy)
    assert [each.name for each in library.sessions.all()] == ["Only in the log"]
    library.close()
