"""A picture on standard input, where ``-`` stands for one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.fakes import gradient
from unipic_tui.cli.inputs import STDIN


def encoded(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    gradient(48, 32, "photo").save(buffer, kind)
    return buffer.getvalue()


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Have standard input hold these bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize(
    "argv",
    [["edit", STDIN, "make", "it", "blue"], ["edit", "--image", STDIN, "-p", "make it blue"]],
)
def test_a_picture_is_edited(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, kind: str, argv: list[str]
) -> None:
    pipe(monkeypatch, encoded(kind))
    result = cli(*argv, "-o", "a.png")
    assert result.code == 0, result.err
    with Image.open("a.png") as image:
        assert image.size == (48, 32)
    assert cli.job.prompt == "make it blue"
    assert not Path(cli.job.source).exists()


def test_a_picture_is_described(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, encoded())
    result = cli("describe", STDIN, "What?")
    assert (result.code, cli.job.prompt) == (0, "What?")
    assert "48 by 32 pixels" in result.out


def test_a_part_is_redrawn(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, encoded())
    result = cli("g", "x", "--source", STDIN, "--region", "0,0,1,1", "--json")
    assert result.code == 0
    assert result.event("picture")["width"] == 48
    assert json.loads(result.lines[-1])["event"] == "finished"


def test_the_prompt_may_be_there_instead(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"make it blue")
    assert cli("edit", str(photo), STDIN).code == 0
    assert cli.job.prompt == "make it blue"


@pytest.mark.parametrize(
    "argv",
    [
        ["edit", STDIN, STDIN],
        ["edit", STDIN, "-p", STDIN],
        ["edit", "--image", STDIN, STDIN],
        ["describe", STDIN, STDIN],
        ["g", STDIN, "--source", STDIN, "--region", "0,0,1,1"],
    ],
)
def test_it_is_not_two_things(cli: Cli, monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    pipe(monkeypatch, encoded())
    assert "cannot be both the picture and the words" in cli.refuses(*argv)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is empty"),
        (b"hello", "What is on standard input is not a picture that can be read"),
        (encoded("BMP")[:-200], "The picture on standard input is damaged or cut short"),
    ],
)
def test_what_is_no_picture(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, data: bytes, sentence: str
) -> None:
    pipe(monkeypatch, data)
    assert sentence in cli.refuses("edit", STDIN, "make it blue")


def test_there_may_be_no_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert "There is no picture on standard input" in cli.refuses("edit", STDIN, "x")


def test_a_batch_wants_a_file(cli: Cli) -> None:
    assert "reads its prompts from a file" in cli.refuses("batch", STDIN, "-o", "out")
