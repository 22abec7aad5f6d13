"""From a job to events: the one way in which pictures and answers are made.

`Pipeline.run` is a generator. Whoever stops iterating it cancels the job; memory goes back then.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import groupby

import torch

from unipic_tui.errors import UnipicError
from unipic_tui.events import (
    Backend,
    BackendInfo,
    BackendOptions,
    Event,
    Failed,
    Finished,
    Loading,
    Memory,
    Stage,
    Text,
)
from unipic_tui.inference.describe import DECODING_SETTINGS, Reading, decode_stream, generate_tokens
from unipic_tui.inference.drawing import Drawer, failure_of
from unipic_tui.inference.engine import (
    MEMORY_ERRORS,
    Engine,
    device_memory,
    load_engine,
    release,
)
from unipic_tui.inference.prepare import Seen, answer_room, look_at
from unipic_tui.inference.ranking import choose_best
from unipic_tui.jobs import DescribeJob, DrawingJob, GenerateJob, Job

_END = object()


class Pipeline:
    """Runs jobs on one checkpoint; the `Backend` of the command line and the app."""

    def __init__(self, options: BackendOptions) -> None:
        self.options = options
        self._engine: Engine | None = None
        self._made: Drawer | None = None
        self._seen: Seen | None = None
        self._reading: Reading | None = None

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
    def _drawer(self) -> Drawer:
        if self._made is None:
            self._made = Drawer(self.engine, self.options)
        return self._made

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
            self._engine = self._made = self._seen = self._reading = None
            release(device)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        """Run a job; see `unipic_tui.events.Backend.run`."""
        yield from self.load()
        if job.draws:
            # Its memory is worth more to pictures.
            self._reading = None
        failure: Failed | None = None
        try:
            if isinstance(job, GenerateJob) and job.best_of is not None:
                yield from choose_best(self, job, resume)
            elif isinstance(job, DrawingJob):
                with closing(self._drawer.draw([(job, resume)])) as events:
                    yield from (event for _, event in events)
            elif isinstance(job, DescribeJob):
                yield from self._describe(job)
        except (UnipicError, *MEMORY_ERRORS) as error:
            failure = failure_of(error, self.engine, job)
        if failure is not None:
            # After its handling, so that nothing holds on to what the error's frames hold.
            self._reading = None
            release(self.engine.model.device)
            yield failure

    def run_together(self, jobs: Iterable[Job]) -> Generator[tuple[int, Event], None, None]:
        """Run jobs; see `unipic_tui.events.Backend.run_together`."""
        yield from ((0, event) for event in self.load())
        for plain, part in groupby(enumerate(jobs), lambda each: _is_plain(each[1])):
            if plain:
                yield from self._draw_all(part)
                continue
            for place, job in part:
                with closing(self.run(job)) as events:
                    yield from ((place, event) for event in events)

    def _draw_all(
        self, jobs: Iterable[tuple[int, Job]]
    ) -> Generator[tuple[int, Event], None, None]:
        places: list[int] = []

        def taken() -> Iterator[tuple[DrawingJob, None]]:
            for place, job in jobs:
                assert isinstance(job, DrawingJob)
                places.append(place)
                yield job, None

        with closing(self._drawer.draw(taken())) as events:
            yield from ((places[place], event) for place, event in events)

    def _describe(self, job: DescribeJob) -> Generator[Event, None, None]:
        began = time.monotonic()
        engine = self.engine
        stop = engine.codec.stop
        yield Stage("Encoding the picture")
        with torch.inference_mode():
            embeddings, self._seen = look_at(engine, job, self._seen)
        self._reading = self._reading or Reading(engine.model, engine.writing)
        yield Stage("Reading the question")
        with torch.inference_mode():
            tokens = generate_tokens(
                engine.model,
                embeddings,
                answer_room(engine, job, embeddings),
                stop=stop,
                config=engine.generation,
                reading=self._reading,
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


def _is_plain(job: Job) -> bool:
    """Whether a job only draws, so that others may be drawn with it."""
    return isinstance(job, DrawingJob) and not job.chooses


def create_backend(options: BackendOptions) -> Backend:
    """The backend that the command line and the app use."""
    return Pipeline(options)
