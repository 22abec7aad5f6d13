"""Where things lie, and that asking makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from unipic_tui import paths
from unipic_tui.errors import StorageError


@pytest.fixture
def deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder was deleted."""
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()


def test_only_relative_paths_need_the_current_folder(deleted: None) -> None:
    assert paths.absolute("/a/../b") == Path("/b")
    assert paths.absolute("~/x").is_absolute()
    assert paths.absolute("x", Path("/base")) == Path("/base/x")
    with pytest.raises(StorageError, match="current folder was deleted"):
        paths.absolute("x")
    assert paths.beginning() == Path.cwd() == Path("/")


def test_a_folder_that_is_there_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths.beginning() == Path.cwd() == tmp_path


def test_variables_name_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(paths.CONFIG_VARIABLE, str(tmp_path / "s.toml"))
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path / "data"))
    assert paths.config_file() == tmp_path / "s.toml"
    assert paths.data_dir() == tmp_path / "data"
    assert paths.log_dir().parent == tmp_path / "data"
    assert list(tmp_path.iterdir()) == []


def test_the_system_names_them_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (paths.CONFIG_VARIABLE, paths.DATA_VARIABLE):
        monkeypatch.setenv(variable, " ")
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    places = [paths.config_file(), paths.data_dir(), paths.log_dir()]
    assert all("unipic-tui" in str(place) for place in places)
    assert len(set(places)) == 3
    assert list(tmp_path.iterdir()) == []


def test_paths_as_people_write_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert paths.absolute("~/x") == tmp_path / "x"
    assert paths.absolute("a/../b") == tmp_path / "b"
    assert paths.absolute("x", Path("/base")) == Path("/base/x")
    monkeypatch.setenv(paths.CHECKPOINT_VARIABLE, "here")
    assert paths.from_environment(paths.CHECKPOINT_VARIABLE) == tmp_path / "here"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:///a/b%20c.png", "/a/b c.png"),
        ("FILE://localhost/a/../b", "/b"),
        ("file:/a", "/a"),
        ("file:///a?b#c%25", "/a?b#c%"),
        ("file:///gr%C3%BCn%ff", "/grün\udcff"),
        ("file:///", "/"),
    ],
)
def test_file_addresses(address: str, path: str) -> None:
    assert paths.absolute(address) == Path(path)
    assert paths.absolute(address, Path("/base")) == Path(path)


def test_an_address_on_another_computer_is_no_path_here() -> None:
    assert paths.absolute("file://elsewhere/a", Path("/base")) == Path("/base/file:/elsewhere/a")
