"""From a job to events: the one way in which pictures and answers are made.

`Pipeline.run` is a generator. Whoever stops iterating it cancels the job; memory goes back then.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator

import torch
from PIL import Image

from unipic_tui.errors import DeviceError, UnipicError
from unipic_tui.events import (
    Backend,
    BackendInfo,
    BackendOptions,
    Event,
    Failed,
    Finished,
    Loading,
    Memory,
    Notice,
    Picture,
    Preview,
    Progress,
    SnapshotTaken,
    Stage,
    Text,
)
from unipic_tui.inference.describe import DECODING_SETTINGS, decode_stream, generate_tokens
from unipic_tui.inference.engine import (
    MEMORY_ERRORS,
    Engine,
    device_memory,
    is_out_of_memory,
    load_engine,
    release,
)
from unipic_tui.inference.images import at_output_size
from unipic_tui.inference.prepare import (
    Preparation,
    answer_room,
    check_snapshot,
    look_at,
    prepare_drawing,
    start_drawing,
)
from unipic_tui.inference.ranking import choose_best
from unipic_tui.inference.sampling import Step
from unipic_tui.inference.snapshot import Snapshot, read_snapshot, write_snapshot
from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import DescribeJob, DrawingJob, GenerateJob, Job
from unipic_tui.sizes import TOKEN_PIXELS

_MASKED_GREY = (127, 127, 127)
_END = object()


class Clock:
    """Measures iterations and says how long the rest of a job will take."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        self._steps: list[float] = []
        self._last = time.monotonic()

    def left(self, picture: int, step: Step) -> float | None:
        """Seconds left after a step, from the mean of those measured; the first one warms up."""
        now = time.monotonic()
        self._steps.append(now - self._last)
        self._last = now
        measured = self._steps[1:]
        if not measured:
            return None
        mean = sum(measured) / len(measured)
        todo = step.iterations - step.iteration + (self.pictures - picture - 1) * step.iterations
        return mean * todo

    def resume(self) -> None:
        """Leave out what happened since the last step: a decode is no iteration."""
        self._last = time.monotonic()


class Pipeline:
    """Runs jobs on one checkpoint; the `Backend` of the command line and the app."""

    def __init__(self, options: BackendOptions) -> None:
        self.options = options
        self._engine: Engine | None = None

    def load(self) -> Iterator[Loading]:
        """Load the checkpoint unless it is loaded.

        Raises:
            CheckpointError: the checkpoint cannot be used.
            DeviceError: the device is not there, or too small.
        """
        if self._engine is not None:
            return
        for event in load_engine(self.options):
            if isinstance(event, Loading):
                yield event
            else:
                self._engine = event

    @property
    def engine(self) -> Engine:
        """The loaded model; `RuntimeError` before `load`."""
        if self._engine is None:
            raise RuntimeError("no checkpoint is loaded")
        return self._engine

    @property
    def info(self) -> BackendInfo:
        """What was loaded; only after `load`."""
        return self.engine.info

    def memory(self) -> Memory:
        """Memory of the device now."""
        return Memory(0, 0) if self._engine is None else device_memory(self._engine.model.device)

    def close(self) -> None:
        """Give the model's memory back; `load` may be called again."""
        if self._engine is not None:
            device = self._engine.model.device
            self._engine = None
            release(device)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        """Run a job; see `unipic_tui.events.Backend.run`."""
        yield from self.load()
        device = self.engine.model.device
        try:
            if isinstance(job, GenerateJob) and job.best_of is not None:
                yield from choose_best(self, job, resume)
            elif isinstance(job, DrawingJob):
                yield from self._draw(job, resume)
            elif isinstance(job, DescribeJob):
                yield from self._describe(job)
        except UnipicError as error:
            yield Failed(error.title, error.message)
        except MEMORY_ERRORS as error:
            if not is_out_of_memory(error):
                raise
            failure = self._out_of_memory(job)
            release(device)
            yield Failed(failure.title, failure.message)
        finally:
            release(device)

    def _out_of_memory(self, job: Job) -> DeviceError:
        memory = self.memory()
        size = f" ({memory.total / 1e9:.0f} GB)" if memory.total else ""
        what = "a smaller size" if job.draws else "a smaller image"
        return DeviceError(
            f"{self.info.device}{size} ran out of memory: use {what}, --dtype bfloat16, or close "
            "other programs that use it."
        )

    def _draw(self, job: DrawingJob, resume: bytes | None) -> Generator[Event, None, None]:
        began = time.monotonic()
        yield Stage("Reading the prompt" if job.source is None else "Encoding the picture")
        with torch.inference_mode():
            prepared = prepare_drawing(self.engine, job)
        snapshot = (
            None if resume is None else check_snapshot(self.engine, prepared, read_snapshot(resume))
        )
        for notice in prepared.notices:
            yield Notice(notice)
        clock = Clock(job.count)
        pictures: list[Picture] = []
        for index in range(snapshot.picture if snapshot else 0, prepared.job.count):
            yield from self._draw_one(prepared, index, clock, pictures, snapshot)
            snapshot = None
        yield Finished(tuple(pictures), seconds=time.monotonic() - began)

    def _draw_one(
        self,
        prepared: Preparation,
        index: int,
        clock: Clock,
        pictures: list[Picture],
        snapshot: Snapshot | None,
    ) -> Generator[Event, None, None]:
        began = time.monotonic()
        engine, grid = self.engine, prepared.grid
        own = dataclasses.replace(prepared.job, seed=prepared.job.seed + index, count=1)
        shown_at = snapshot_at = began
        # A generator must not hold inference mode over a yield: it would leak into the caller.
        if own.source is not None:
            yield Stage("Reading the prompt")
        with torch.inference_mode():
            run, steps = start_drawing(engine, prepared, own, snapshot)
        yield Stage("First iteration")
        while True:
            with torch.inference_mode():
                step = next(steps, None)
            if step is None:
                break
            known = run.known(step.masked)[0]
            left = clock.left(index, step)
            yield Progress(
                index, prepared.job.count, step.iteration, step.iterations, known, *grid, left
            )
            if step.masked and _due(self.options.preview_seconds, shown_at):
                yield Preview(index, step.iteration, self._preview(run, known, grid))
                shown_at = time.monotonic()
            if step.masked and _due(self.options.snapshot_seconds, snapshot_at):
                yield SnapshotTaken(
                    index, step.iteration, write_snapshot(own, engine.fingerprint, index, grid, run)
                )
                snapshot_at = time.monotonic()
            clock.resume()
        yield Stage("Decoding")
        with torch.inference_mode():
            image = at_output_size(engine.decode(run.tokens, grid), prepared.output)
        clock.resume()
        seconds = time.monotonic() - began
        pictures.append(Picture(index, image, own, engine.info.model, seconds))
        yield pictures[-1]

    def _preview(
        self, run: SamplerState, known: tuple[bool, ...], grid: tuple[int, int]
    ) -> Image.Image:
        with torch.inference_mode():
            image = self.engine.decode(run.tokens, grid)
        for place, drawn in enumerate(known):
            if not drawn:
                row, column = divmod(place, grid[1])
                left, top = column * TOKEN_PIXELS, row * TOKEN_PIXELS
                box = (left, top, left + TOKEN_PIXELS, top + TOKEN_PIXELS)
                image.paste(_MASKED_GREY, box)
        return image

    def _describe(self, job: DescribeJob) -> Generator[Event, None, None]:
        began = time.monotonic()
        engine = self.engine
        stop = engine.codec.stop
        yield Stage("Encoding the picture")
        with torch.inference_mode():
            embeddings = look_at(engine, job)
        yield Stage("Reading the question")
        with torch.inference_mode():
            tokens = generate_tokens(
                engine.model,
                embeddings,
                answer_room(engine, job, embeddings),
                stop=stop,
                config=engine.generation,
                **{name: getattr(job, name) for name in DECODING_SETTINGS},
            )
        pieces = decode_stream(engine.codec.decode, tokens)
        said = ""
        while True:
            # A generator must not hold inference mode over a yield: it would leak into the caller.
            with torch.inference_mode():
                piece = next(pieces, _END)
            if piece is _END:
                break
            if piece:
                assert isinstance(piece, str)
                said += piece
                yield Text(piece)
        yield Finished(text=said.strip(), seconds=time.monotonic() - began)


def _due(every: float | None, last: float) -> bool:
    return every is not None and time.monotonic() - last >= every


def create_backend(options: BackendOptions) -> Backend:
    """The backend that the command line and the app use."""
    return Pipeline(options)
