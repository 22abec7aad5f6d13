"""A backend without a model: quick, deterministic, and failing on request."""

from __future__ import annotations

import dataclasses
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from PIL import Image

from unipic_tui.defaults import Defaults
from unipic_tui.errors import DeviceError, InputError
from unipic_tui.events import (
    BackendInfo,
    BackendOptions,
    Event,
    Failed,
    Finished,
    Loading,
    Memory,
    Picture,
    Preview,
    Progress,
    SnapshotTaken,
    Text,
)
from unipic_tui.inference.ranking import choose_best
from unipic_tui.jobs import DescribeJob, DrawingJob, EditJob, GenerateJob, Job
from unipic_tui.sizes import TOKEN_PIXELS

Failure = Literal["load", "job", "crash"]
ITERATIONS = 8


def gradient(width: int, height: int, key: str) -> Image.Image:
    """A small RGB picture that depends on ``key`` alone, told apart by its colours."""
    code = zlib.crc32(key.encode())
    horizontal = Image.linear_gradient("L").rotate(90).resize((width, height))
    vertical = Image.linear_gradient("L").resize((width, height))
    flat = Image.new("L", (width, height), code % 256)
    bands = [horizontal, vertical, flat]
    turn = code // 256 % 3
    return Image.merge("RGB", bands[turn:] + bands[:turn])


class FakeBackend:
    """Draws gradients and describes sizes.

    Args:
        options: as every backend gets them; previews come at every iteration when
            ``preview_seconds`` is set.
        delay: seconds that each iteration, and each word of an answer, takes.
        fail: ``load`` raises `DeviceError` when loading, ``job`` ends every job in `Failed` half
            way, ``crash`` raises `RuntimeError` half way, as a bug would.
        size: side of the pictures, in pixels, for jobs that name none.
        weights: what tells it from others of its name.

    Attributes:
        jobs: every job that was run, oldest first.
        resumed: for each job that went on from a snapshot, the picture and the iteration of it.
        cancelled: how many were stopped before their end.
        loaded: whether the checkpoint counts as loaded.
        loads: how often it was loaded.
    """

    def __init__(
        self,
        options: BackendOptions | None = None,
        *,
        delay: float = 0.0,
        fail: Failure | None = None,
        size: int = 64,
        weights: str = "fa4e",
    ) -> None:
        self.options = options or BackendOptions()
        self.delay = delay
        self.fail = fail
        self.size = size
        self.weights = weights
        self.jobs: list[Job] = []
        self.resumed: list[tuple[int, int]] = []
        self.cancelled = 0
        self.loaded = False
        self.loads = 0

    def load(self) -> Iterator[Loading]:
        if self.loaded:
            return
        yield Loading("weights", 0.5)
        if self.fail == "load":
            raise DeviceError("There is no CUDA device here: use --device cpu.")
        self.loaded = True
        self.loads += 1
        yield Loading("weights", 1.0)

    @property
    def info(self) -> BackendInfo:
        if not self.loaded:
            raise RuntimeError("info was asked for before load")
        checkpoint = self.options.checkpoint
        return BackendInfo(
            model=checkpoint.name if checkpoint else "fake",
            device="cpu" if self.options.device == "auto" else self.options.device,
            parameters=1_000_000,
            defaults=Defaults(self.size, self.size, 3.0, ITERATIONS, 10),
            embedded=checkpoint is None,
            weights=self.weights,
        )

    def memory(self) -> Memory:
        return Memory(used=100_000_000 if self.loaded else 0, total=1_000_000_000)

    def close(self) -> None:
        self.loaded = False

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        try:
            yield from self.load()
        except DeviceError as error:
            yield Failed(error.title, error.message)
            return
        if isinstance(job, GenerateJob) and job.best_of is not None:
            yield from choose_best(self, job, resume)
            return
        self.jobs.append(job)
        try:
            if isinstance(job, DrawingJob):
                yield from self._draw(job, resume)
            elif isinstance(job, DescribeJob):
                yield from self._describe(job)
        except GeneratorExit:
            self.cancelled += 1
            raise

    def run_together(self, jobs: Iterable[Job]) -> Generator[tuple[int, Event], None, None]:
        for place, job in enumerate(jobs):
            with closing(self.run(job)) as events:
                yield from ((place, event) for event in events)

    def _draw(self, job: DrawingJob, resume: bytes | None) -> Generator[Event, None, None]:
        started = time.monotonic()
        try:
            width, height = self._picture_size(job)
        except OSError:
            source = Path(job.source or "").name
            yield Failed(InputError.title, f"Cannot read the image {source}: check the path.")
            return
        iterations = job.iterations or ITERATIONS
        pictures: list[Picture] = []
        first, done = (0, 0) if resume is None else map(int, resume.split(b","))
        if resume is not None:
            self.resumed.append((first, done))
        for index in range(first, job.count):
            began = time.monotonic()
            filled = self._filled(job, index, width, height)
            image = gradient(width, height, f"{filled.prompt} {filled.seed}")
            for iteration in range(1 + (done if index == first else 0), iterations + 1):
                time.sleep(self.delay)
                if iteration > iterations // 2 and self.fail == "crash":
                    raise RuntimeError("the fake backend crashed, as told")
                if iteration > iterations // 2 and self.fail == "job":
                    yield Failed("Device trouble", "Out of memory: draw a smaller picture.")
                    return
                yield self._progress(job, index, iteration, iterations, (width, height))
                if self.options.snapshot_seconds is not None and iteration < iterations:
                    yield SnapshotTaken(index, iteration, b"%d,%d" % (index, iteration))
                if self.options.preview_seconds is not None:
                    grey = Image.new("RGB", image.size, (128, 128, 128))
                    yield Preview(
                        index, iteration, Image.blend(grey, image, iteration / iterations)
                    )
            pictures.append(
                Picture(index, image, filled, self.info.model, time.monotonic() - began)
            )
            yield pictures[-1]
        yield Finished(tuple(pictures), seconds=time.monotonic() - started)

    def _picture_size(self, job: DrawingJob) -> tuple[int, int]:
        if job.source is not None:
            if isinstance(job, EditJob) and job.fit == "square":
                return job.size or self.size, job.size or self.size
            with Image.open(job.source) as image:
                return image.size
        assert isinstance(job, GenerateJob)
        return job.width or self.size, job.height or self.size

    def _filled(self, job: DrawingJob, index: int, width: int, height: int) -> DrawingJob:
        own = dataclasses.replace(job, count=1, seed=job.seed + index)
        filled = self.info.defaults.fill(own)
        if isinstance(filled, EditJob) and isinstance(job, EditJob):
            return dataclasses.replace(filled, size=job.size or max(width, height))
        return filled

    def _progress(
        self, job: DrawingJob, index: int, iteration: int, iterations: int, size: tuple[int, int]
    ) -> Progress:
        columns, rows = (max(1, side // TOKEN_PIXELS) for side in size)
        tokens = rows * columns
        known = tokens * iteration // iterations
        left = iterations * (job.count - index) - iteration
        return Progress(
            picture=index,
            pictures=job.count,
            iteration=iteration,
            iterations=iterations,
            known=(True,) * known + (False,) * (tokens - known),
            rows=rows,
            columns=columns,
            seconds_left=self.delay * left,
            fraction=1 - left / (iterations * job.count),
        )

    def _describe(self, job: DescribeJob) -> Generator[Event, None, None]:
        started = time.monotonic()
        try:
            with Image.open(job.source) as image:
                width, height = image.size
        except OSError:
            source = Path(job.source).name
            yield Failed(InputError.title, f"Cannot read the image {source}: check the path.")
            return
        words = f"A picture of {width} by {height} pixels , answer {len(job.turns) + 1} .".split()
        words = words[: job.max_new_tokens]
        said = ""
        for index, word in enumerate(words):
            time.sleep(self.delay)
            if index > len(words) // 2 and self.fail == "crash":
                raise RuntimeError("the fake backend crashed, as told")
            if index > len(words) // 2 and self.fail == "job":
                yield Failed("Device trouble", "Out of memory: ask about a smaller picture.")
                return
            delta = word if not said or word in {",", "."} else f" {word}"
            said += delta
            yield Text(delta)
        yield Finished(text=said, seconds=time.monotonic() - started)
