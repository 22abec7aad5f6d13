"""What happens while a job runs, and what the app needs of whatever runs it.

Everything here is plain data that may cross threads: PIL images and text, never a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from unipic_tui.defaults import Defaults
from unipic_tui.jobs import DrawingJob, Job


@dataclass(frozen=True, slots=True)
class Loading:
    """The checkpoint is being loaded.

    Attributes:
        stage: what is being read, in a few words.
        fraction: how much is done, 0 to 1.
    """

    stage: str
    fraction: float

    @property
    def words(self) -> str:
        """The stage to begin a line with: ``Building nano``, ``Loading PyTorch``."""
        if self.stage.partition(" ")[0].endswith("ing"):
            return self.stage[:1].upper() + self.stage[1:]
        return f"Loading {self.stage}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the job begins whose length is not known, such as ``Reading the prompt``."""

    doing: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One MAR iteration of one picture is done.

    Attributes:
        picture: index of the picture in the job, from 0.
        pictures: how many the job draws.
        iteration: iterations done, 1 to ``iterations``.
        iterations: how many this picture takes.
        known: for each token in raster order, whether it is drawn.
        rows, columns: the token grid; ``rows * columns == len(known)``.
        seconds_left: estimate for the whole job from measured iterations; ``None`` before one is.
        fraction: how much of the whole job is done, 0 to 1.
        together: how many pictures of the job are drawn at once, this one among them.
    """

    picture: int
    pictures: int
    iteration: int
    iterations: int
    known: tuple[bool, ...]
    rows: int
    columns: int
    seconds_left: float | None
    fraction: float
    together: int = 1


@dataclass(frozen=True, slots=True)
class Preview:
    """The picture as far as it is drawn; tokens still masked are grey."""

    picture: int
    iteration: int
    image: Image


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The run's state after an iteration; `Backend.run` goes on from ``data`` to the same pictures.

    Attributes:
        picture: index of the first picture that is being drawn; those before it are finished.
        iteration: iterations of it that are done.
        data: opaque; for each 1024 px picture that is being drawn about 0.3 MB.
    """

    picture: int
    iteration: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture.

    Attributes:
        index: its place in the job, from 0.
        image: RGB.
        job: a job of count 1 with every field filled in that makes this very picture again.
        model: name of the checkpoint that drew it.
        seconds: time it took, or its share of it where several were drawn at once.
        mark: what the model thinks of it, 0 to 1, where it chose among several.
    """

    index: int
    image: Image
    job: DrawingJob
    model: str
    seconds: float
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The model has looked at one of the pictures it chooses from.

    Attributes:
        seed: of the picture.
        mark: 0 to 1, the higher the better.
        description: of the picture, in the model's words.
        answers: each question it was asked, with what it said.
    """

    seed: int
    mark: float
    description: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A further piece of the answer."""

    delta: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know that stops nothing (a size was rounded, say)."""

    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done: the pictures it drew, or the answer it gave.

    Where the model chose, all pictures are there, best first; the job's count of them are chosen.
    """

    pictures: tuple[Picture, ...] = ()
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job was stopped on request; pictures finished before are in ``pictures``."""

    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The job could not be done; ``message`` is a sentence with the remedy."""

    title: str
    message: str


Final = Finished | Cancelled | Failed
Event = (
    Loading | Stage | Progress | Preview | SnapshotTaken | Judged | Picture | Text | Notice | Final
)


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is loaded, and where.

    Attributes:
        weights: tells these weights from others under the same name, in whatever type they are.
    """

    model: str
    device: str
    parameters: int
    defaults: Defaults = field(default_factory=Defaults)
    embedded: bool = False
    siglip2: bool = False
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the device in bytes; ``total`` is 0 where it is not known."""

    used: int
    total: int


class Backend(Protocol):
    """What runs jobs. Used from one thread only."""

    def load(self) -> Iterator[Loading]:
        """Load the checkpoint unless it is loaded; raises `UnipicError` when it cannot be."""

    @property
    def info(self) -> BackendInfo:
        """What was loaded; only after `load`."""

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        """Run a job, from its start or from a snapshot.

        Ends after `Finished` or `Failed`; closing it early cancels the job.

        Every `Picture` is yielded as soon as it is done and listed in `Finished` again. With
        ``resume`` (from `SnapshotTaken`) pictures before the snapshot's are not drawn again. A job
        that differs from the snapshot's in prompt, seed or settings branches off: it draws one
        picture that shares what was drawn up to there.
        """

    def run_together(self, jobs: Iterable[Job]) -> Generator[tuple[int, Event], None, None]:
        """Run jobs from their start, several at once where that is quicker.

        A job is taken only when it may begin. Each event comes with the index of its job; a job's
        last one is `Finished` or `Failed`. Closing it early cancels those that have not ended.
        """

    def memory(self) -> Memory:
        """Memory of the device now."""

    def close(self) -> None:
        """Give the model's memory back; `load` may be called again."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How to make a backend.

    Attributes:
        checkpoint: a folder; ``None`` for the embedded checkpoint.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``auto``, ``float32``, ``bfloat16``, ``float16``.
        preview_seconds: shortest time between two previews; ``None`` for no previews.
        snapshot_seconds: shortest time between two `SnapshotTaken`; ``None`` for none, 0 for one
            every iteration.
        batch_size: most pictures drawn at once, at least 1, as memory allows; ``None`` for as many
            as keep the processor busy.
    """

    checkpoint: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    preview_seconds: float | None = None
    snapshot_seconds: float | None = None
    batch_size: int | None = None


BackendFactory = Callable[[BackendOptions], Backend]
