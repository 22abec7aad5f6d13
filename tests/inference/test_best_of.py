"""Best of N: the pipeline draws, looks and chooses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tiny import assert_alike, make_native
from unipic_tui.errors import InputError
from unipic_tui.events import (
    BackendOptions,
    Event,
    Failed,
    Finished,
    Judged,
    Picture,
    Progress,
    SnapshotTaken,
)
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.jobs import GenerateJob

JOB = GenerateJob(prompt="a red ring", seed=7, best_of=3, iterations=3)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("tiny")
    make_native(folder)
    pipeline = Pipeline(BackendOptions(checkpoint=folder, device="cpu", snapshot_seconds=0.0))
    yield pipeline
    pipeline.close()


def finished(events: list[Event]) -> tuple[Picture, ...]:
    assert isinstance(events[-1], Finished)
    return events[-1].pictures


def test_all_pictures_come_best_first_with_their_marks(pipeline: Pipeline) -> None:
    events = list(pipeline.run(JOB))
    pictures = finished(events)
    assert pictures == tuple(event for event in events if isinstance(event, Picture))
    assert [picture.index for picture in pictures] == [0, 1, 2]
    assert sorted(picture.job.seed for picture in pictures) == [7, 8, 9]
    marks = [picture.mark for picture in pictures]
    assert None not in marks
    assert marks == sorted(marks, key=lambda mark: -(mark or 0))
    judged = {event.seed: event.mark for event in events if isinstance(event, Judged)}
    assert judged == {picture.job.seed: picture.mark for picture in pictures}
    assert {event.pictures for event in events if isinstance(event, Progress)} == {3}


def test_each_is_the_picture_of_its_seed(pipeline: Pipeline) -> None:
    for picture in finished(list(pipeline.run(JOB))):
        assert isinstance(picture.job, GenerateJob) and picture.job.best_of is None
        (again,) = finished(list(pipeline.run(picture.job)))
        assert_alike(again.image, picture.image)


def test_a_kept_state_goes_on_to_the_same_choice(pipeline: Pipeline) -> None:
    whole = list(pipeline.run(JOB))
    kept = [event for event in whole if isinstance(event, SnapshotTaken) and event.iteration == 2]
    again = finished(list(pipeline.run(JOB, kept[0].data)))
    assert [(each.job, each.mark) for each in again] == [
        (each.job, each.mark) for each in finished(whole)
    ]


def test_what_cannot_be_judged_or_chosen_is_refused(pipeline: Pipeline) -> None:
    (failed,) = pipeline.run(JOB.replace(prompt="?!"))
    assert isinstance(failed, Failed) and "finds nothing in the prompt" in failed.message
    with pytest.raises(InputError, match="The best 3 of 3 are all of them"):
        JOB.replace(count=3)
    with pytest.raises(InputError, match="use 2 to 64"):
        JOB.replace(best_of=1)
