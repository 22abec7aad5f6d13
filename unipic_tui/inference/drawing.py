"""From drawing jobs to events: pictures of a job, and of jobs of one shape, are drawn at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator

import torch
from torch import Tensor

from unipic_tui.errors import DeviceError, UnipicError
from unipic_tui.events import (
    BackendOptions,
    Failed,
    Finished,
    Notice,
    Picture,
    Preview,
    SnapshotTaken,
    Stage,
)
from unipic_tui.inference.engine import (
    MEMORY_ERRORS,
    Engine,
    device_memory,
    is_out_of_memory,
    release,
)
from unipic_tui.inference.images import at_output_size
from unipic_tui.inference.prepare import (
    fresh_state,
    prepare_drawing,
    restored_states,
)
from unipic_tui.inference.previews import Previews
from unipic_tui.inference.prompts import Prompt
from unipic_tui.inference.rows import Clock, Drawing, Group, Row, Told
from unipic_tui.inference.sampling import Prefix, Step, read_prefix, sample
from unipic_tui.inference.snapshot import read_snapshot, write_snapshot
from unipic_tui.inference.state import SamplerState
from unipic_tui.inference.together import decoded_at_once, pictures_at_once
from unipic_tui.jobs import DrawingJob, Job


class Drawer:
    """Draws on one engine.

    Args:
        engine: the loaded model.
        options: when to preview and to take snapshots, and how many pictures to draw at once.
    """

    def __init__(self, engine: Engine, options: BackendOptions) -> None:
        self._engine = engine
        self._options = options
        self._previews = Previews(engine)
        self._read: tuple[dict[tuple[Prompt, int], Tensor | None], Prefix] | None = None

    def draw(self, jobs: Iterable[tuple[DrawingJob, bytes | None]]) -> Generator[Told, None, None]:
        """Draw jobs, each from its start or a snapshot; one is read when its turn has come.

        Every job ends in `Finished` or `Failed`.
        """
        rows: deque[Row] = deque()
        coming = enumerate(jobs)
        most = self._options.batch_size
        clock = Clock()
        drawn: tuple[object, ...] = ()
        try:
            while True:
                limit = yield from self._gather(rows, coming, most)
                if not rows:
                    return
                if rows[0].of.prepared.shape != drawn:
                    clock, drawn = Clock(), rows[0].of.prepared.shape
                shape = rows[0].shape
                group: list[Row] = []
                while rows and len(group) < limit and rows[0].shape == shape:
                    group.append(rows.popleft())
                if (yield from self._fits(Group(group, rows, limit, clock))):
                    continue
                # After its handling, so that nothing holds on to what the error's frames hold.
                release(self._engine.model.device)
                self._read = None
                if len(group) > 1:
                    most = len(group) // 2
                    rows.extendleft(reversed(group))
                else:
                    of = group[0].of
                    yield of.place, out_of_memory(self._engine, of.prepared.job)
                    rows = deque(row for row in rows if row.of is not of)
        finally:
            self._read = None

    def _gather(
        self,
        rows: deque[Row],
        coming: Iterator[tuple[int, tuple[DrawingJob, bytes | None]]],
        most: int | None,
    ) -> Generator[Told, None, int]:
        """Begin jobs until there are enough rows of a shape; returns how many are enough."""
        limit = 1
        while True:
            if rows:
                limit = pictures_at_once(self._engine.model, rows[0].of.prepared, most)
                if len(rows) >= limit or rows[-1].shape != rows[0].shape:
                    return limit
            if (job := next(coming, None)) is None:
                return limit
            place, (asked, resume) = job
            failure: Failed | None = None
            try:
                yield from self._begin(place, asked, resume, rows)
            except (UnipicError, *MEMORY_ERRORS) as error:
                failure = failure_of(error, self._engine, asked)
            if failure is not None:
                yield place, failure

    def _begin(
        self, place: int, job: DrawingJob, resume: bytes | None, rows: deque[Row]
    ) -> Generator[Told, None, None]:
        yield place, Stage("Reading the prompt" if job.source is None else "Encoding the picture")
        with torch.inference_mode():
            prepared = prepare_drawing(self._engine, job)
        first, states = 0, dict[int, SamplerState]()
        if resume is not None:
            states = restored_states(self._engine, prepared, read_snapshot(resume))
            first = min(states)
        for notice in prepared.notices:
            yield place, Notice(notice)
        count = prepared.job.count
        of = Drawing(place, prepared, count - first)
        rows.extend(Row(of, index, states.get(index)) for index in range(first, count))

    def _fits(self, group: Group) -> Generator[Told, None, bool]:
        """Draw rows, which leave the group when they are decoded; whether memory was enough."""
        try:
            for of in group.drawings if group.has_source else ():
                yield of.place, Stage("Reading the prompt")
            # A generator must not hold inference mode over a yield: it would leak into the caller.
            with torch.inference_mode():
                run, steps = self._start(group.rows)
            for of in group.drawings:
                yield of.place, Stage("First iteration")
            yield from self._iterate(group, run, steps)
            for of in group.drawings:
                yield of.place, Stage("Decoding")
            yield from self._decode(group)
        except MEMORY_ERRORS as error:
            if not is_out_of_memory(error):
                raise
            return False
        group.clock.resume()
        return True

    def _iterate(
        self, group: Group, run: SamplerState, steps: Iterator[Step]
    ) -> Generator[Told, None, None]:
        interval, keep = self._options.preview_seconds, self._options.snapshot_seconds
        shown_at = kept_at = group.began
        pause = interval
        while True:
            seeds = [own.get_state() for own in run.generators]
            try:
                with torch.inference_mode():
                    step = next(steps, None)
            except MEMORY_ERRORS:
                # What is drawn stays, should fewer pictures fit.
                for own, seed in zip(run.generators, seeds, strict=True):
                    own.set_state(seed)
                raise
            if step is None:
                return
            for place, row in enumerate(group.rows):
                row.state = run.picture(place)
            yield from group.progress(step, run.known(step.masked))
            if step.masked and interval is not None and _due(pause, shown_at):
                began = time.monotonic()
                with torch.inference_mode():
                    images = self._previews.show(run, step.masked, group.grid, interval)
                shown_at = time.monotonic()
                pause = max(interval, 10 * (shown_at - began)) if interval else 0
                for row, image in zip(group.rows, images, strict=True):
                    yield row.of.place, Preview(row.index, step.iteration, image)
            if step.masked and _due(keep, kept_at):
                yield from self._keep(group.drawings, group)
                kept_at = time.monotonic()
            group.clock.resume()

    def _decode(self, group: Group) -> Generator[Told, None, None]:
        rows, pictures = group.rows, len(group.rows)
        at_once = decoded_at_once(group.grid, self._engine.model.config.vae.stride)
        while rows:
            done = rows[:at_once]
            latents = SamplerState.join([row.state for row in done if row.state]).tokens
            with torch.inference_mode():
                images = self._previews.decode(latents, group.grid)
            del rows[: len(done)]
            seconds = (time.monotonic() - group.began) / pictures
            for row, image in zip(done, images, strict=True):
                sized = at_output_size(image, row.of.prepared.output)
                picture = Picture(row.index, sized, row.job, self._engine.info.model, seconds)
                row.of.pictures.append(picture)
                row.of.todo -= 1
                yield row.of.place, picture
            drawings = list(dict.fromkeys(row.of for row in done))
            if self._options.snapshot_seconds is not None:
                # Whoever keeps the last one drops it when one of its pictures is done.
                yield from self._keep(drawings, group)
            for of in drawings:
                if not of.todo:
                    spent = time.monotonic() - of.began
                    yield of.place, Finished(tuple(of.pictures), seconds=spent)

    def _start(self, rows: list[Row]) -> tuple[SamplerState, Iterator[Step]]:
        engine, prepared = self._engine, rows[0].of.prepared
        for row in rows:
            if row.state is None:
                row.state = fresh_state(engine, row.of.prepared, row.job.seed)
        run = SamplerState.join([row.state for row in rows if row.state])
        prefix, job = self._prefix(rows), prepared.job
        canvases = [row.of.prepared.canvas for row in rows if row.of.prepared.canvas is not None]
        canvas = torch.cat(canvases) if canvases else None
        return run, sample(engine.model, prefix, run, prepared.grid, job, canvas=canvas)

    def _prefix(self, rows: list[Row]) -> Prefix:
        """The prompts of rows, each different one read once, and kept for the rows to come."""
        every = [row.of.prepared for row in rows]
        branches = range(len(every[0].prompts))
        wanted = [(each.prompts[branch], id(each.seen)) for branch in branches for each in every]
        images = {(prompt, id(each.seen)): each.seen for each in every for prompt in each.prompts}
        unique = list(dict.fromkeys(wanted))
        if self._read is None or list(self._read[0]) != unique:
            self._read = None
            seen = [images[each] for each in unique]
            embeddings, mask = self._engine.prefix([prompt for prompt, _ in unique], seen)
            tokens = every[0].grid[0] * every[0].grid[1]
            guided = len(branches) == 2
            read = read_prefix(self._engine.model, embeddings, mask, tokens, guided=guided)
            # With the images, so that no other one gets the id of one of them.
            self._read = (dict(zip(unique, seen, strict=True)), read)
        return self._read[1].take([unique.index(each) for each in wanted])

    def _keep(self, drawings: Iterable[Drawing], group: Group) -> Generator[Told, None, None]:
        """A snapshot of each job whose pictures are begun and not done."""
        rows = [*group.rows, *group.waiting]
        for of in drawings:
            begun = ((row, row.state) for row in rows if row.of is of)
            own = [(row, state) for row, state in begun if state is not None and state.iteration]
            if not own:
                continue
            (first, state), states = own[0], [state for _, state in own]
            data = write_snapshot(
                first.job, self._engine.fingerprint, first.index, of.prepared.grid, states
            )
            yield of.place, SnapshotTaken(first.index, state.iteration, data)


def _due(every: float | None, last: float) -> bool:
    return every is not None and time.monotonic() - last >= every


def failure_of(error: Exception, engine: Engine, job: Job) -> Failed:
    """What is told of an error; raised again where that is none a person may mend."""
    if isinstance(error, UnipicError):
        return Failed(error.title, error.message)
    if not is_out_of_memory(error):
        raise error
    return out_of_memory(engine, job)


def out_of_memory(engine: Engine, job: Job) -> Failed:
    """What is told where a device's memory is too small for a job."""
    total = device_memory(engine.model.device).total
    size = f" ({total / 1e9:.0f} GB)" if total else ""
    what = "a smaller size" if job.draws else "a smaller image"
    message = (
        f"{engine.info.device}{size} ran out of memory: use {what}, --dtype bfloat16, or close "
        "other programs that use it."
    )
    return Failed(DeviceError.title, message)
