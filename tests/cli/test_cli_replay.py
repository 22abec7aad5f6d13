"""unipic-tui replay."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli, pixels, save_of_size
from tests.fakes import gradient
from unipic_tui.jobs import GenerateJob
from unipic_tui.library.provenance import read_metadata
from unipic_tui.metadata import encode_picture


@pytest.mark.parametrize(
    "flags",
    [
        ["-n", "1"],
        ["--grid-size", "2", "--size", "16"],
        ["--cfg", "2", "--schedule", "linear", "--unconditional", "nothing", "--size", "32x16"],
    ],
)
def test_the_same_picture_again(cli: Cli, flags: list[str]) -> None:
    cli("g", "a circle", "-o", "a.png", *flags)
    result = cli("replay", "a.png", "-o", "b.png")
    assert result.code == 0
    assert pixels("a.png") == pixels("b.png")
    assert "equals the saved one in every pixel" in result.err
    assert "The seed is" not in result.err
    assert read_metadata("a.png") == read_metadata("b.png")


def test_one_of_a_batch_alone(cli: Cli) -> None:
    cli("g", "x", "-n", "3", "-s", "5")
    cli("r", "x-s7.png", "-o", "again.png")
    assert pixels("again.png") == pixels("x-s7.png")


def test_an_edit_again(cli: Cli, photo: Path) -> None:
    cli("e", str(photo), "bluer", "-o", "a.png")
    assert cli("r", "a.png", "-o", "b.png").code == 0
    assert pixels("a.png") == pixels("b.png")
    photo.unlink()
    result = cli("r", "a.png")
    assert result.code == 2
    assert "photo.png: there is no such file" in result.err


def test_a_difference_is_told(cli: Cli) -> None:
    other = gradient(64, 64, "something else")
    Path("a.png").write_bytes(
        encode_picture(other, GenerateJob(prompt="x", seed=1), "another model")
    )
    result = cli("r", "a.png", "-o", "b.png")
    assert result.code == 0
    assert "differs from the saved one: it was drawn by another model, now by fake." in result.err
    compared = cli("r", "a.png", "-o", "c.png", "--json").event("compared")
    assert compared["identical"] is False
    assert (compared["model_then"], compared["model_now"]) == ("another model", "fake")


def test_lossy_files_are_not_compared(cli: Cli) -> None:
    cli("g", "x", "-o", "a.jpg")
    result = cli("r", "a.jpg", "-o", "b.jpg")
    assert result.code == 0
    assert "differs" not in result.err
    assert "equals" not in result.err


def test_json_tells_whether_it_is_the_same(cli: Cli) -> None:
    cli("g", "x", "-o", "a.png")
    result = cli("r", "a.png", "-o", "b.png", "--json")
    assert result.event("compared")["identical"] is True
    assert result.event("picture")["path"] == str(Path("b.png").absolute())


def test_the_original_is_left_alone(cli: Cli) -> None:
    cli("g", "x", "-s", "1")
    before = Path("x-s1.png").read_bytes()
    assert cli("r", "x-s1.png").lines == ["x-s1-2.png"]
    assert "is there already" in cli("r", "x-s1.png", "-o", "x-s1.png").err
    assert Path("x-s1.png").read_bytes() == before


def test_the_job_can_be_looked_at(cli: Cli) -> None:
    cli("g", "x", "-s", "1")
    runs = len(cli.backends)
    shown = json.loads(cli("r", "x-s1.png", "--show").out)
    assert shown["job"]["prompt"] == "x"
    assert shown["model"] == "fake"
    assert len(cli.backends) == runs


def test_pictures_without_a_job(cli: Cli, photo: Path) -> None:
    assert "photo.png carries no job" in cli.refuses("r", str(photo))
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20, Seed: 1, CFG scale: 7")
    Image.new("RGB", (4, 4)).save("other.png", pnginfo=info)
    assert "another tool's settings" in cli.refuses("r", "other.png")
    info.add_text("unipic", json.dumps({"job": {"mode": "generate", "prompt": "x", "seed": -1}}))
    Image.new("RGB", (4, 4)).save("bad.png", pnginfo=info)
    assert "bad.png cannot be drawn again: The seed -1" in cli.refuses("r", "bad.png")
    assert "there is no such file" in cli.refuses("r", "missing.png")


def test_a_region_again(cli: Cli, photo: Path) -> None:
    cli("g", "x", "--source", str(photo), "--region", "0,0,1,1", "-o", "a.png")
    cli("r", "a.png", "-o", "b.png")
    first, second = (backend.jobs[0] for backend in cli.backends)
    assert isinstance(first, GenerateJob)
    assert isinstance(second, GenerateJob)
    assert (
        dataclasses.replace(second, guidance=None, iterations=None, order=None, head_steps=None)
        == first
    )


def test_a_picture_too_large_to_decode_is_drawn_again(cli: Cli) -> None:
    assert cli("generate", "a fox", "--size", "64", "-o", "a.png").code == 0
    with Image.open("a.png") as image:
        texts = {"unipic": image.info["unipic"]}
    save_of_size(Path("large.png"), (10_240, 8_192), texts)
    run = cli("replay", "large.png", "-o", "b.png")
    assert run.code == 0
    assert "The two are not compared. The picture large.png is too large" in run.err
    assert pixels("b.png") == pixels("a.png")
