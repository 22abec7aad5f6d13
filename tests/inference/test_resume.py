"""A snapshot goes on to the very same picture, or branches off."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load, save

from tests.tiny import assert_alike
from unipic_tui.errors import InputError
from unipic_tui.events import (
    BackendOptions,
    Event,
    Failed,
    Finished,
    Picture,
    Progress,
    SnapshotTaken,
)
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


def test_pictures_before_the_kept_one_are_not_drawn_again(
    keeping: Pipeline, checkpoint: Path
) -> None:
    job = dataclasses.replace(JOB, count=3)
    single = Pipeline(
        BackendOptions(checkpoint=checkpoint, device="cpu", snapshot_seconds=0.0, batch_size=1)
    )
    data = interrupted(single, job, 2, picture=1)
    events = list(keeping.run(job, data))
    assert [event.index for event in events if isinstance(event, Picture)] == [1, 2]
    assert_finishes(events, finish(single, job))


def assert_finishes(events: list[Event], whole: list[np.ndarray]) -> None:
    final = events[-1]
    assert isinstance(final, Finished)
    assert [picture.index for picture in final.pictures][-1] == len(whole) - 1
    for picture in final.pictures:
        assert_alike(picture.image, whole[picture.index])


@pytest.mark.parametrize("quality", ["full", "fast"])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_pictures_kept_together_go_on_together_or_alone(
    keeping: Pipeline, checkpoint: Path, quality: Quality, most: int
) -> None:
    job = dataclasses.replace(JOB, count=5, quality=quality)
    whole = finish(keeping, job)
    data = interrupted(keeping, job, 3)
    assert len(read_snapshot(data).states) == 5
    other = Pipeline(
        BackendOptions(checkpoint=checkpoint, device="cpu", snapshot_seconds=0.0, batch_size=most)
    )
    events = list(other.run(job, data))
    assert_finishes(events, whole)
    assert [event.index for event in events if isinstance(event, Picture)] == list(range(5))
    progress = [event for event in events if isinstance(event, Progress)]
    assert {event.iteration for event in progress} == {4, 5, 6}
    # Those that still wait are in every further snapshot, which may go on as well.
    for event in events:
        if isinstance(event, SnapshotTaken):
            kept = read_snapshot(event.data)
            assert event.picture + len(kept.states) == 5
    last = [event.data for event in events if isinstance(event, SnapshotTaken)][-1]
    assert_finishes(list(keeping.run(job, last)), whole)


def test_a_snapshot_of_the_first_version_goes_on(keeping: Pipeline) -> None:
    data = interrupted(keeping, JOB, 3)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])["__metadata__"]
    rest = json.loads(header["unipic"]) | {"version": 1, "iteration": 3}
    tensors = load(data)
    tensors["generator"] = tensors["generator"][0]
    old = save(tensors, {"unipic": json.dumps(rest)})
    assert np.array_equal(finish(keeping, JOB, old)[0], finish(keeping, JOB)[0])


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
    assert write_snapshot(kept.job, kept.model, kept.picture, kept.grid, kept.states) == data
    for damaged in (b"", b"\0" * 40, data[:-9], data.replace(b'"version', b'"verzion')):
        with pytest.raises(InputError, match="cannot be read"):
            read_snapshot(damaged)
