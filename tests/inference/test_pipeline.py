"""Jobs to events on a tiny model."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.fakes import gradient
from tests.tiny import assert_alike
from unipic_tui.errors import CheckpointError, DeviceError
from unipic_tui.events import (
    BackendOptions,
    Event,
    Failed,
    Finished,
    Loading,
    Notice,
    Picture,
    Preview,
    Progress,
    Stage,
    Text,
)
from unipic_tui.inference import engine, processor
from unipic_tui.inference.engine import choose_device, choose_dtype, choose_threads
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.processor import free_memory, processors
from unipic_tui.job_parts import Region, Turn
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob, Job


def events_of(pipeline: Pipeline, job: Job) -> list[Event]:
    return list(pipeline.run(job))


def pictures_of(pipeline: Pipeline, job: Job) -> list[np.ndarray]:
    final = events_of(pipeline, job)[-1]
    assert isinstance(final, Finished), final
    return [np.asarray(picture.image) for picture in final.pictures]


def failure_of(pipeline: Pipeline, job: Job) -> str:
    final = events_of(pipeline, job)[-1]
    assert isinstance(final, Failed), final
    return final.message


def test_loading_is_told_once(checkpoint: Path) -> None:
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu"))
    with pytest.raises(RuntimeError):
        _ = pipeline.info
    events = events_of(pipeline, GenerateJob(prompt="a"))
    fractions = [event.fraction for event in events if isinstance(event, Loading)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert not any(isinstance(e, Loading) for e in events_of(pipeline, GenerateJob(prompt="a")))
    assert pipeline.info.model == "tiny"
    pipeline.close()
    with pytest.raises(RuntimeError):
        _ = pipeline.info


def test_a_drawing_tells_its_way(pipeline: Pipeline) -> None:
    events = events_of(pipeline, GenerateJob(prompt="a ring", width=96, height=64, count=2))
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.picture, event.iteration) for event in progress] == [
        (picture, iteration) for iteration in range(1, 6) for picture in range(2)
    ]
    assert [event.fraction for event in progress[::2]] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert {(event.rows, event.columns, event.iterations) for event in progress} == {(4, 6, 5)}
    for picture in range(2):
        assert [sum(event.known) for event in progress[picture::2]] == [
            24 - masked for masked in (22, 19, 14, 7, 0)
        ]
    assert {event.seconds_left for event in progress[:2]} == {None}
    assert all(event.seconds_left is not None for event in progress[2:])
    assert progress[-1].seconds_left == 0
    previews = [event for event in events if isinstance(event, Preview)]
    assert [event.picture for event in previews] == [0, 1] * 4
    assert all(event.image.size == (96, 64) for event in previews)
    final = events[-1]
    assert isinstance(final, Finished)
    assert final.pictures == tuple(event for event in events if isinstance(event, Picture))
    assert [picture.image.size for picture in final.pictures] == [(96, 64)] * 2


def test_masked_tokens_of_a_preview_are_grey(pipeline: Pipeline) -> None:
    events = events_of(pipeline, GenerateJob(prompt="a ring"))
    place = next(i for i, event in enumerate(events) if isinstance(event, Preview))
    progress, preview = events[place - 1], events[place]
    assert isinstance(progress, Progress)
    assert isinstance(preview, Preview)
    pixels = np.asarray(preview.image)
    for token, known in enumerate(progress.known):
        row, column = divmod(token, progress.columns)
        part = pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        assert bool((part == 127).all()) is not known


def test_a_pictures_job_makes_it_again(pipeline: Pipeline) -> None:
    final = events_of(pipeline, GenerateJob(prompt="a ring", count=3, seed=40))[-1]
    assert isinstance(final, Finished)
    last = final.pictures[2]
    assert last.job == GenerateJob(
        prompt="a ring",
        seed=42,
        width=64,
        height=64,
        guidance=2.0,
        iterations=5,
        order="random",
        head_steps=4,
    )
    assert_alike(pictures_of(pipeline, last.job)[0], last.image)
    assert not np.array_equal(np.asarray(final.pictures[0].image), np.asarray(last.image))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a blue square"},
        {"guidance": 5.0},
        {"schedule": "linear"},
        {"temperature": 0.5},
        {"head_steps": 9},
        {"iterations": 2},
        {"order": "spread"},
        {"quality": "exact"},
        {"quality": "fast"},
        {"unconditional": "something else"},
        {"seed": 1},
    ],
)
def test_every_setting_matters(pipeline: Pipeline, change: dict[str, object]) -> None:
    job = GenerateJob(prompt="a ring")
    changed = dataclasses.replace(job, **change)  # type: ignore[arg-type]
    assert not np.array_equal(pictures_of(pipeline, job)[0], pictures_of(pipeline, changed)[0])


def test_an_edit_keeps_size_and_depends_on_source_and_words(
    pipeline: Pipeline, photo: Path
) -> None:
    job = EditJob(prompt="make it green", source=str(photo))
    edited = pictures_of(pipeline, job)[0]
    assert edited.shape == (60, 100, 3)
    assert np.array_equal(edited, pictures_of(pipeline, dataclasses.replace(job, guidance=1.5))[0])
    grids = {(e.rows, e.columns) for e in events_of(pipeline, job) if isinstance(e, Progress)}
    assert grids == {(2, 4)}
    for change in ({"prompt": "make it red"}, {"guidance": 1.0}, {"size": 96}):
        other = dataclasses.replace(job, **change)
        assert not np.array_equal(edited, pictures_of(pipeline, other)[0])


def test_a_region_is_drawn_anew_at_the_sources_size(pipeline: Pipeline, photo: Path) -> None:
    job = GenerateJob(prompt="a ring", source=str(photo), region=Region(1, 1, 2, 2))
    events = events_of(pipeline, job)
    assert [event.message for event in events if isinstance(event, Notice)] == [
        "The source is 100×60; it was scaled to 96×64, whole tokens of 16 pixels."
    ]
    first = next(event for event in events if isinstance(event, Progress))
    assert (first.rows, first.columns) == (4, 6)
    assert sum(first.known) > 20
    outside = dataclasses.replace(job, region=Region(5, 1, 2, 2))
    assert "does not lie inside the picture, which has 6×4 tokens" in failure_of(pipeline, outside)


def test_a_description_is_streamed(pipeline: Pipeline, photo: Path) -> None:
    job = DescribeJob(source=str(photo), max_new_tokens=12)
    events = events_of(pipeline, job)
    final = events[-1]
    assert isinstance(final, Finished)
    assert "".join(e.delta for e in events if isinstance(e, Text)).strip() == final.text
    assert events_of(pipeline, job)[-1].text == final.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [{"prompt": "How many?"}, {"turns": (Turn("What?", "a ring"),)}, {"vision": "siglip2"}],
)
def test_an_answer_depends_on_question_turns_and_encoder(
    pipeline: Pipeline, photo: Path, change: dict[str, object]
) -> None:
    job = DescribeJob(source=str(photo), max_new_tokens=40, temperature=1.0, seed=3)
    changed = dataclasses.replace(job, **change)  # type: ignore[arg-type]
    first, second = (events_of(pipeline, one)[-1] for one in (job, changed))
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert first.text != second.text


def test_sampled_answers_depend_on_their_seed(pipeline: Pipeline, photo: Path) -> None:
    job = DescribeJob(source=str(photo), max_new_tokens=12, temperature=3.0)
    answers = [events_of(pipeline, dataclasses.replace(job, seed=seed))[-1] for seed in (1, 1, 2)]
    texts = [answer.text for answer in answers if isinstance(answer, Finished)]
    assert texts[0] == texts[1] != texts[2]


def test_stopping_cancels_and_the_next_job_works(pipeline: Pipeline) -> None:
    running = pipeline.run(GenerateJob(prompt="a ring", count=4))
    assert isinstance(next(event for event in running if not isinstance(event, Stage)), Progress)
    running.close()
    assert not torch.is_inference_mode_enabled()
    assert len(pictures_of(pipeline, GenerateJob(prompt="a ring"))) == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_is_said_and_survived(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise error

        patch.setattr(pipeline.engine.model.vae, "decode", fail)
        said = failure_of(pipeline, GenerateJob(prompt="a ring"))
    assert "ran out of memory: use a smaller size" in said
    assert len(pictures_of(pipeline, GenerateJob(prompt="a ring"))) == 1


def test_what_cannot_be_done_is_said(pipeline: Pipeline, tmp_path: Path, photo: Path) -> None:
    assert "shorten it by" in failure_of(pipeline, GenerateJob(prompt="a ring " * 200))
    missing = str(tmp_path / "missing.png")
    assert "missing.png" in failure_of(pipeline, EditJob(prompt="make it red", source=missing))
    assert "missing.png" in failure_of(pipeline, DescribeJob(source=missing))
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo.read_bytes()[:300])
    assert "damaged" in failure_of(pipeline, EditJob(prompt="make it red", source=str(broken)))


@pytest.mark.parametrize(
    ("name", "cuda", "sentence"),
    [
        ("cuda", 0, r"CUDA is not available \(PyTorch is .*\): use --device cpu"),
        ("cuda:2", 2, "There is no cuda:2; this computer has 2 of them"),
        ("mps", 0, "There is no Apple GPU here"),
        ("tpu", 0, "The device 'tpu' is unknown"),
        ("xpu:9", 0, "The device 'xpu:9' is not there"),
    ],
)
def test_devices_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, name: str, cuda: int, sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=sentence):
        choose_device(name)


def test_devices_and_types() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    cpu = torch.device("cpu")
    assert choose_dtype("auto", cpu, 10_000_000) == torch.float32
    assert choose_dtype("auto", torch.device("cuda"), 10) == torch.bfloat16
    with pytest.raises(DeviceError, match="is unknown"):
        choose_dtype("int8", cpu, 10)


@pytest.mark.parametrize(
    ("narrow_rate", "free", "chosen"),
    [
        (400e9, 64e9, torch.bfloat16),
        (150e9, 64e9, torch.float32),  # close: float32 rounds less
        (40e9, 64e9, torch.float32),
        (40e9, 17e9, torch.bfloat16),  # 16 GB of weights in float32 leave no room to draw
    ],
)
def test_large_models_take_what_the_processor_multiplies_faster(
    monkeypatch: pytest.MonkeyPatch, narrow_rate: float, free: float, chosen: torch.dtype
) -> None:
    rates = {torch.bfloat16: narrow_rate, torch.float32: 150e9}
    monkeypatch.setattr(engine, "product_rate", rates.__getitem__)
    monkeypatch.setattr(engine, "free_memory", lambda: int(free))
    assert choose_dtype("auto", torch.device("cpu"), 4_000_000_000) == chosen
    assert choose_dtype("bfloat16", torch.device("cpu"), 4_000_000_000) == torch.bfloat16


@pytest.mark.parametrize(
    ("parameters", "granted", "threads"),
    [(10_000_000, 4, 1), (4_000_000_000, 2, 2), (4_000_000_000, 9, 3), (4_000_000_000, None, 3)],
)
def test_threads_are_no_more_than_help(
    monkeypatch: pytest.MonkeyPatch, parameters: int, granted: int | None, threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(engine, "processors", lambda: granted)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        choose_threads(torch.device("cuda"), parameters)
        assert torch.get_num_threads() == 3
        choose_threads(torch.device("cpu"), parameters)
        assert torch.get_num_threads() == threads
        torch.set_num_threads(3)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        choose_threads(torch.device("cpu"), parameters)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_container_limits_processors_and_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "_CONTROL_GROUP", tmp_path)
    assert processors() is None
    machine = free_memory()
    assert machine > 1_000_000
    for name, text in (("cpu.max", "150000 100000\n"), ("memory.max", "1000\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "memory.current").write_text("300\n")
    assert processors() == 2
    assert free_memory() == 700
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert processors() is None
    assert free_memory() > 1_000_000


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_types_draw_too(checkpoint: Path, dtype: str) -> None:
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", dtype=dtype))
    assert pictures_of(pipeline, GenerateJob(prompt="a ring"))[0].shape == (64, 64, 3)
    assert pipeline.engine.model.dtype == getattr(torch, dtype)


def test_weights_are_told_apart_and_known_again_in_any_type(
    checkpoint: Path, pipeline: Pipeline, tmp_path: Path
) -> None:
    narrow = Pipeline(BackendOptions(checkpoint=checkpoint, device="cpu", dtype="bfloat16"))
    list(narrow.load())
    assert narrow.info.weights == pipeline.info.weights
    assert narrow.engine.fingerprint != pipeline.engine.fingerprint
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights["mar.decoder_norm.bias"][0] += 1
    save_file(weights, tmp_path / "model.safetensors")
    trained = Pipeline(BackendOptions(checkpoint=tmp_path, device="cpu"))
    list(trained.load())
    assert trained.info.weights != pipeline.info.weights


def test_a_foreign_tokenizer_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(CheckpointError, match="cannot be read"):
        list(Pipeline(BackendOptions(checkpoint=tmp_path)).load())
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        list(Pipeline(BackendOptions(checkpoint=tmp_path)).load())


def test_a_template_changes_what_the_model_is_told(pipeline: Pipeline) -> None:
    plain = GenerateJob(prompt=" a ring ", guidance=1)
    sentence = plain.replace(template="sentence")
    assert plain.instruction == "Generate an image:  a ring "
    assert sentence.instruction == "Generate an image: a ring."
    codec = pipeline.engine.codec
    assert codec.draw("a ring.") == codec.draw(" a ring ", "sentence")
    drawn, same = pictures_of(pipeline, sentence), pictures_of(pipeline, plain)
    assert not np.array_equal(drawn[0], same[0])
    said = pictures_of(pipeline, plain.replace(prompt="a ring."))
    assert np.array_equal(drawn[0], said[0])


def test_a_square_fit_edits_the_central_square(pipeline: Pipeline, tmp_path: Path) -> None:
    wide = gradient(96, 32, "wide")
    wide.save(tmp_path / "wide.png")
    wide.crop((32, 0, 64, 32)).save(tmp_path / "middle.png")
    job = EditJob(source=str(tmp_path / "wide.png"), prompt="bluer", size=48, fit="square")
    (image,) = pictures_of(pipeline, job)
    assert image.shape == (48, 48, 3)
    (middle,) = pictures_of(pipeline, job.replace(source=str(tmp_path / "middle.png")))
    assert np.array_equal(image, middle)
    assert pictures_of(pipeline, job.replace(fit="keep"))[0].shape == (32, 96, 3)


def test_stages_name_what_takes_its_time(pipeline: Pipeline, tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    gradient(32, 32, "a").save(source)
    job = EditJob(prompt="bluer", source=str(source), iterations=2, head_steps=2)
    told = [event.doing for event in pipeline.run(job) if isinstance(event, Stage)]
    assert told == ["Encoding the picture", "Reading the prompt", "First iteration", "Decoding"]
