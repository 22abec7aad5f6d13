"""unipic-tui edit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli, pixels
from tests.fakes import FakeBackend, gradient
from unipic_tui.events import Backend
from unipic_tui.jobs import EditJob
from unipic_tui.library.provenance import read_metadata


def test_the_picture_and_what_to_change(cli: Cli, photo: Path) -> None:
    result = cli("edit", str(photo), "make", "it", "blue", "-s", "2")
    assert result.code == 0
    assert result.lines == ["make-it-blue-s2.png"]
    assert cli.job == EditJob(
        prompt="make it blue", source=str(photo.absolute()), seed=2, quality="balanced"
    )
    assert pixels("make-it-blue-s2.png") == gradient(48, 32, "make it blue 2").tobytes()
    found = read_metadata("make-it-blue-s2.png")
    assert found is not None
    assert isinstance(found.job, EditJob)
    assert found.job.source == str(photo.absolute())


@pytest.mark.parametrize(
    "argv",
    [
        ["--image", "photo.png", "--prompt", "bluer"],
        ["--image", "photo.png", "bluer"],
        ["photo.png", "--prompt", "bluer"],
        ["--source", "photo.png", "-p", "bluer"],
    ],
)
def test_the_published_flags(cli: Cli, photo: Path, argv: list[str]) -> None:
    result = cli("e", *argv, "--cfg_prompt", "Repeat this image.", "--image_size", "512")
    assert result.code == 0
    job = cli.job
    assert (job.prompt, job.source) == ("bluer", str(photo.absolute()))
    assert (job.unconditional, job.size) == (None, 512)


@pytest.mark.parametrize(
    "argv",
    [
        ["-s", "2", "photo.png", "make it blue"],
        ["photo.png", "-s", "2", "make", "it", "blue"],
        ["photo.png", "make", "-s", "2", "it", "blue"],
        ["photo.png", "make it blue", "-s", "2"],
        ["--image", "photo.png", "-s", "2", "--", "make it blue"],
    ],
)
def test_words_and_options_in_any_order(cli: Cli, photo: Path, argv: list[str]) -> None:
    assert cli("edit", *argv).code == 0
    assert (cli.job.prompt, cli.job.seed) == ("make it blue", 2)


def test_the_size_is_rounded(cli: Cli, photo: Path) -> None:
    result = cli("e", str(photo), "x", "--size", "500")
    assert cli.job.size == 496
    assert "496 is used instead" in result.err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "No picture is named"),
        (["photo.png"], "There is no prompt"),
        (["photo.png", " "], "The prompt is empty"),
        (["missing.png", "x"], "missing.png: there is no such file"),
        ([".", "x"], "it is a folder"),
        (["text.png", "x"], "text.png is not a picture"),
        (["cut.png", "x"], "cut.png is damaged or cut short"),
        (["photo.png", "x", "--size", "0"], "The size 0 is not positive"),
        (["photo.png", "x", "--size", "3:2"], "The size '3:2' is not a whole number"),
    ],
)
def test_bad_input(cli: Cli, photo: Path, argv: list[str], sentence: str) -> None:
    Path("text.png").write_text("not a picture")
    Image.effect_noise((99, 99), 50).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:2000])
    assert re.search(sentence, cli.refuses("edit", *argv))


def test_a_source_that_vanishes_while_loading(cli: Cli, photo: Path) -> None:
    def wrap(backend: FakeBackend) -> Backend:
        photo.unlink()
        return backend

    cli.wrap = wrap
    result = cli("e", str(photo), "x")
    assert result.code == 2
    assert "Cannot read the image photo.png" in result.err
