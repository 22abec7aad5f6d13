"""The documents keep their word: commands run as they stand, and links lead somewhere."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from unipic_tui.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = {"network", "gpu", "terminal", "time", "checkout"}
"""What a block may say after ``needs=`` that it takes, so that it is not run here."""
_LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([\w-]+))?\)")
_PLAIN = re.compile(r"[|<>&;$*`]")


def _blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language, which need nothing special."""
    found = []
    for name, more, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if more:
            assert more.startswith(" needs="), f"{page.name}: {more}"
            assert more.removeprefix(" needs=") in _NEEDS, f"{page.name}: {more}"
        elif name == language:
            found.append(text)
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "sh")], ids=str)
def test_commands_run_when_pasted_in_order_in_an_empty_folder(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("UNIPIC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for variable in ("UNIPIC_CONFIG", "UNIPIC_CHECKPOINT"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for line in "\n".join(_blocks(page, "sh")).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        program, *arguments = shlex.split(line, comments=True)
        if program != "unipic-tui":
            subprocess.run(["sh", "-e", "-c", line], check=True)
            continue
        # In this process, so that torch is loaded once.
        assert not _PLAIN.search(line.split(" #")[0]), f"a shell would read this line: {line}"
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"


def test_the_python_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (block,) = _blocks(ROOT / "README.md", "python")
    result = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "blue circle" in result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for place, heading in _LINK.findall(page.read_text(encoding="utf-8")):
        if place.startswith("http"):
            continue
        target = page.parent / place if place else page
        assert target.exists(), f"{page.name}: {place}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [_anchor(title) for title in titles], f"{page.name}: #{heading}"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_page_of_keys_lists_every_command() -> None:
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "docs" / "make_keys.py"))["page"]()
    assert page == made, "run python docs/make_keys.py"


def test_the_example_of_other_keys_is_sound() -> None:
    from unipic_tui.ui.app import ALL_COMMANDS
    from unipic_tui.ui.commands import remapping

    (example,) = _blocks(ROOT / "docs" / "keys.md", "toml")
    keys = tomllib.loads(example)["keys"]
    assert remapping(keys, ALL_COMMANDS) == (keys, [])


def test_pictures_need_no_network() -> None:
    for picture in (ROOT / "docs" / "pictures").glob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert "@font-face" not in text
        assert "▀" not in text, "fonts leave gaps between half blocks"


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 125
