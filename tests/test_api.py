"""The Python interface: its documentation runs, on the embedded checkpoint."""

from __future__ import annotations

import doctest
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import unipic_tui
from tests.fakes import gradient
from tests.tiny import make_native
from unipic_tui import paths
from unipic_tui.api import UniPic
from unipic_tui.errors import CheckpointError, InputError, UnipicError
from unipic_tui.events import Finished, Picture, Preview, Progress, Text


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
