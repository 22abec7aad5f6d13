"""`unipic-tui library` and `unipic-tui bench library`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.library.samples import HOSTILE, ask, draw, edit, png
from unipic_tui import paths
from unipic_tui.cli import main
from unipic_tui.library import Library


class Command:
    """Runs `unipic-tui library … --library FOLDER`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        code = main(["library", *argv, "--library", str(self.folder)])
        return (code, *self.capsys.readouterr())

    def records(self, *argv: str) -> list[dict[str, Any]]:
        code, out, _ = self(*argv, "--json")
        assert code == 0
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def command(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Command]:
    monkeypatch.setenv(paths.CONFIG_VARIABLE, str(tmp_path / "settings.toml"))
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path / "data"))
    (tmp_path / "settings.toml").write_text("")
    yield Command(folder, capsys)
    assert not (tmp_path / "data").exists()


@pytest.fixture
def filled(folder: Path, command: Command) -> Command:
    library = Library.open(folder)
    session = library.sessions.create(f"Trip {HOSTILE}")
    _, (picture,) = draw(library, session.id, f"a red fox {HOSTILE}", seed=42)
    _, edited = edit(library, picture)
    ask(library, edited, "What?", f"A dog {HOSTILE}")
    library.close()
    return command


def test_looking_makes_no_library(command: Command, folder: Path) -> None:
    for argv in (("list",), ("search", "x"), ("check",), ("trash",), ("export", "x", "y")):
        code, out, err = command(*argv)
        assert (code, out) == (2, "")
        assert "There is no library in" in err
    assert "There are no sessions in" in command("rebuild")[2]
    assert not folder.exists()


def test_sessions_are_listed(filled: Command) -> None:
    code, out, _ = filled("list")
    assert code == 0
    assert "Trip" in out
    assert "\x1b" not in out
    (record,) = filled.records("list")
    assert (record["id"], record["pictures"]) == (1, 2)


def test_jobs_are_found(filled: Command) -> None:
    code, out, _ = filled("search", "fox", "seed:42")
    assert code == 0
    assert "a red fox" in out
    assert "-s42.png" in out
    assert "\x1b" not in out + filled("search", "dog")[1]
    assert [record["id"] for record in filled.records("search", "mode:edit")] == [2]
    assert filled.records("search", "nothing") == []
    assert filled("search", "seed:x")[0] == 2
    assert filled("search", "x", "--limit", "0")[0] == 2


def test_checking_and_repairing(filled: Command, folder: Path) -> None:
    assert filled("check")[0] == 0
    png(next((folder / "sessions").iterdir()) / "found.png")
    code, out, err = filled("check", "--deep")
    assert (code, "1 problem found." in err) == (1, True)
    assert "found.png is not in the database" in out
    code, out, err = filled("check", "--repair")
    assert (code, "1 problem found, 1 repaired." in err) == (0, True)
    assert filled.records("check") == []


def test_rebuilding(filled: Command, folder: Path) -> None:
    (folder / "library.db").write_bytes(b"rubbish" * 1000)
    code, _, err = filled("list")
    assert code == 2
    assert "is damaged: `unipic-tui library rebuild`" in err
    code, _, err = filled("rebuild")
    assert (code, "jobs: 3, pictures: 2" in err) == (0, True)
    assert len(filled.records("search", "fox")) == 1
    assert filled.records("rebuild")[0]["pictures"] == 2


def test_importing(command: Command, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "Holiday"
    png(source / "a.png", {"parameters": "a beach\nSteps: 5, Seed: 3, Size: 64x64"}, key="a")
    png(source / "b.png", key="b")
    (source / "c.png").write_text("no")
    code, out, err = command("import", str(source))
    assert code == 2
    assert "c.png is not a picture" in out
    assert "2 pictures imported into 'Holiday', 1 could not be read." in err
    code, _, err = command("import", str(source / "a.png"), "--session", "New")
    assert (code, "0 pictures imported into 'New', 1 was there already" in err) == (0, True)
    assert [record["name"] for record in command.records("list")] == ["Holiday"]
    (record,) = command.records("import", str(png(tmp_path / "d.png", key="d")), "--session", "Two")
    assert (record["origin"], record["duplicate"], record["problem"]) == ("file", False, "")
    code, _, err = command("import", str(tmp_path / "missing.png"))
    assert code == 2


def test_importing_nothing_leaves_the_trash_alone(
    filled: Command, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_text("no")
    (tmp_path / "empty").mkdir()
    with closing(Library.open(folder)) as library:
        (kept,) = library.sessions.all()
        library.trash.put_session(kept.id)
    deletions = filled.records("trash")
    for name in ("missing.png", "empty", "bad.png"):
        filled("import", str(tmp_path / name))
    assert filled.records("trash") == deletions
    assert filled.records("list") == []
    assert filled("trash", "--undo")[0] == 0
    assert len(filled.records("list")) == 1


def test_exporting(filled: Command, tmp_path: Path) -> None:
    for name, argv in (("o.zip", ()), ("o.html", ()), ("o.png", ()), ("o", ("--as", "folder"))):
        code, _, err = filled("export", "1", str(tmp_path / name), *argv)
        assert (code, "2 pictures written to" in err) == (0, True)
        assert (tmp_path / name).exists()
    code, _, err = filled("export", "1", str(tmp_path / "o.zip"))
    assert (code, "use --force" in err) == (2, True)
    assert filled("export", "1", str(tmp_path / "o.zip"), "--force")[0] == 0
    for name in ("o.tar.gz", "o.JPG", "o.7z"):
        code, _, err = filled("export", "1", str(tmp_path / name))
        assert (code, "end the name in .zip, .html, or .png" in " ".join(err.split())) == (2, True)
        assert not (tmp_path / name).exists()
    assert filled("export", "1", str(tmp_path / "o.tar.gz"), "--as", "folder")[0] == 0
    assert filled("export", "1", str(tmp_path / "v1.2"))[0] == 0
    code, _, err = filled("export", "Tripp", str(tmp_path / "p"))
    assert (code, "There is no session 'Tripp'" in err) == (2, True)


def test_the_trash(filled: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library.open(folder)
    library.trash.put_picture(1)
    library.close()
    code, out, _ = filled("trash")
    assert code == 0
    assert "a red fox" in out
    assert "\x1b" not in out
    assert filled.records("trash")[0]["pictures"] == 2
    code, _, err = filled("trash", "--undo")
    assert (code, "is back" in err) == (0, True)
    assert filled("trash", "--undo")[0] == 1
    library = Library.open(folder)
    library.trash.put_picture(1)
    number = library.trash.deletions()[0].id
    library.close()
    assert filled("trash", "--restore", str(number))[0] == 0
    assert filled("trash", "--restore", "99")[0] == 2
    library = Library.open(folder)
    library.trash.put_picture(1)
    library.close()

    code, _, err = filled("trash", "--older-than", "3")
    assert code == 2
    code, _, err = filled("trash", "--empty", "--older-than", "-3")
    assert code == 2
    code, _, err = filled("trash", "--empty", "--older-than", "3")
    assert (code, "nothing to delete" in err) == (0, True)
    code, _, err = filled("trash", "--empty")
    assert (code, "add --yes where there is no terminal" in err) == (2, True)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    code, _, err = filled("trash", "--empty")
    assert (code, "Delete 2 pictures of 1 deletions for good? [y/N]" in err) == (1, True)
    assert len(filled.records("trash")) == 1
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, err = filled("trash", "--empty")
    assert (code, "2 pictures deleted for good." in err) == (0, True)
    assert filled.records("trash") == []


def test_the_settings_choose_the_place(
    filled: Command, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.toml").write_text(f'library = "{folder}"\n')
    assert main(["library", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2
    assert main(["library", "--library", str(tmp_path / "other"), "list"]) == 2


def test_saying_nothing_is_a_sentence(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["library"], ["bench"]):
        assert main(argv) == 2
        assert "Say what to do" in capsys.readouterr().err
    assert main(["library", "tidy"]) == 2
    assert "there is no command 'tidy'" in capsys.readouterr().err


def test_the_benchmark_prints_times(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "bench"
    assert main(["bench", "library", "--pictures", "120", "--folder", str(place)]) == 0
    out = capsys.readouterr().out
    for word in ("open and close", "search lighthouse", "scroll: a page", "insert: a job"):
        assert word in out
    library = Library.open(place)
    assert sum(session.pictures for session in library.sessions.all()) == 140
    library.close()
    assert main(["bench", "library", "--folder", str(place)]) == 2
    assert main(["bench", "library", "--pictures", "0"]) == 2


def test_finding_nothing_is_said(filled: Command, folder: Path) -> None:
    assert filled("search", "nothing") == (0, "", "unipic-tui: Nothing matches.\n")
    code, out, err = filled("search", "foo:fox seed:42 -bar:x")
    assert (code, out) == (0, "")
    assert err.count("\n") == 3
    assert "There is no filter foo: (it was searched for as a word); the filters are mode:" in err
    assert "There is no filter bar:" in err
    assert filled("search", "http")[2].count("filter") == 0
    assert filled("trash") == (0, "", "unipic-tui: The trash is empty.\n")
    assert filled.records("trash") == []
