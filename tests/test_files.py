"""Whole-file writes: all of it, or nothing and a sentence."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unipic_tui.errors import StorageError
from unipic_tui.files import check_writable, is_temporary, read_bytes, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    write_atomic(file, b"one")
    write_atomic(file, b"two")
    assert file.read_bytes() == b"two"
    assert names(tmp_path) == ["a.bin"]


def test_takes_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_keeps_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    with pytest.raises(StorageError, match="is there already and was not overwritten"):
        write_atomic(file, b"new", overwrite=False)
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_keeps_what_is_there_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    write_atomic(tmp_path / "new", b"1", overwrite=False)
    assert (tmp_path / "new").read_bytes() == b"1"
    with pytest.raises(StorageError, match="is there already"):
        write_atomic(tmp_path / "new", b"2", overwrite=False)
    assert (tmp_path / "new").read_bytes() == b"1"
    assert names(tmp_path) == ["new"]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("missing/a", "the folder does not exist"),
        ("file/a", "part of that path is a file"),
        ("x" * 300, "the name is too long"),
        ("folder", "it is a folder"),
        ("a\0b", "not a name this system can use"),
        ("pipe", "is not an ordinary file"),
    ],
)
def test_impossible_places(tmp_path: Path, place: str, sentence: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    with pytest.raises(StorageError, match=sentence):
        write_atomic(tmp_path / place, b"x")
    assert names(tmp_path) == before


def test_never_replaces_a_device() -> None:
    with pytest.raises(StorageError, match="not an ordinary file"):
        write_atomic("/dev/null", b"x")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EIO, "the disk reports an error"),
        (errno.EXDEV, "the system says"),
    ],
)
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_failing_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, sentence: str
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(StorageError, match=sentence) as caught:
            write_atomic(file, b"new")
    assert str(file) in caught.value.message
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_real_limit_leaves_nothing(tmp_path: Path) -> None:
    """The kernel itself refuses the write half way."""
    code = (
        "import resource, sys\n"
        "from unipic_tui.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_atomic(sys.argv[1], bytes(5000))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("StorageError Cannot write")
    assert "larger than this disk allows" in done.stdout
    assert names(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"x")
    assert names(tmp_path) == []


def test_leftovers_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def look(_: int) -> None:
        seen.extend(names(tmp_path))

    monkeypatch.setattr(os, "fsync", look)
    write_atomic(tmp_path / "a", b"x")
    assert is_temporary(seen[0])
    assert seen[0].startswith(".")
    assert not is_temporary("a")
    assert not is_temporary(".hidden.part")


def test_reads_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"12345")
    assert read_bytes(file, 5) == b"12345"
    with pytest.raises(StorageError, match="larger than the 4 bytes"):
        read_bytes(file, 4)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("missing", "there is no such file"),
        (".", "it is a folder"),
        ("pipe", "not an ordinary file"),
        ("a\0b", "not a name"),
    ],
)
def test_refuses_to_read(tmp_path: Path, place: str, sentence: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    with pytest.raises(StorageError, match=sentence):
        read_bytes(tmp_path / place, 10)


def test_a_name_is_shown_harmless(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        read_bytes(tmp_path / "a\x1b[31m", 10)
    assert "\x1b" not in caught.value.message
    assert "␛[31m" in caught.value.message


def test_looks_whether_a_folder_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path)
    assert names(tmp_path) == []
    with pytest.raises(StorageError, match="the folder does not exist"):
        check_writable(tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        check_writable(tmp_path / "file")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match="permission is denied"):
        check_writable(tmp_path)
