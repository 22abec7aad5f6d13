"""unipic-tui inspect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.cli.conftest import Cli, save_of_size

KEYS = {
    "file",
    "origin",
    "prompt",
    "negative",
    "seed",
    "steps",
    "guidance",
    "width",
    "height",
    "model",
}


def saved(name: str, text: str = "") -> str:
    chunks = PngInfo()
    if text:
        chunks.add_itxt("parameters", text)
    Image.new("RGB", (8, 8)).save(name, "PNG", pnginfo=chunks)
    return name


def test_for_a_person(cli: Cli) -> None:
    text = "a fox\nin snow\nNegative prompt: blur\nSteps: 20, CFG scale: 7, Seed: 3, Size: 64x32"
    result = cli("inspect", saved("a.png", text), saved("b.png"))
    assert (result.code, result.err) == (0, "")
    first, second = result.out.split("\n\n")
    assert first.splitlines() == [
        "a.png", "  origin    A1111", "  prompt    a fox", "            in snow",
        "  negative  blur", "  seed      3", "  steps     20", "  guidance  7",
        "  size      64x32", "  model     not told",
    ]  # fmt: skip
    assert second.splitlines()[0] == "b.png"
    assert {line.split(None, 1)[1] for line in second.splitlines()[1:]} == {"not told"}


def test_for_a_program(cli: Cli) -> None:
    Path("notes.txt").write_text("no picture")
    text = f"a fox\nSteps: 20, Seed: {2**64 - 1}, Size: 64x32"
    result = cli("inspect", saved("a.png", text), "--json", "notes.txt", saved("b.png"))
    assert result.code == 2
    told, bad, nothing = (json.loads(line) for line in result.lines)
    assert told == {
        "file": "a.png", "origin": "A1111", "prompt": "a fox", "negative": None,
        "seed": 2**64 - 1, "steps": 20, "guidance": None, "width": 64, "height": 32, "model": None,
    }  # fmt: skip
    assert set(nothing) == KEYS
    assert {key: nothing[key] for key in nothing if nothing[key] is not None} == {"file": "b.png"}
    assert set(bad) == KEYS | {"problem"}
    assert "notes.txt is not a picture" in bad["problem"]


def test_what_cannot_be_read_is_told_and_the_rest_is_read(cli: Cli) -> None:
    result = cli("inspect", "missing.png", saved("a.png"))
    assert result.code == 2
    assert result.err.startswith("unipic-tui: Cannot read ")
    assert "a.png" in result.lines


def test_hostile_text_is_harmless(cli: Cli) -> None:
    text = "\x1b[31mred\x07\n  seed      9\u202e\nSteps: 2, Seed: 3, Model: \x1b]0;x\x07"
    out = cli("inspect", saved("a.png", text)).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert [line for line in out.splitlines() if line.startswith("  seed")] == ["  seed      3"]


@pytest.mark.parametrize("size", [(10_240, 8_192), (30_000, 20_000)])
def test_pictures_too_large_to_decode_tell_their_text(cli: Cli, size: tuple[int, int]) -> None:
    save_of_size(Path("large.png"), size, {"parameters": "a fox\nSteps: 20, Seed: 5, Size: 64x64"})
    run = cli("inspect", "large.png", "--json")
    assert run.code == 0
    assert json.loads(run.out)["prompt"] == "a fox"


def test_torch_is_not_loaded(cli: Cli) -> None:
    path = saved("a.png", "a fox\nSteps: 2")
    code = (
        "import sys\nfrom unipic_tui.cli import main\n"
        f"assert main(['inspect', {path!r}]) == 0\n"
        "assert not {'torch', 'transformers', 'textual'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(root)})
