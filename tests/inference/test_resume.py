"""A snapshot goes on to the very same picture, or branches off."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from unipic_tui.errors import InputError
from unipic_tui.events import BackendOptions, Failed, Finished, Picture, SnapshotTaken
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.snapshot import read_snapshot, write_snapshot
from unipic_tui.job_parts import Region
from unipic_tui.jobs import DrawingJob, EditJob, GenerateJob, Quality

JOB = GenerateJob(prompt="a ring", seed=5, iterations=6)


@pytest.fixture(scope="module")
def keeping(checkpoint: Path) -> Pipeline:
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", snapshot_seconds=0.0))
    list(pipeline.load())
    return pipeline


def finish(pipeline: Pipeline, job: DrawingJob, resume: bytes | None = None) -> list[np.ndarray]:
    final = list(pipeline.run(job, resume))[-1]
    assert isinstance(final, Finished), final
    return [np.asarray(picture.image) for picture in final.pictures]


def interrupted(pipeline: Pipeline, job: DrawingJob, after: int, picture: int = 0) -> bytes:
    """The state kept when a run is stopped."""
    running = pipeline.run(job)
    for event in running:
        if isinstance(event, SnapshotTaken) and (event.picture, event.iteration) == (
            picture,
            after,
        ):
            running.close()
            return event.data
    raise AssertionError("no such state was kept")


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize("quality", ["full", "fast", "exact"])
def test_a_resumed_picture_equals_an_uninterrupted_one(
    keeping: Pipeline, after: int, quality: Quality
) -> None:
    job = dataclasses.replace(JOB, quality=quality)
    data = interrupted(keeping, job, after)
    assert np.array_equal(finish(keeping, job, data)[0], finish(keeping, job)[0])


def test_it_goes_on_in_another_process_state(keeping: Pipeline, checkpoint: Path) -> None:
    data = interrupted(keeping, JOB, 3)
    other = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu"))
    assert np.array_equal(finish(other, JOB, data)[0], finish(keeping, JOB)[0])


def test_edits_and_regions_resume_too(keeping: Pipeline, photo: Path) -> None:
    region = Region(0, 0, 2, 2)
    jobs: tuple[DrawingJob, ...] = (
        EditJob(prompt="make it red", source=str(photo), seed=2),
        dataclasses.replace(JOB, source=str(photo), region=region),
        dataclasses.replace(JOB, source=str(photo), region=region, order="spread"),
    )
    for job in jobs:
        data = interrupted(keeping, job, 2)
        assert np.array_equal(finish(keeping, job, data)[0], finish(keeping, job)[0])


def test_pictures_before_the_kept_one_are_not_drawn_again(keeping: Pipeline) -> None:
    job = dataclasses.replace(JOB, count=3)
    data = interrupted(keeping, job, 2, picture=1)
    events = list(keeping.run(job, data))
    assert [event.index for event in events if isinstance(event, Picture)] == [1, 2]
    whole = finish(keeping, job)
    final = events[-1]
    assert isinstance(final, Finished)
    for picture in final.pictures:
        assert np.array_equal(np.asarray(picture.image), whole[picture.index])


@pytest.mark.parametrize("change", [{"prompt": "a square"}, {"seed": 9}, {"guidance": 7.0}])
def test_another_prompt_or_seed_branches_off(keeping: Pipeline, change: dict[str, object]) -> None:
    data = interrupted(keeping, JOB, 4)
    job = dataclasses.replace(JOB, **change)  # type: ignore[arg-type]
    branch, whole, anew = (
        finish(keeping, job, data)[0],
        finish(keeping, JOB)[0],
        finish(keeping, job)[0],
    )
    assert not np.array_equal(branch, whole)
    assert not np.array_equal(branch, anew)


def test_what_does_not_fit_is_refused(keeping: Pipeline, checkpoint: Path) -> None:
    data = interrupted(keeping, JOB, 3)
    for job in (
        dataclasses.replace(JOB, width=96),
        dataclasses.replace(JOB, iterations=4),
    ):
        final = list(keeping.run(job, data))[-1]
        assert isinstance(final, Failed)
        assert "another size or other iterations" in final.message
    other = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", dtype="bfloat16"))
    final = list(other.run(JOB, data))[-1]
    assert isinstance(final, Failed)
    assert "of another model than tiny" in final.message
    final = list(keeping.run(JOB, data[:200]))[-1]
    assert isinstance(final, Failed)
    assert "cannot be read" in final.message


def test_bytes_survive_the_way_and_damage_is_found(keeping: Pipeline) -> None:
    data = interrupted(keeping, JOB, 3)
    kept = read_snapshot(data)
    assert kept.job == dataclasses.replace(
        JOB, width=64, height=64, guidance=2.0, head_steps=4, iterations=6, order="random"
    )
    assert write_snapshot(kept.job, kept.model, kept.picture, kept.grid, kept.state) == data
    for damaged in (b"", b"\0" * 40, data[:-9], data.replace(b'"version', b'"verzion')):
        with pytest.raises(InputError, match="cannot be read"):
            read_snapshot(damaged)
