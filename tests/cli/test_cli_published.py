"""The command lines of the published README, word by word after the program's name."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli, Result, files, weights
from tests.fakes import gradient
from unipic_tui import paths
from unipic_tui.cli import main
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob

CONFIG = "configs/models/qwen2_5_1_5b_kl16_mar_h.py"
PENGUIN = (
    "A glossy-coated golden retriever stands on the park lawn beside a life-sized penguin statue."
)
DRAW = f"""text2image {CONFIG} \
    --checkpoint checkpoint/pytorch_model.bin  --image_size 1024 \
    --prompt '{PENGUIN}'  --output output.jpg"""
BATCH = f"""batch_text2image {CONFIG} \
    --checkpoint checkpoint/pytorch_model.bin  --image_size 1024 \
    --data data/batch_t2i.json --output output --batch_size 2 --grid_size 2"""
EDIT = f"""image_edit {CONFIG} \
    --checkpoint checkpoint/pytorch_model.bin  --image_size 1024 \
    --image data/sample.png --prompt "Replace the stars with the candle." \
    --output output.jpg"""
DESCRIBE = f"""image2text {CONFIG} \
    --checkpoint checkpoint/pytorch_model.bin  --image_size 1024 \
    --image data/sample.png --prompt "Describe the image in detail." """
IGNORED = f"{CONFIG} is ignored"


@pytest.fixture
def data(cli: Cli) -> None:
    """What the command lines name."""
    Path("data").mkdir()
    gradient(48, 48, "sample").save("data/sample.png")
    prompts = [{"prompt": PENGUIN}, {"prompt": "Digital portrait of a girl with rainbow hair."}]
    Path("data/batch_t2i.json").write_text(json.dumps(prompts))


def test_drawing(cli: Cli, data: None) -> None:
    weights("checkpoint", "pytorch_model.bin")
    result = cli(*shlex.split(DRAW))
    assert (result.code, result.lines) == (0, ["output.jpg"])
    assert IGNORED in result.err
    job = cli.job
    assert isinstance(job, GenerateJob)
    assert (job.prompt, job.width, job.height, job.count) == (PENGUIN, 1024, 1024, 1)
    assert cli.backend.options.checkpoint == Path("checkpoint").absolute()


def test_a_batch(cli: Cli, data: None) -> None:
    weights("checkpoint", "pytorch_model.bin")
    result = cli(*shlex.split(BATCH))
    assert result.code == 0
    assert IGNORED in result.err
    jobs = [job for job in cli.backend.jobs if isinstance(job, GenerateJob)]
    assert [(job.count, job.width) for job in jobs] == [(4, 1024), (4, 1024)]
    assert cli.backend.options.checkpoint == Path("checkpoint").absolute()


def test_editing(cli: Cli, data: None) -> None:
    weights("checkpoint", "pytorch_model.bin")
    result = cli(*shlex.split(EDIT))
    assert (result.code, result.lines) == (0, ["output.jpg"])
    assert IGNORED in result.err
    job = cli.job
    assert isinstance(job, EditJob)
    assert (job.prompt, job.size) == ("Replace the stars with the candle.", 1024)
    assert job.source == str(Path("data/sample.png").absolute())


def test_describing(cli: Cli, data: None) -> None:
    weights("checkpoint", "pytorch_model.bin")
    result = cli(*shlex.split(DESCRIBE))
    assert result.code == 0
    assert IGNORED in result.err
    assert "--image_size has no effect: the model sees 64×64 pixels." in result.err
    job = cli.job
    assert isinstance(job, DescribeJob)
    assert job.prompt == "Describe the image in detail."


def test_all_four_with_the_embedded_checkpoint(cli: Cli, data: None) -> None:
    """Only the size differs: the embedded model draws 64 pixels."""
    pytest.importorskip("torch")
    shutil.copytree(paths.EMBEDDED_CHECKPOINT, "checkpoint")

    def run(line: str, *more: str) -> Result:
        code = main([*shlex.split(line.replace("1024", "64")), *more])
        out, err = cli.capsys.readouterr()
        assert code == 0, err
        assert IGNORED in err
        return Result(code, out, err)

    quick = ("--num_iter", "2", "--quality", "fast")
    assert run(DRAW, *quick).lines == ["output.jpg"]
    assert run(EDIT, *quick, "--force").lines == ["output.jpg"]
    assert run(DESCRIBE).out.strip()
    run(BATCH, *quick)
    for name, side in (("output.jpg", 48), ("output/00000000.jpg", 128)):
        with Image.open(name) as image:
            assert image.size == (side, side)


@pytest.mark.parametrize(
    ("argv", "prompt"),
    [
        (["text2image", "model.py"], "model.py"),
        (["generate", "draw", "model.py"], "draw model.py"),
        (["generate", "configs/a.py", "a cat"], "a cat"),
    ],
)
def test_only_a_config_in_front_of_something_is_ignored(
    cli: Cli, argv: list[str], prompt: str
) -> None:
    assert cli(*argv).code == 0
    assert cli.job.prompt == prompt


def test_the_scripts_names_are_not_listed(cli: Cli) -> None:
    for name in ("text2image", "image_edit", "image2text", "batch_text2image"):
        assert cli(name, "--help").code == 0
        for argv in (("--help",), ("completion", "bash")):
            assert name not in cli(*argv).out


def test_weights_that_would_not_be_read(cli: Cli) -> None:
    weights("models", "harmon_0.5b.pth")
    Path("models/harmon_1.5b.pth").write_bytes(b"")
    said = cli.refuses("g", "x", "--checkpoint", "models/harmon_1.5b.pth")
    assert "holds other weights too, harmon_0.5b.pth" in said
    assert cli("g", "x", "--checkpoint", "models/harmon_0.5b.pth").code == 0


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere", "nowhere is missing"),
        ("nowhere/pytorch_model.bin", "pytorch_model.bin is missing"),
        ("empty", "empty holds no checkpoint"),
        ("empty/model.bin", "model.bin is missing"),
    ],
)
@pytest.mark.parametrize("command", [["g", "x"], ["convert"], ["eval", "shapes"], ["batch"]])
def test_what_is_no_checkpoint_is_refused_before_torch_is_loaded(
    cli: Cli, command: list[str], named: str, said: str
) -> None:
    Path("empty").mkdir()
    Path("prompts.txt").write_text("a cat\n")
    if command == ["convert"]:
        argv = [*command, named, "out"]
    elif command == ["batch"]:
        argv = [*command, "prompts.txt", "-o", "out", "--checkpoint", named]
    else:
        argv = [*command, "--checkpoint", named]
    assert said in cli.refuses(*argv)
    assert not cli.backends


def test_a_batch_needs_one_file(cli: Cli, data: None) -> None:
    assert "No file of prompts" in cli.refuses("batch", "-o", "out")
    both = ("batch", "data/batch_t2i.json", "--data", "data/batch_t2i.json", "-o", "out")
    assert "named twice" in cli.refuses(*both)
    assert "data" in files()
