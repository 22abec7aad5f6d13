"""Pictures that are being drawn: rows of a run, of one job or of several of one shape."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from unipic_tui.events import Event, Picture, Progress
from unipic_tui.inference.prepare import Preparation
from unipic_tui.inference.sampling import Step
from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import DrawingJob

Told = tuple[int, Event]
"""An event, and the place among all of the job that it is of."""


class Clock:
    """Measures iterations."""

    def __init__(self) -> None:
        self._steps: list[float] = []
        self._last = time.monotonic()

    def measure(self) -> float | None:
        """Seconds of an iteration, the mean of those so far, one having ended just now.

        The first one warms up, and does not count.
        """
        now = time.monotonic()
        self._steps.append(now - self._last)
        self._last = now
        measured = self._steps[1:]
        return sum(measured) / len(measured) if measured else None

    def resume(self) -> None:
        """Leave out what happened since the last step: a decode is no iteration."""
        self._last = time.monotonic()


@dataclass(eq=False, slots=True)
class Drawing:
    """A job that is being drawn: its place among all, and what is still to do."""

    place: int
    prepared: Preparation
    todo: int
    began: float = field(default_factory=time.monotonic)
    pictures: list[Picture] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Row:
    """A picture that is not decoded yet; its state once it was begun."""

    of: Drawing
    index: int
    state: SamplerState | None = None

    @property
    def job(self) -> DrawingJob:
        """The job that makes this very picture again."""
        job = self.of.prepared.job
        return dataclasses.replace(job, seed=job.seed + self.index, count=1)

    @property
    def shape(self) -> tuple[object, ...]:
        """Rows of equal shape may be drawn at once."""
        return (*self.of.prepared.shape, self.state.iteration if self.state else 0)


@dataclass(slots=True)
class Group:
    """Rows of one shape that are drawn at once.

    Attributes:
        rows: that are not decoded yet.
        waiting: rows that come after them.
        limit: most rows of a group.
        clock: of the groups of this shape.
    """

    rows: list[Row]
    waiting: Sequence[Row]
    limit: int
    clock: Clock
    began: float = field(default_factory=time.monotonic)

    @property
    def drawings(self) -> list[Drawing]:
        """The jobs that rows are of."""
        return list(dict.fromkeys(row.of for row in self.rows))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens of each picture."""
        return self.rows[0].of.prepared.grid

    @property
    def has_source(self) -> bool:
        """Whether the rows are about pictures."""
        return self.rows[0].of.prepared.job.source is not None

    def progress(self, step: Step, known: list[tuple[bool, ...]]) -> Generator[Told, None, None]:
        """How far each picture is, and its job."""
        seconds = self.clock.measure()
        for row, flags in zip(self.rows, known, strict=True):
            of, count = row.of, row.of.prepared.job.count
            own = sum(other.of is of for other in self.rows)
            groups = -(-sum(other.of is of for other in self.waiting) // self.limit)
            left = (1 + groups) * step.iterations - step.iteration
            yield (
                of.place,
                Progress(
                    picture=row.index,
                    pictures=count,
                    iteration=step.iteration,
                    iterations=step.iterations,
                    known=flags,
                    rows=self.grid[0],
                    columns=self.grid[1],
                    seconds_left=None if seconds is None else seconds * left,
                    fraction=(count - of.todo + own * step.iteration / step.iterations) / count,
                    together=own,
                ),
            )
