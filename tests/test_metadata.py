"""Jobs inside pictures: read back whole, and never trusted."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from unipic_tui.errors import InputError, StorageError
from unipic_tui.job_json import job_to_dict
from unipic_tui.job_parts import Region
from unipic_tui.jobs import DrawingJob, EditJob, GenerateJob
from unipic_tui.library.provenance import read_metadata
from unipic_tui.metadata import Format, encode_picture

IMAGE = Image.linear_gradient("L").resize((48, 32)).convert("RGB")
JOB = GenerateJob(
    prompt='a "red" circle: 赤\nand\\more', seed=5, guidance=3.0, iterations=32, width=48, height=32
)
JOBS: list[DrawingJob] = [
    JOB,
    EditJob(prompt="bluer", source="/some/where/ä.png", unconditional="nothing"),
    GenerateJob(prompt="x", source="/a.png", region=Region(0, 1, 1, 1)),
]


def with_chunks(tmp_path: Path, **chunks: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for name, text in chunks.items():
        info.add_text(name, text)
    path = tmp_path / "a.png"
    IMAGE.save(path, pnginfo=info)
    return path


def record(**changes: Any) -> str:
    return json.dumps({"version": "9", "model": "m", "job": job_to_dict(JOB), **changes})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("job", JOBS)
def test_there_and_back(tmp_path: Path, kind: Format, job: DrawingJob) -> None:
    path = tmp_path / "a"
    path.write_bytes(encode_picture(IMAGE, job, "the model", kind))
    found = read_metadata(path)
    assert found is not None
    assert (found.job, found.model, found.grid, found.problem) == (job, "the model", 1, "")
    with Image.open(path) as image:
        assert image.size == IMAGE.size
        assert image.format == kind


def test_pixels_are_kept() -> None:
    with Image.open(io.BytesIO(encode_picture(IMAGE, JOB, "m"))) as image:
        assert image.convert("RGB").tobytes() == IMAGE.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_nothing_is_told_without_metadata(tmp_path: Path, kind: Format) -> None:
    path = tmp_path / "a"
    data = encode_picture(IMAGE, JOB, "secret model", kind, embed=False)
    path.write_bytes(data)
    assert read_metadata(path) is None
    assert b"circle" not in data
    assert b"secret" not in data


def test_grids(tmp_path: Path) -> None:
    job = GenerateJob(prompt="x", count=4)
    path = tmp_path / "a.png"
    path.write_bytes(encode_picture(IMAGE, job, "m", grid=2))
    found = read_metadata(path)
    assert found is not None
    assert (found.grid, found.job) == (2, job)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("length", [30_000, 200_000])
def test_long_prompts(tmp_path: Path, kind: Format, length: int) -> None:
    """JPEG has little room: what does not fit is left out, and the picture is written."""
    job = GenerateJob(prompt="x" * length)
    path = tmp_path / "a"
    path.write_bytes(encode_picture(IMAGE, job, "m", kind))
    found = read_metadata(path)
    if kind == "PNG" or length == 30_000:
        assert found is not None
        assert found.job == job
    else:
        assert found is None


def test_a_null_in_a_prompt(tmp_path: Path) -> None:
    job = GenerateJob(prompt="a\0b")
    path = tmp_path / "a.png"
    path.write_bytes(encode_picture(IMAGE, job, "m"))
    found = read_metadata(path)
    assert found is not None
    assert found.job == job


def test_another_tools_picture(tmp_path: Path) -> None:
    path = with_chunks(tmp_path, parameters="a cat\nSteps: 20, Seed: 3, CFG scale: 7")
    found = read_metadata(path)
    assert found is not None
    assert found.job is None
    assert found.problem == ""


def test_a_picture_that_says_nothing(tmp_path: Path) -> None:
    assert read_metadata(with_chunks(tmp_path)) is None


def test_a_photograph_with_a_caption(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "My holiday"
    path = tmp_path / "a.jpg"
    IMAGE.save(path, exif=exif)
    assert read_metadata(path) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        ('{"job": ' + "9" * 6000 + "}", "not readable JSON"),
        ("[]", "holds no job"),
        ("{}", "holds no job"),
        ('{"job": 3}', "holds no job"),
        ('{"job": {"mode": "describe", "source": "/a"}}', "draws nothing"),
        (record(job={"mode": "generate", "prompt": 7}), "prompt is of the wrong type"),
        (record(job={"mode": "generate", "prompt": "x", "wings": 2}), "unknown field 'wings'"),
        (record(job={"mode": "generate", "prompt": "x", "guidance": float("nan")}), "guidance nan"),
        (record(grid=3), "grid .* does not fit"),
        (record(grid="2"), "grid .* is not a number"),
        (record(grid=True), "grid .* is not a number"),
    ],
)
def test_strangers_records(tmp_path: Path, text: str, problem: str) -> None:
    found = read_metadata(with_chunks(tmp_path, unipic=text, parameters="p\nSteps: 1"))
    assert found is not None
    assert found.job is None
    assert re.search(problem, found.problem)


def test_hostile_names_are_made_harmless(tmp_path: Path) -> None:
    found = read_metadata(with_chunks(tmp_path, unipic=record(model="\x1b]0;x\x07" + "y" * 900)))
    assert found is not None
    assert found.job == JOB
    assert "\x1b" not in found.model
    assert len(found.model) <= 200


def test_what_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = with_chunks(tmp_path, unipic=record(model="y" * 1_100_000))
    assert read_metadata(path) is None


@pytest.mark.filterwarnings("ignore")
def test_broken_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    IMAGE.save(path, exif=b"Exif\0\0MM\0*\xff\xff\xff\xffjunk")
    assert read_metadata(path) is None


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no")
    with pytest.raises(InputError, match="not a picture"):
        read_metadata(path)
    with pytest.raises(StorageError, match="no such file"):
        read_metadata(tmp_path / "b.png")
