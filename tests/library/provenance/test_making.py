"""What becomes of provenance in the library: a job that claims nothing it was not told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.library.provenance.building import (
    A1111,
    NEGATIVE,
    PROMPT,
    exif,
    graph,
    picture,
    with_texts,
)
from unipic_tui.job_json import job_from_dict
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.provenance import FILE, read_making, read_provenance

MODEL = 0x0110


def test_all_that_is_told_is_in_the_job(tmp_path: Path) -> None:
    entry, stored, text = read_making(with_texts(tmp_path / "a.png", parameters=A1111))
    assert (entry.origin, stored.model, stored.seed) == ("A1111", "mistmix", 424242)
    assert entry.job == stored.job
    assert text == ("parameters", A1111)
    assert job_from_dict(dict(entry.job)) == GenerateJob(
        prompt=PROMPT, unconditional=NEGATIVE, seed=424242, iterations=30, guidance=5.5,
        width=832, height=1216,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("Sampler: Euler", None),
        ("Seed: -1", None),
        (f"Seed: {2**64 - 1}", 2**64 - 1),
        ("Seed: 0", 0),
    ],
)
def test_a_seed_is_whole_or_unknown(tmp_path: Path, settings: str, told: int | None) -> None:
    text = f"a fox\nSteps: 20, {settings}"
    path = with_texts(tmp_path / "a.png", parameters=text)
    entry, stored, _ = read_making(path)
    assert read_provenance(path).seed == stored.seed == told
    assert job_from_dict(dict(entry.job)).seed == (told or 0)


@pytest.mark.parametrize("size", ["540x960", "16x8", "512x99999"])
def test_a_size_that_no_job_can_have_leaves_no_half(tmp_path: Path, size: str) -> None:
    text = f"a fox\nSteps: 20, Size: {size}"
    path = with_texts(tmp_path / "a.png", parameters=text)
    entry, found = read_making(path)[0], read_provenance(path)
    job = job_from_dict(dict(entry.job))
    assert isinstance(job, GenerateJob)
    assert (job.width, job.height) == (None, None)
    assert f"{found.width}x{found.height}" == size


def test_settings_alone_are_called_after_the_file(tmp_path: Path) -> None:
    text = A1111.splitlines()[-1]
    path = with_texts(tmp_path / "the file.png", parameters=text)
    entry, stored, _ = read_making(path)
    assert (entry.origin, entry.job["prompt"], stored.seed) == ("A1111", "the file", 424242)
    assert read_provenance(path).prompt is None


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    entry, stored, text = read_making(with_texts(tmp_path / "a.png", Title="x"))
    assert (entry.origin, job_from_dict(dict(entry.job))) == (FILE, GenerateJob(prompt="a"))
    assert (stored.seed, text) == (None, None)


def test_an_import_as_png_keeps_what_told_it(library: Library, tmp_path: Path) -> None:
    """The library keeps PNG files: of others, the text goes along."""
    session = library.sessions.create("x").id
    block = exif({MODEL: b"prompt:" + json.dumps(graph()).encode() + b"\0"}, ">", 2)
    path = picture(tmp_path / "a.webp", "WEBP", block)
    taken = library.importing.file(session, path)
    assert taken.path.suffix == ".png"
    assert read_provenance(taken.path) == read_provenance(path)
