"""The Python interface: its documentation runs, on the embedded checkpoint."""

from __future__ import annotations

import doctest
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import unipic_tui
from tests.fakes import gradient
from tests.tiny import make_native
from unipic_tui import paths
from unipic_tui.api import UniPic
from unipic_tui.errors import CheckpointError, InputError, UnipicError
from unipic_tui.events import Finished, Notice, Picture, Preview, Progress, Text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    make_native(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[UniPic]:
    with UniPic.load(folder, device="cpu", preview_seconds=0.0) as model:
        yield model


def test_the_examples_in_the_documentation_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.CHECKPOINT_VARIABLE, raising=False)
    result = doctest.testmod(importlib.import_module("unipic_tui.api"))
    assert result.attempted > 10
    assert result.failed == 0


def test_the_package_offers_it() -> None:
    assert unipic_tui.UniPic is UniPic
    with pytest.raises(AttributeError, match="no attribute 'Unipic'"):
        _ = unipic_tui.Unipic  # type: ignore[attr-defined]


def test_the_environment_names_the_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.CHECKPOINT_VARIABLE, str(folder))
    with UniPic.load(device="cpu") as model:
        assert model.info.model == "tiny"


def test_settings_reach_the_job(model: UniPic) -> None:
    events = list(model.drawing("a cat", size=(32, 48), seed=9, guidance=1, iterations=3))
    (picture,) = [event for event in events if isinstance(event, Picture)]
    assert picture.image.size == (32, 48)
    assert (picture.job.seed, picture.job.guidance, picture.job.iterations) == (9, 1, 3)
    assert sum(isinstance(event, Progress) for event in events) == 3
    assert any(isinstance(event, Preview) for event in events)
    assert isinstance(events[-1], Finished)
    assert model.generate("a cat", size=32).size == (32, 32)


def test_a_picture_in_memory_is_as_good_as_a_file(model: UniPic, tmp_path: Path) -> None:
    image = gradient(64, 48, "x")
    image.save(tmp_path / "a.png")
    edited = model.edit(image, "make it green")
    assert edited.size == (64, 48)
    assert edited.tobytes() == model.edit(tmp_path / "a.png", "make it green").tobytes()
    assert len(model.edit(str(tmp_path / "a.png"), "make it green", count=2)) == 2
    assert model.edit(image.convert("CMYK"), "make it green").size == (64, 48)


def test_a_region_is_drawn_anew(model: UniPic) -> None:
    source = gradient(64, 64, "x")
    image = model.generate("a cat", source=source, region=(0, 0, 2, 2))
    assert image.size == (64, 64)
    with pytest.raises(InputError, match="needs a source"):
        model.generate("a cat", region=(0, 0, 2, 2))


def test_the_answer_comes_in_pieces(model: UniPic) -> None:
    image = gradient(64, 64, "x")
    events = list(model.describing(image, "What?", max_new_tokens=6))
    said = "".join(event.delta for event in events if isinstance(event, Text))
    assert said.strip() == model.describe(image, "What?", max_new_tokens=6)
    other = model.describe(image, "What?", turns=(("Who?", "Me."),), max_new_tokens=6)
    assert isinstance(other, str)


def test_to_stop_iterating_is_to_cancel(model: UniPic, tmp_path: Path) -> None:
    steps = model.editing(gradient(64, 64, "x"), "make it green", iterations=50)
    assert len(list(itertools.islice(steps, 3))) == 3
    steps.close()  # type: ignore[attr-defined]
    assert model.generate("a cat").size == (64, 64)


def test_what_cannot_be_done_is_raised(model: UniPic, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="multiple of 16"):
        model.generate("a cat", size=50)
    with pytest.raises(UnipicError, match="no such file"):
        model.describe(tmp_path / "none.png")
    with pytest.raises(TypeError):
        model.generate("a cat", steps=5)
    with pytest.raises(CheckpointError):
        UniPic.load(tmp_path / "none")
    assert isinstance(model.generate("a cat"), Image.Image)


def test_the_best_of_several_comes_first(model: UniPic) -> None:
    every = model.generate("a red ring", count=3, seed=4, iterations=2)
    best = model.generate("a red ring", seed=4, iterations=2, best_of=3)
    two = model.generate("a red ring", count=2, seed=4, iterations=2, best_of=3)
    assert len(two) == 2
    assert best.tobytes() == two[0].tobytes()
    assert {image.tobytes() for image in two} < {image.tobytes() for image in every}


def job_of(events: Iterator[Any]) -> Any:
    """The job of the last picture."""
    return [event.job for event in events if isinstance(event, Picture)][-1]


def test_numbers_of_other_libraries_are_numbers(model: UniPic) -> None:
    job = job_of(
        model.drawing(
            "a cat",
            seed=np.int64(3),
            count=np.uint8(2),  # type: ignore[arg-type]
            guidance=np.float32(1.5),
            iterations=2.0,
            size=(np.int32(32), 48),  # type: ignore[arg-type]
            temperature=None,
        )
    )
    assert (job.seed, job.guidance, job.iterations) == (4, 1.5, 2)
    assert (job.width, job.height, job.temperature) == (32, 48, 1.0)
    assert {type(each) for each in (job.seed, job.iterations, job.width)} == {int}
    assert type(job.guidance) is float


def test_sizes_are_read_as_on_the_command_line(model: UniPic) -> None:
    events = list(model.drawing("a cat", size="50x32", iterations=1))
    assert job_of(iter(events)).width == 48
    assert any(isinstance(event, Notice) and "50" in event.message for event in events)
    wide = model.generate("a cat", size="2:1", iterations=1)
    assert wide.width == 2 * wide.height
    assert model.generate("a cat", width=32, height=48, iterations=1).size == (32, 48)
    job = job_of(model.editing(gradient(64, 32, "x"), "green", size="32", iterations=1))
    assert job.size == 32


def test_no_seed_is_a_random_one(model: UniPic) -> None:
    assert job_of(model.drawing("a cat", iterations=1)).seed == 0
    seeds = {job_of(model.drawing("a cat", iterations=1, seed=None)).seed for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64), (48, 64, 4)])
def test_an_array_is_a_picture(model: UniPic, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    array[..., 3:] = 255
    edited = model.edit(array, "green", iterations=1)
    assert edited.size == (64, 48)
    same = model.edit(Image.fromarray(array), "green", iterations=1)
    assert edited.tobytes() == same.tobytes()


def truncated(folder: Path) -> Image.Image:
    path = folder / "cut.bmp"
    gradient(64, 64, "x").save(path)
    path.write_bytes(path.read_bytes()[:-400])
    return Image.open(path)


def test_whatever_is_given_is_answered_in_a_sentence(model: UniPic, tmp_path: Path) -> None:
    image = gradient(32, 32, "x")
    anything: Any = model
    with pytest.raises(InputError, match="prompt is a text, not None"):
        anything.generate(None)
    with pytest.raises(InputError, match="prompt is a text, not \\['a cat'\\]"):
        anything.generate(["a cat"])
    with pytest.raises(InputError, match="seed is a number, not 'x'"):
        anything.generate("a cat", seed="x")
    with pytest.raises(InputError, match=r"whole number, not 2\.5"):
        anything.generate("a cat", iterations=2.5)
    sizes: tuple[Any, ...] = ("wide", (1, 2, 3), (None, 3), 2.5, {})
    for size in sizes:
        with pytest.raises(InputError, match=r"size|width|height"):
            anything.generate("a cat", size=size)
    with pytest.raises(InputError, match="given twice"):
        anything.generate("a cat", size=32, width=32)
    for region in ((0, 0, 2), "a", 5):
        with pytest.raises(InputError, match="region"):
            anything.generate("a cat", source=image, region=region)
    with pytest.raises(InputError, match="damaged or cut short"):
        anything.edit(truncated(tmp_path), "green")
    for array in (np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.uint8), np.zeros(0)):
        with pytest.raises(InputError, match="is no picture"):
            anything.describe(array)
    for thing in (None, 5, b"abc"):
        with pytest.raises(InputError, match="A picture is a path"):
            anything.describe(thing)
    with pytest.raises(InputError, match="question and its answer"):
        anything.describe(image, "What?", turns=(("Who?",),))
