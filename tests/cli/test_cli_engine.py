"""The command line on the real engine with a tiny random model."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Cli, Result, files, pixels
from tests.fakes import gradient
from tests.tiny import make_native
from unipic_tui.cli import main


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    make_native(folder)
    return folder


@pytest.fixture
def real(cli: Cli, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command without a fake."""
    monkeypatch.setenv("UNIPIC_CHECKPOINT", str(checkpoint))

    def run(*argv: str) -> Result:
        code = main(argv)
        out, err = cli.capsys.readouterr()
        return Result(code, out, err)

    return run


def test_draw_and_draw_again(real: Any) -> None:
    result = real("g", "a red circle", "-n", "2", "-s", "4")
    assert result.code == 0, result.err
    assert result.lines == ["a-red-circle-s4.png", "a-red-circle-s5.png"]
    assert pixels("a-red-circle-s4.png") != pixels("a-red-circle-s5.png")
    again = real("replay", "a-red-circle-s5.png", "-o", "again.png")
    assert "equals the saved one in every pixel" in again.err
    assert pixels("again.png") == pixels("a-red-circle-s5.png")


def test_every_setting_reaches_the_model(real: Any) -> None:
    usual = ["g", "a red circle", "-s", "4", "--quiet", "-f", "-o"]
    real(*usual, "usual.png")
    for number, flags in enumerate(
        (
            ["--guidance", "4"],
            ["--iterations", "3"],
            ["--temperature", "0.5"],
            ["--head-steps", "3"],
            ["--unconditional", "a blue square"],
            ["--schedule", "linear"],
            ["--quality", "exact"],
        )
    ):
        assert real(*usual, f"{number}.png", *flags).code == 0
        assert pixels(f"{number}.png") != pixels("usual.png"), flags


def test_the_best_of_three_can_be_drawn_again(real: Any) -> None:
    result = real("g", "a red circle", "--best-of", "3", "-s", "4")
    assert result.code == 0, result.err
    (saved,) = files()
    assert saved in {f"a-red-circle-s{seed}.png" for seed in (4, 5, 6)}
    assert "equals the saved one" in real("replay", saved, "-o", "again.png").err


def test_sizes(real: Any) -> None:
    real("g", "x", "--size", "3:1", "-o", "a.png")
    with Image.open("a.png") as image:
        assert image.size == (112, 32)


def test_edits_keep_the_size(real: Any) -> None:
    gradient(70, 33, "odd").save("odd.png")
    assert real("edit", "odd.png", "bluer", "-o", "a.png").code == 0
    with Image.open("a.png") as image:
        assert image.size == (70, 33)
    assert "equals the saved one" in real("replay", "a.png", "-o", "b.png").err


def test_a_region_outside_the_picture(real: Any) -> None:
    gradient(64, 32, "x").save("a.png")
    result = real("g", "x", "--source", "a.png", "--region", "3,1,2,1", "-o", "b.png")
    assert result.code == 2
    assert "does not lie inside the picture, which has 4×2 tokens" in result.err
    assert files() == ["a.png"]


def test_describe(real: Any) -> None:
    gradient(64, 32, "x").save("a.png")
    result = real("d", "a.png", "What?", "--max-new-tokens", "5", "--json")
    assert result.code == 0
    deltas = [event["delta"] for event in result.events if event["event"] == "text"]
    assert "".join(deltas).strip() == result.event("finished")["text"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["g", "red circle " * 300], "shorten it by"),
        (["g", "x", "--size", "512"], "The picture takes 1027 positions and the model has 256"),
        (["g", "x", "--checkpoint", "nowhere"], "nowhere is missing"),
        (["g", "x", "--checkpoint", "photo.png"], "photo.png is a file, not a folder"),
        (["g", "x", "--checkpoint", "."], "holds no checkpoint"),
        (["g", "x", "--checkpoint", "hostile"], "code perhaps, and was not loaded"),
        (["g", "x", "--checkpoint", "cut"], "cannot be read as weights"),
        (["g", "x", "--device", "meta"], "'meta' is not there"),
        (["g", "x", "--device", "abacus"], "'abacus' is"),
        (["convert", "nowhere", "out"], "nowhere is missing"),
        (["convert", "cut", "out"], "cannot be read as weights"),
    ],
)
def test_bad_input(
    real: Any, photo: Path, checkpoint: Path, argv: list[str], sentence: str
) -> None:
    Path("hostile").mkdir()
    Path("hostile/pytorch_model.bin").write_bytes(pickle.dumps({"a": Hostile()}, protocol=2))
    Path("cut").mkdir()
    for file in checkpoint.iterdir():
        data = file.read_bytes()
        half = file.name == "model.safetensors"
        Path("cut", file.name).write_bytes(data[: len(data) // 2] if half else data)
    before = files()
    result = real(*argv)
    assert result.code == 2
    assert sentence in result.err.splitlines()[-1]
    assert "Traceback" not in result.err
    assert files() == before


class Hostile:
    """Unpickled as code that makes a file."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("hacked"),)  # type: ignore[return-value]


def test_convert_and_use(real: Any, checkpoint: Path) -> None:
    assert real("convert", str(checkpoint), "out").code == 0
    assert files() == ["out"]
    real("g", "x", "-s", "1", "-o", "a.png")
    real("g", "x", "-s", "1", "--checkpoint", "out", "-o", "b.png")
    assert pixels("a.png") == pixels("b.png")
    assert "not an empty folder" in real("convert", str(checkpoint), "out").err


def test_converting_is_stopped(
    real: Any, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Any, path: Path, **__: Any) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr("unipic_tui.model.native.save_file", interrupt)
    assert real("convert", str(checkpoint), "out").code == 130
    assert list(Path("out").iterdir()) == []


def test_doctor(real: Any, checkpoint: Path) -> None:
    result = real("doctor", str(checkpoint), "--device", "cpu")
    assert result.code == 0, result.out
    assert "tiny (native)" in result.out
    assert "every key fits" in result.out
    (Path("cut")).mkdir()
    for file in checkpoint.iterdir():
        if file.name != "model.safetensors":
            Path("cut", file.name).write_bytes(file.read_bytes())
    assert real("doctor", "cut").code == 1
