"""The settings file, and the sentence for each thing that can be wrong with it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from unipic_tui import paths
from unipic_tui.errors import InputError, StorageError
from unipic_tui.settings import EXAMPLE, Settings, device_name, load_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(paths.CONFIG_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_none_are_needed() -> None:
    assert load_settings() == Settings()


def test_the_usual_file_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "unipic-tui"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('theme = "nord"')
    assert load_settings().theme == "nord"
    assert load_settings().path == folder / "settings.toml"


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.CONFIG_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(StorageError, match="there is no such file"):
        load_settings()


def test_everything_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings = load(
        tmp_path,
        """
        checkpoint = "~/model"
        device = "CUDA:1"
        dtype = "bfloat16"
        images = "sixel"
        text_first = true
        theme = "nord"
        library = "pictures"
        preview_seconds = 2
        metadata = false
        seed = "locked"
        quality = "fast"
        [keys]
        run = "ctrl+r"
        list.next = "j"
        "list.previous" = "k,up"
        """,
    )
    assert settings == Settings(
        checkpoint=Path("/home/me/model"),
        device="cuda:1",
        dtype="bfloat16",
        images="sixel",
        text_first=True,
        theme="nord",
        library=tmp_path / "pictures",
        preview_seconds=2.0,
        metadata=False,
        seed="locked",
        quality="fast",
        keys={"run": "ctrl+r", "list.next": "j", "list.previous": "k,up"},
        path=tmp_path / "settings.toml",
    )


@pytest.mark.parametrize("off", ['"off"', "false"])
def test_previews_can_be_off(tmp_path: Path, off: str) -> None:
    assert load(tmp_path, f"preview_seconds = {off}").preview_seconds is None


def test_the_example_says_what_is_so_anyway(tmp_path: Path) -> None:
    settings = load(tmp_path, EXAMPLE)
    assert dataclasses.replace(settings, path=None) == Settings()


def test_the_example_names_every_setting_and_each_line_works(tmp_path: Path) -> None:
    lines = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE, flags=re.MULTILINE)
    settings = load(tmp_path, lines)
    for field in dataclasses.fields(Settings):
        assert field.name == "path" or re.search(rf"^\[?{field.name}\b", lines, re.MULTILINE)
        assert getattr(settings, field.name) is not None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('thme = "x"', "There is no setting 'thme' .*: did you mean 'theme'?"),
        ("zzz = 1", "There is no setting 'zzz' .*: use one of checkpoint, device"),
        ('images = "gif"', "'images' in .* is 'gif': use one of auto, kitty"),
        ("images = [1]", r"'images' in .* is \[1\]"),
        ('dtype = "int8"', "'dtype' .* use one of auto, float32"),
        ("device = 3", "'device' .* is 3"),
        ('device = "my gpu"', "'device' .* is 'my gpu': use auto, cpu"),
        ("text_first = 1", "'text_first' .* use true or false"),
        ("preview_seconds = -1", "'preview_seconds' .* is -1: use seconds"),
        ("preview_seconds = nan", "'preview_seconds' .* is nan"),
        ("preview_seconds = true", "'preview_seconds' .* is True"),
        ('theme = ""', "'theme' .* some text"),
        ("library = 1", "'library' .* some text"),
        ('library = "a\\u0000b"', "'library' .* give it a path"),
        ('keys = "x"', "'keys' .* make it a table"),
        ("[keys]\nrun = 1", "'keys' .* gives 'run' the key 1"),
        ("theme = ", "is not valid TOML: .*line 1|at end"),
        ("a = " + "[" * 100_000, "nested too deeply|not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        load(tmp_path, text)
    assert "settings.toml" in caught.value.message
    assert "\n" not in caught.value.message


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, '"\\u001b[31mx" = 1')
    assert "\x1b" not in caught.value.message


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes('theme = "ü"'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        load_settings(file)


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:1", "mps", " CPU "])
def test_devices(name: str) -> None:
    assert device_name(name) == name.strip().lower()


@pytest.mark.parametrize("name", ["", "cuda:", "cuda:x", "gpu 1", "../x"])
def test_no_devices(name: str) -> None:
    with pytest.raises(InputError, match=r"device .* is unknown"):
        device_name(name)
