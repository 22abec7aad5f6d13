"""Pictures drawn at once are those that are drawn alone, and each has its own events."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.tiny import assert_alike
from unipic_tui.events import (
    BackendOptions,
    Event,
    Failed,
    Finished,
    Picture,
    Preview,
    Progress,
    SnapshotTaken,
    Stage,
)
from unipic_tui.inference import drawing, prepare, sampling, together
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.prepare import prepare_drawing
from unipic_tui.inference.previews import Previews
from unipic_tui.inference.state import SamplerState
from unipic_tui.inference.together import pictures_at_once
from unipic_tui.job_parts import Region
from unipic_tui.jobs import SOLVERS, DescribeJob, EditJob, GenerateJob, Job
from unipic_tui.pictures import load_image

JOB = GenerateJob(prompt="a ring", seed=5, iterations=4)
LONG = "a red circle left of a blue square, and the other way round"


@pytest.fixture(scope="module")
def alone(checkpoint: Path) -> Pipeline:
    """Draws a picture at a time."""
    return Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", batch_size=1))


@pytest.fixture(scope="module")
def eight(checkpoint: Path) -> Pipeline:
    """Draws eight pictures at once."""
    return Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", batch_size=8))


def run_together(pipeline: Pipeline, jobs: Sequence[Job]) -> list[list[Event]]:
    """The events of each job."""
    told: list[list[Event]] = [[] for _ in jobs]
    for place, event in pipeline.run_together(jobs):
        told[place].append(event)
    return told


def finished(events: Sequence[Event]) -> tuple[Picture, ...]:
    final = events[-1]
    assert isinstance(final, Finished), final
    return final.pictures


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The latents of each group of pictures, as they are decoded."""
    kept: list[Tensor] = []
    decode = Previews.decode

    def note(self: Previews, latents: Tensor, grid: tuple[int, int]) -> object:
        kept.append(latents)
        return decode(self, latents, grid)

    monkeypatch.setattr(Previews, "decode", note)
    return kept


JOBS: dict[str, dict[str, object]] = {
    "plain": {},
    "unguided": {"guidance": 1.0},
    "linear": {"schedule": "linear"},
    "spread": {"order": "spread"},
    "exact": {"quality": "exact"},
    "balanced": {"quality": "balanced"},
    "fast": {"quality": "fast", "iterations": 12},
    "cold": {"temperature": 0.5},
    "one iteration": {"iterations": 1, "quality": "fast"},
    **{solver: {"solver": solver} for solver in SOLVERS},
}


@pytest.mark.parametrize("change", JOBS.values(), ids=JOBS)
def test_jobs_drawn_at_once_equal_those_drawn_alone(
    eight: Pipeline, alone: Pipeline, drawn: list[Tensor], change: dict[str, object]
) -> None:
    first = JOB.replace(count=2, **change)
    jobs = [first, first.replace(prompt=LONG, seed=90, count=1)]
    told = run_together(eight, jobs)
    at_once = drawn.pop()
    assert at_once.shape[0] == 3
    drawn.clear()
    single = [finished(list(alone.run(job))) for job in jobs]
    torch.testing.assert_close(at_once, torch.cat(drawn), rtol=1e-3, atol=1e-3)
    for events, pictures in zip(told, single, strict=True):
        for one, other in zip(finished(events), pictures, strict=True):
            assert (one.job, one.index) == (other.job, other.index)
            assert_alike(one.image, other.image)


def test_half_precision_drawn_at_once_is_that_drawn_alone() -> None:
    job = JOB.replace(count=4, quality="balanced")
    drawn: list[list[np.ndarray]] = []
    for size, dtype in ((1, "bfloat16"), (4, "bfloat16"), (1, "float32")):
        options = BackendOptions(None, "cpu", dtype, batch_size=size)
        pictures = finished(list(Pipeline(options).run(job)))
        drawn.append([np.asarray(picture.image, float) for picture in pictures])
    for one, several, exact in zip(*drawn, strict=True):
        assert np.abs(one - several).mean() < 0.1 < np.abs(one - exact).mean()


def test_edits_and_regions_equal_those_made_alone(
    eight: Pipeline, alone: Pipeline, photo: Path, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.png"
    with Image.open(photo) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(turned)
    edit = EditJob(prompt="make it red", source=str(photo), iterations=4, count=2)
    region = JOB.replace(source=str(photo), region=Region(1, 1, 2, 2), count=2)
    for jobs in (
        [edit, edit.replace(source=str(turned), prompt=LONG)],
        [edit.replace(guidance=1.0, quality="fast", iterations=12)],
        [region, region.replace(source=str(turned), prompt=LONG, region=Region(0, 0, 4, 1))],
    ):
        for events, job in zip(run_together(eight, jobs), jobs, strict=True):
            for one, other in zip(finished(events), finished(list(alone.run(job))), strict=True):
                assert_alike(one.image, other.image)


def test_every_picture_has_its_events_under_its_index(pipeline: Pipeline) -> None:
    told = run_together(pipeline, [JOB.replace(count=2), JOB.replace(seed=80)])
    for events, count in zip(told, (2, 1), strict=True):
        progress = [event for event in events if isinstance(event, Progress)]
        assert [(event.iteration, event.picture) for event in progress] == [
            (iteration, picture) for iteration in range(1, 5) for picture in range(count)
        ]
        previews = [
            (event.iteration, event.picture) for event in events if isinstance(event, Preview)
        ]
        assert previews == [(event.iteration, event.picture) for event in progress[:-count]]
        assert [event.index for event in events if isinstance(event, Picture)] == list(range(count))


def test_only_equal_shapes_are_drawn_at_once(pipeline: Pipeline, drawn: list[Tensor]) -> None:
    wide = JOB.replace(width=96)
    jobs = [JOB, JOB.replace(prompt=LONG), wide, wide.replace(guidance=3.0), JOB, JOB]
    pipeline_without = Pipeline(BackendOptions(pipeline.options.checkpoint, device="cpu"))
    for events in run_together(pipeline_without, jobs):
        assert len(finished(events)) == 1
    assert [len(latents) for latents in drawn] == [2, 1, 1, 2]


def test_what_fails_or_answers_leaves_the_others_alone(pipeline: Pipeline, photo: Path) -> None:
    missing = EditJob(prompt="make it red", source="/missing.png")
    asked = DescribeJob(source=str(photo), max_new_tokens=4)
    choosing = JOB.replace(prompt="a red ring", best_of=2)
    told = run_together(pipeline, [JOB, missing, JOB, asked, choosing, JOB])
    kinds = [type(events[-1]) for events in told]
    assert kinds == [Finished, Failed, Finished, Finished, Finished, Finished]
    assert Stage("Reading the question") in told[3]
    assert [len(finished(told[place])) for place in (0, 2, 4, 5)] == [1, 1, 2, 1]


def test_a_batch_size_limits_and_memory_limits_further(
    checkpoint: Path, drawn: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", batch_size=4))
    list(pipeline.load())
    finished(list(pipeline.run(JOB.replace(count=6))))
    assert [len(latents) for latents in drawn] == [4, 2]
    model = pipeline.engine.model
    prepared = prepare_drawing(pipeline.engine, JOB)
    one = together.picture_bytes(model, prepared)
    decoding = together.decode_bytes(model, prepared.grid)
    for free, fits in ((0, 1), (2 * (decoding + 3 * one), 3), (1 << 40, 4), (None, 4)):
        monkeypatch.setattr(together, "free_memory", lambda _, free=free: free)
        assert pictures_at_once(model, prepared, 4) == fits
    assert together.MOST >= pictures_at_once(model, prepared, None) > 1
    large = prepare_drawing(pipeline.engine, JOB.replace(width=128, height=128, iterations=1))
    assert pictures_at_once(model, large, None) == 1


def test_where_memory_runs_out_fewer_pictures_go_on(
    pipeline: Pipeline, alone: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = JOB.replace(count=5)
    expected = finished(list(alone.run(job)))
    sample = pipeline.engine.model.mar.diffloss.sample
    calls: list[int] = []

    def too_much(z: Tensor, *rest: object, **named: object) -> Tensor:
        calls.append(len(z))
        if len(calls) > 2 and len(z) > 12:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sample(z, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline.engine.model.mar.diffloss, "sample", too_much)
    events = list(pipeline.run(job))
    done = [event.iteration for event in events if isinstance(event, Progress)]
    assert len(done) == 5 * 4  # none was done twice
    for one, other in zip(finished(events), expected, strict=True):
        assert_alike(one.image, other.image)


def test_prompts_and_sources_are_read_once_for_all_pictures(
    alone: Pipeline, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    encoded: list[object] = []
    read_prefix = sampling.read_prefix

    def note(model: object, embeddings: Tensor, *rest: object, **named: object) -> object:
        read.append(len(embeddings))
        return read_prefix(model, embeddings, *rest, **named)  # type: ignore[arg-type]

    def note_image(path: str) -> object:
        encoded.append(path)
        return load_image(path)

    monkeypatch.setattr(drawing, "read_prefix", note)
    monkeypatch.setattr(prepare, "load_image", note_image)
    edit = EditJob(prompt="make it red", source=str(photo), iterations=2, count=3)
    finished(list(alone.run(edit)))
    assert (read, encoded) == ([2], [str(photo)])
    read.clear()
    job = JOB.replace(count=2)
    for events in run_together(alone, [job, job.replace(seed=50), job.replace(prompt=LONG)]):
        finished(events)
    assert read == [2, 2]


@pytest.fixture
def small_decodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(drawing, "decoded_at_once", lambda *_: 2)
    yield


@pytest.mark.usefixtures("small_decodes")
def test_a_kill_between_two_decodes_loses_only_what_is_decoded(checkpoint: Path) -> None:
    pipeline = Pipeline(BackendOptions(checkpoint, "cpu", snapshot_seconds=1000.0, batch_size=8))
    job = JOB.replace(count=5)
    events = list(pipeline.run(job))
    told = [
        (event.index if isinstance(event, Picture) else -event.picture)
        for event in events
        if isinstance(event, Picture | SnapshotTaken)
    ]
    assert told == [0, 1, -2, 2, 3, -4, 4]
    kept = next(event.data for event in events if isinstance(event, SnapshotTaken))
    rest = list(pipeline.run(job, kept))
    assert not any(isinstance(event, Progress) for event in rest)
    for one, other in zip(finished(rest), finished(events)[2:], strict=True):
        assert (one.index, one.job) == (other.index, other.job)
        assert_alike(one.image, other.image)


def test_stopping_stops_all(pipeline: Pipeline) -> None:
    running = pipeline.run_together([JOB, JOB])
    assert any(isinstance(event, Progress) for _, event in running)
    running.close()
    assert not torch.is_inference_mode_enabled()
    assert len(finished(list(pipeline.run(JOB)))) == 1


def test_previews_are_projected_where_decoding_is_slow(pipeline: Pipeline) -> None:
    previews = Previews(pipeline.engine)
    grid, tokens = (4, 4), torch.randn(2, 16, 16)
    state = SamplerState.start([1, 2], tokens)
    with torch.inference_mode():
        quick = previews.show(state, 3, grid, 1000.0)
        previews._seconds = 1000.0
        slow = previews.show(state, 3, grid, 1.0)
    assert {image.size for image in (*quick, *slow)} == {(64, 64)}
    for one, other in zip(quick, slow, strict=True):
        assert one.tobytes() != other.tobytes()


def test_a_projection_learns_from_what_was_decoded(pipeline: Pipeline) -> None:
    previews = Previews(pipeline.engine)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        previews.show(_state(generator), 0, (4, 4), 1000.0)
        unseen = torch.randn(1, 16, 16, generator=generator)
        (true,) = pipeline.engine.decode(unseen, (4, 4))

        def error() -> float:
            (image,) = previews.project(unseen, (4, 4))
            small = true.resize(image.size, resample=4)  # the mean of each dot
            return float(np.abs(np.asarray(small, float) - np.asarray(image, float)).mean())

        before = error()
        for _ in range(20):
            previews.decode(torch.randn(2, 16, 16, generator=generator), (4, 4))
        assert error() < before


def _state(generator: torch.Generator) -> SamplerState:
    return SamplerState.start([1], torch.randn(1, 16, 16, generator=generator))


def test_a_picture_is_encoded_and_read_once_for_all_its_questions(
    pipeline: Pipeline, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    lengths: list[int] = []
    see, model = type(pipeline.engine).see, pipeline.engine.model
    read = model.read

    def counted(embeddings: Tensor, **options: Any) -> Tensor:
        lengths.append(embeddings.shape[1])
        return read(embeddings, **options)

    def note(self: object, image: object) -> object:
        seen.append(image)
        return see(self, image)  # type: ignore[arg-type]

    monkeypatch.setattr(type(pipeline.engine), "see", note)
    monkeypatch.setattr(model, "read", counted)
    job = DescribeJob(source=str(photo), max_new_tokens=3)
    for question in ("What?", "How many?", "Where?"):
        list(pipeline.run(job.replace(prompt=question)))
    assert len(seen) <= 1
    whole = model.config.mar.buffer + model.config.mar.grid**2
    assert sum(length > whole for length in lengths) == 1
    pictures = finished(list(pipeline.run(JOB.replace(prompt="a red ring", best_of=2))))
    assert len(seen) <= 1 + len(pictures)
