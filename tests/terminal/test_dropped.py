"""Which files a pasted or dropped text names."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from PIL import Image

from unipic_tui.pictures import is_picture_file
from unipic_tui.terminal.dropped import may_name_files, named_files

NAMES = ("A (1) it's.png", "b c.png", "no ending", "100% grün.jfif", "d;e&f.png", "g\u202fh.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for name in NAMES:
        Image.new("RGB", (8, 8)).save(folder / name, "PNG")
    return folder


def escaped(path: Path) -> str:
    return "".join(f"\\{char}" if char in " ()'&;%" else char for char in str(path))


@pytest.mark.parametrize("name", NAMES)
def test_one_path_as_terminals_write_it(folder: Path, name: str) -> None:
    path = folder / name
    for text in (str(path), shlex.quote(str(path)), escaped(path), path.as_uri(), f'"{path}"'):
        for pasted in (text, f"{text} ", f"\n{text}\r\n"):
            assert may_name_files(pasted)
            assert named_files(pasted) == [path], pasted


def test_several_paths_on_one_line_or_many(folder: Path) -> None:
    paths = [folder / name for name in NAMES]
    for write in (escaped, lambda path: shlex.quote(str(path)), Path.as_uri):
        texts = [write(path) for path in paths]
        assert named_files(" ".join(texts)) == paths
        assert named_files("\r\n".join(texts)) == paths
    assert named_files("\n".join(map(str, paths))) == paths
    assert named_files(" ".join(map(str, paths[:2]))) == paths[:2]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/a/b.png", ["/a/b.png"]),
        ("'/a/b c.png'", ["/a/b c.png"]),
        ("/a/b c.png", ["/a/b c.png"]),
        (r"/a/b\ c.JPG", ["/a/b c.JPG"]),
        ("file:///a/b%20c.webp\n", ["/a/b c.webp"]),
        ("file://localhost/a/b%23c", ["/a/b#c"]),
        ("/a.png\n/b.png", ["/a.png", "/b.png"]),
        ("/a.png file:///b.png", ["/a.png", "/b.png"]),
        ("/a/b.txt", ["/a/b.txt"]),
        ("/mnt/stick/picture", ["/mnt/stick/picture"]),
    ],
)
def test_files_that_are_not_there_are_named_as_well(text: str, named: list[str]) -> None:
    assert may_name_files(text)
    assert named_files(text) == [Path(name) for name in named]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a picture of x.png",
        "a picture like /tmp/x.png",
        "/tmp/x.png in blue",
        "/imagine a red circle",
        "/imagine",
        "// a comment",
        "x.png",
        "a red circle\n/a/b.png",
        "/a/b.png\na red circle",
        "file:",
        "'",
        "version 1.5",
        "\0.png",
        "/" + "x" * 300_000,
    ],
)
def test_a_text_stays_a_text(text: str) -> None:
    assert not may_name_files(text) or named_files(text) is None


def test_names_from_here_and_from_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    (folder / "text.txt").write_text("no picture")
    (folder / "false.png").write_text("no picture")
    path = folder / "b c.png"
    for text in ("b c.png", "'b c.png'", r"b\ c.png", "./b c.png", r"~/b\ c.png", "~/b c.png"):
        assert may_name_files(text)
        assert named_files(text) == [path], text
    for text in ("text.txt", "false.png", "no ending"):
        assert not may_name_files(text) or named_files(text) is None


def test_pictures_are_known_by_their_content(folder: Path) -> None:
    (folder / "false.png").write_text("no picture")
    assert is_picture_file(folder / "no ending")
    assert not is_picture_file(folder / "false.png")
    assert not is_picture_file(folder)
    assert not is_picture_file(folder / "missing")
