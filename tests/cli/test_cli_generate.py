"""unipic-tui generate."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli, files, pixels, weights
from tests.fakes import FakeBackend, gradient
from unipic_tui.events import Backend
from unipic_tui.job_parts import Region
from unipic_tui.jobs import GenerateJob
from unipic_tui.library.provenance import read_metadata


def test_a_picture_named_after_prompt_and_seed(cli: Cli) -> None:
    result = cli("generate", "A red circle!", "--seed", "5")
    assert result.code == 0
    assert result.lines == ["a-red-circle-s5.png"]
    assert files() == ["a-red-circle-s5.png"]
    assert pixels("a-red-circle-s5.png") == gradient(64, 64, "A red circle! 5").tobytes()
    assert "embedded model fake is used" in result.err
    assert "\x1b" not in result.out + result.err
    assert not cli.backend.loaded  # it was closed


def test_words_need_no_quotes(cli: Cli) -> None:
    cli("g", "a", "red", "circle")
    assert cli.job.prompt == "a red circle"


@pytest.mark.parametrize("name", ["generate", "gen", "g"])
@pytest.mark.parametrize("flag", ["--prompt", "-p"])
def test_the_prompt_as_a_flag(cli: Cli, name: str, flag: str) -> None:
    cli(name, flag, "a ring")
    assert cli.job.prompt == "a ring"


def test_the_prompt_from_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a ring\nand a star\n"))
    cli("g", "-")
    assert cli.job.prompt == "a ring\nand a star"


def test_everything_can_be_set(cli: Cli) -> None:
    cli(
        "g", "x", "-n", "2", "-s", "3", "-g", "2.5", "--schedule", "linear", "-i", "4", "-t", "0.5",
        "--order", "spread", "--head-steps", "7", "-q", "fast", "--unconditional", "nothing",
        "--size", "48x32",
    )  # fmt: skip
    assert cli.job == GenerateJob(
        prompt="x",
        count=2,
        seed=3,
        guidance=2.5,
        schedule="linear",
        iterations=4,
        order="spread",
        temperature=0.5,
        head_steps=7,
        quality="fast",
        unconditional="nothing",
        width=48,
        height=32,
    )


def test_the_published_flags(cli: Cli) -> None:
    result = cli(
        "g", "--prompt", "x", "--cfg", "2", "--cfg_prompt", "nothing", "--cfg_schedule", "linear",
        "--num_iter", "4", "--grid_size", "2", "--image_size", "32", "--temperature", "0.9",
        "--checkpoint", str(weights("model")), "--output", "out.jpg",
    )  # fmt: skip
    job = cli.job
    assert (job.guidance, job.schedule, job.iterations) == (2, "linear", 4)
    assert (job.count, job.width, job.height, job.temperature) == (4, 32, 32, 0.9)
    assert job.unconditional == "nothing"
    assert "steers away from 'nothing'" in result.err
    assert cli.backend.options.checkpoint == Path("model").absolute()
    assert result.lines == ["out.jpg"]


def test_the_published_default_of_cfg_prompt_changes_nothing(cli: Cli) -> None:
    result = cli("g", "x", "--cfg_prompt", "Generate an image.")
    assert cli.job.unconditional is None
    assert "pushes" not in result.err


def test_a_grid_is_one_file_of_all(cli: Cli) -> None:
    cli("g", "x", "-s", "3", "--grid-size", "2", "--size", "16", "-o", "out.png")
    with Image.open("out.png") as grid:
        assert grid.size == (32, 32)
        for index in range(4):
            left, top = index % 2 * 16, index // 2 * 16
            part = grid.crop((left, top, left + 16, top + 16))
            assert part.tobytes() == gradient(16, 16, f"x {3 + index}").tobytes()
    found = read_metadata("out.png")
    assert found is not None
    assert found.grid == 2
    assert found.job is not None
    assert (found.job.count, found.job.seed) == (4, 3)


def test_every_picture_carries_its_own_job(cli: Cli) -> None:
    cli("g", "x", "-n", "2", "-s", "8")
    for seed in (8, 9):
        found = read_metadata(f"x-s{seed}.png")
        assert found is not None
        assert found.job == GenerateJob(
            prompt="x",
            seed=seed,
            guidance=3,
            iterations=8,
            order="random",
            quality="balanced",
            head_steps=10,
            width=64,
            height=64,
        )
        assert found.model == "fake"


def test_metadata_can_be_left_out(cli: Cli, tmp_path: Path) -> None:
    cli("g", "x", "-s", "1", "--no-metadata")
    assert read_metadata("x-s1.png") is None
    (tmp_path / "config" / "unipic-tui").mkdir(parents=True)
    (tmp_path / "config" / "unipic-tui" / "settings.toml").write_text("metadata = false")
    cli("g", "x", "-s", "2")
    assert read_metadata("x-s2.png") is None
    cli("g", "x", "-s", "3", "--metadata")
    assert read_metadata("x-s3.png") is not None


def test_names_are_never_reused(cli: Cli) -> None:
    names = [cli("g", "x", "-s", "1").lines[0] for _ in range(3)]
    assert names == ["x-s1.png", "x-s1-2.png", "x-s1-3.png"]


def test_a_new_seed_is_told_and_used(cli: Cli) -> None:
    first, second = (cli("g", "x", *flags) for flags in ([], ["--seed", "random"]))
    jobs = [backend.jobs[0] for backend in cli.backends]
    for result, job in zip((first, second), jobs, strict=True):
        assert isinstance(job, GenerateJob)
        assert f"The seed is {job.seed}." in result.err
        assert result.lines == [f"x-s{job.seed}.png"]


def test_a_ratio_keeps_the_checkpoints_area(cli: Cli) -> None:
    cli("g", "x", "--size", "4:1")
    assert (cli.job.width, cli.job.height) == (128, 32)


def test_a_size_is_rounded_and_that_is_said(cli: Cli) -> None:
    result = cli("g", "x", "--size", "40")
    assert (cli.job.width, cli.job.height) == (48, 48)
    assert result.err.count("The size 40 is not a multiple of 16: 48 is used instead.") == 1


def test_a_region_of_a_picture(cli: Cli, photo: Path) -> None:
    result = cli("g", "x", "--source", str(photo), "--region", "1,0,2,1")
    assert result.code == 0
    assert cli.job.source == str(photo.absolute())
    assert cli.job.region == Region(1, 0, 2, 1)


def test_quiet_says_only_what_was_made(cli: Cli) -> None:
    result = cli("g", "x", "--quiet", "-s", "1", "--size", "40")
    assert result.err == ""
    assert result.lines == ["x-s1.png"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "There is no prompt"),
        ([""], "The prompt is empty"),
        (["  "], "The prompt is empty"),
        (["x", "--prompt", "y"], "The prompt is given twice"),
        (["x\udcff"], "not UTF-8"),
        (["x", "--size", "0"], "not positive"),
        (["x", "--size", "-16"], "not positive"),
        (["x", "--size", "huge"], "cannot be read"),
        (["x", "--size", "5000"], "too large"),
        (["x", "--guidance", "-1"], "The guidance -1 is out of range"),
        (["x", "--guidance", "nan"], "The guidance nan is out of range"),
        (["x", "--guidance", "much"], "invalid float value: 'much'"),
        (["x", "--count", "0"], "The count 0 is out of range"),
        (["x", "--count", "two"], "invalid int value: 'two'"),
        (["x", "--iterations", "0"], "iterations 0 is out of range"),
        (["x", "--temperature", "11"], "temperature 11 is out of range"),
        (["x", "--head-steps", "0"], "head steps 0 is out of range"),
        (["x", "--seed", "-5"], "seed -5 is out of range"),
        (["x", "--seed", "1.5"], "seed '1.5' is not a whole number"),
        (["x", "--seed", "9" * 5000], "seed .* is not a whole number"),
        (["x", "--schedule", "cosine"], "invalid choice: 'cosine'"),
        (["x", "--grid-size", "0"], "grid size 0 is out of range: use 1 to 8"),
        (["x", "--grid-size", "2", "--count", "3"], "A grid of 2×2 has 4 pictures, not 3"),
        (["x", "--unconditional", " "], "unconditional prompt is empty"),
        (["x", "--source", "a.png"], "--source and --region belong together"),
        (["x", "--region", "0,0,1,1"], "--source and --region belong together"),
        (["x", "--source", "a.png", "--region", "0,0,1,1"], "a.png: there is no such file"),
        (["x", "--device", "my gpu"], "device 'my gpu' is unknown"),
        (["x", "--output", "missing/a.png"], "missing: the folder does not exist"),
        (["x", "--output", "a.gif"], "no ending of a picture"),
        (["x", "--output", ""], "not a path"),
        (["x", "--output", "x" * 300 + ".png"], "the name is too long"),
        (["x", "--output", "/dev/null"], "no ending of a picture"),
        (["x", "--wings"], "unrecognized arguments: --wings"),
        (["x", "--cou", "2"], "unrecognized arguments: --cou"),
    ],
)
def test_bad_input(cli: Cli, argv: list[str], sentence: str) -> None:
    assert re.search(sentence, cli.refuses("generate", *argv))


def test_a_file_is_only_overwritten_on_request(cli: Cli) -> None:
    Path("a.png").write_bytes(b"mine")
    assert "a.png is there already" in cli.refuses("g", "x", "-o", "a.png")
    assert Path("a.png").read_bytes() == b"mine"
    assert cli("g", "x", "-o", "a.png", "--force").code == 0
    assert len(pixels("a.png")) == 64 * 64 * 3


def test_one_of_several_files_is_there(cli: Cli) -> None:
    Path("a-2.png").write_bytes(b"mine")
    assert "a-2.png is there already" in cli.refuses("g", "x", "-n", "3", "-o", "a.png")


@pytest.mark.parametrize(
    ("output", "made"),
    [
        ("a.png", ["a-01.png", "a-12.png"]),
        ("a", ["a-01.png", "a-12.png"]),
        ("a.webp", ["a-01.webp", "a-12.webp"]),
        ("new/", ["new/x-s1.png", "new/x-s12.png"]),
        ("here", ["here/x-s1.png", "here/x-s12.png"]),
        (".", ["x-s1.png", "x-s12.png"]),
    ],
)
def test_where_pictures_go(cli: Cli, output: str, made: list[str]) -> None:
    Path("here").mkdir()
    result = cli("g", "x", "-n", "12", "-s", "1", "-i", "1", "--size", "16", "-o", output)
    assert [result.lines[0], result.lines[-1]] == made
    assert len(result.lines) == 12
    assert all(Path(line).is_file() for line in result.lines)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.webp", "WEBP")]
)
def test_formats(cli: Cli, name: str, kind: str) -> None:
    assert cli("g", "x", "-o", name).lines == [name]
    with Image.open(name) as image:
        assert image.format == kind
    found = read_metadata(name)
    assert found is not None
    assert found.job == cli_filled(cli)


def cli_filled(cli: Cli) -> GenerateJob:
    return GenerateJob(
        prompt="x",
        seed=cli.job.seed,
        guidance=3.0,
        iterations=8,
        order="random",
        quality="balanced",
        head_steps=10,
        width=64,
        height=64,
    )


def test_a_full_disk_leaves_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:

        def wrap(backend: FakeBackend) -> Backend:
            patch.setattr(os, "fsync", full)
            return backend

        cli.wrap = wrap
        result = cli("g", "x", "-n", "3")
    assert result.code == 2
    assert result.err.splitlines()[-1].endswith("the disk is full: make room and try again.")
    assert files() == []
    assert cli.backend.cancelled == 1
    assert not cli.backend.loaded


def test_a_name_taken_meanwhile(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes the file between the look and the write."""
    Path("x-s1.png").write_bytes(b"theirs")
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    assert cli("g", "x", "-s", "1").lines == ["x-s1-2.png"]
    assert Path("x-s1.png").read_bytes() == b"theirs"


def test_a_failed_job(cli: Cli) -> None:
    cli.fail = "job"
    result = cli("g", "x")
    assert result.code == 1
    assert result.err.splitlines()[-1] == "unipic-tui: Out of memory: draw a smaller picture."
    assert files() == []


def test_a_checkpoint_that_cannot_be_loaded(cli: Cli) -> None:
    cli.fail = "load"
    assert cli.refuses("g", "x") == "There is no CUDA device here: use --device cpu."
    assert not cli.backend.loaded


def test_a_bug_keeps_its_traceback(cli: Cli) -> None:
    cli.fail = "crash"
    with pytest.raises(RuntimeError, match="as told"):
        cli("g", "x")
    assert not cli.backend.loaded


def test_which_checkpoint(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The flag goes before the environment, and that before the settings."""
    (tmp_path / "config" / "unipic-tui").mkdir(parents=True)
    settings = tmp_path / "config" / "unipic-tui" / "settings.toml"
    folders = [weights(tmp_path / str(number)) for number in range(4)]
    settings.write_text(f'checkpoint = "{folders[0]}"\ndevice = "cuda:1"\ndtype = "float16"')
    assert "embedded" not in cli("g", "x").err
    assert cli.backend.options.checkpoint == folders[0]
    assert cli.backend.options.device == "cuda:1"
    assert cli.backend.options.dtype == "float16"
    monkeypatch.setenv("UNIPIC_CHECKPOINT", str(folders[1]))
    cli("g", "x", "--device", "cpu")
    assert cli.backend.options.checkpoint == folders[1]
    assert cli.backend.options.device == "cpu"
    cli("g", "x", "--checkpoint", str(folders[2]))
    assert cli.backend.options.checkpoint == folders[2]
    cli("--checkpoint", str(folders[3]), "--dtype", "bfloat16", "g", "x")
    assert cli.backend.options.checkpoint == folders[3]
    assert cli.backend.options.dtype == "bfloat16"


def test_bad_settings_are_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config" / "unipic-tui").mkdir(parents=True)
    (tmp_path / "config" / "unipic-tui" / "settings.toml").write_text("wings = 2")
    assert cli.refuses("g", "x").startswith("There is no setting 'wings'")


def test_json(cli: Cli) -> None:
    result = cli("g", "x", "-n", "2", "-s", "4", "--size", "40", "--json")
    kinds = [event["event"] for event in result.events]
    assert kinds[0] == "loading"
    assert kinds[-1] == "finished"
    assert kinds.count("progress") == 16
    started = result.event("started")
    assert (started["model"], started["device"], started["job"]["seed"]) == ("fake", "cpu", 4)
    pictures = [event for event in result.events if event["event"] == "picture"]
    assert [picture["seed"] for picture in pictures] == [4, 5]
    assert [picture["path"] for picture in pictures] == [
        str(Path(f"x-s{seed}.png").absolute()) for seed in (4, 5)
    ]
    assert pictures[0]["job"]["prompt"] == "x"
    assert (pictures[0]["width"], pictures[0]["height"]) == (48, 48)
    notices = [event["message"] for event in result.events if event["event"] == "notice"]
    assert any("not a multiple of 16" in message for message in notices)
    assert result.err == ""


def test_json_of_failures(cli: Cli) -> None:
    early = cli("g", "", "--json")
    assert early.code == 2
    assert early.events == [
        {
            "event": "failed",
            "title": "Cannot use that",
            "message": "The prompt is empty: say in words what you want.",
        }
    ]
    cli.fail = "job"
    late = cli("g", "x", "--json")
    assert late.code == 1
    assert late.events[-1] == {
        "event": "failed",
        "title": "Device trouble",
        "message": "Out of memory: draw a smaller picture.",
    }


def test_json_of_a_grid_tells_one_picture(cli: Cli) -> None:
    result = cli("g", "x", "--grid-size", "2", "--size", "16", "--json")
    picture = result.event("picture")
    assert (picture["grid"], picture["width"], picture["index"]) == (2, 32, 0)
    assert result.events[-1]["event"] == "finished"


def test_bytes_on_standard_output(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", stdout)
    from unipic_tui.cli import main

    assert main(["g", "x", "-s", "1", "-o", "-"], backend_factory=cli._make) == 0
    stdout.flush()
    assert isinstance(stdout.buffer, io.BytesIO)
    with Image.open(io.BytesIO(stdout.buffer.getvalue())) as image:
        assert image.tobytes() == gradient(64, 64, "x 1").tobytes()
        assert image.format == "PNG"
    assert files() == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [(["--count", "2"], "Only one picture fits"), (["--json"], "both need the standard output")],
)
def test_what_standard_output_cannot_take(cli: Cli, flags: list[str], sentence: str) -> None:
    result = cli("g", "x", "-o", "-", *flags)
    assert result.code == 2
    assert sentence in result.err
    assert not cli.backends
