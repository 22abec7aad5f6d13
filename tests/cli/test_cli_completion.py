"""Completion scripts; bash's is tried in bash itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from unipic_tui.jobs import QUALITIES


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_in_it(cli: Cli, shell: str) -> None:
    result = cli("completion", shell)
    assert result.code == 0
    for word in ("generate", "describe", "rebuild", "completion", "guidance", "siglip2"):
        assert word in result.out


def test_another_shell(cli: Cli) -> None:
    assert "bash" in cli.refuses("completion", "cmd")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["lib"], {"library"}),
        (["library", "trash", "--em"], {"--empty"}),
        (["generate", "--quality", ""], set(QUALITIES)),
        (["generate", "--gu"], {"--guidance"}),
        (["--theme", "nord", "edi"], {"edit"}),
    ],
)
def test_bash_completes(cli: Cli, words: list[str], offered: set[str]) -> None:
    script = Path("completion.bash")
    script.write_text(cli("completion", "bash").out)
    line = " ".join(["unipic-tui", *(f"'{word}'" for word in words)])
    asked = (
        f"source {script}; function=$(complete -p unipic-tui | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; $function; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered
