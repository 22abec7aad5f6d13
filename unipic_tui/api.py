"""UniPic in a notebook or a script.

Load a checkpoint once; the embedded one needs no path:

>>> from unipic_tui import UniPic
>>> model = UniPic.load(device="cpu")

Draw. Without ``count`` that is one picture, with it a list; the same seed gives the same picture,
within rounding where several are drawn at once. The seed is 0 unless one is given, and random for
``seed=None``:

>>> image = model.generate("a red circle", seed=1, iterations=4)
>>> image.size
(64, 64)
>>> images = model.generate("a red circle", count=2, seed=1, iterations=4)
>>> [image.size for image in images]
[(64, 64), (64, 64)]

The model may choose the best of several pictures itself:

>>> best = model.generate("a red circle", seed=1, iterations=4, best_of=3)
>>> best.tobytes() in {other.tobytes() for other in
...     model.generate("a red circle", count=3, seed=1, iterations=4)}
True

Edit and describe. Images are paths or pictures in memory; an edit has the size of its source:

>>> edited = model.edit(image.crop((0, 0, 64, 32)), "make the circle blue", iterations=4)
>>> edited.size
(64, 32)
>>> answer = model.describe(image, "How many circles?", max_new_tokens=8)
>>> isinstance(answer, str)
True

Iterate to see it coming, and stop iterating to cancel. `UniPic.drawing`, `UniPic.editing` and
`UniPic.describing` take what the three above take, and yield the events of `unipic_tui.events`:

>>> from unipic_tui.events import Picture, Progress
>>> for event in model.drawing("a green star", iterations=3):
...     match event:
...         case Progress():
...             print(f"{event.iteration} of {event.iterations}: {sum(event.known)} tokens")
...         case Picture():
...             print(event.image.size, event.job.seed)
1 of 3: 3 tokens
2 of 3: 8 tokens
3 of 3: 16 tokens
(64, 64) 0

The pictures know nothing of their making when Pillow saves them. The events `Picture` have the job
as well, and `unipic_tui.metadata.encode_picture` makes a file of both, as the command line does:

>>> from unipic_tui.metadata import encode_picture
>>> picture, = [event for event in model.drawing("a green star", seed=None, iterations=3)
...     if isinstance(event, Picture)]
>>> data = encode_picture(picture.image, picture.job, picture.model)
>>> b"a green star" in data
True

What cannot be done is said in a sentence:

>>> model.generate(" ")
Traceback (most recent call last):
    ...
unipic_tui.errors.InputError: The prompt is empty: say in words what you want.

>>> model.close()
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, overload

from PIL import Image

from unipic_tui import paths
from unipic_tui.errors import UnipicError
from unipic_tui.events import (
    BackendInfo,
    BackendOptions,
    Event,
    Failed,
    Finished,
    Notice,
)
from unipic_tui.given import job_fields, path_of, region_of, turns_of
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob, Job

if TYPE_CHECKING:
    import numpy as np

Source: TypeAlias = "str | Path | Image.Image | np.ndarray[Any, Any]"
"""A picture's path, or the picture: Pillow's, or an array of bytes, H×W×3 or H×W."""
Size = tuple[int, int] | int | str
"""Width and height in pixels, one number for a square, or words: ``768x512``, ``3:2``."""


class UniPic:
    """A loaded checkpoint; `UniPic.load` makes one. Use it from one thread at a time.

    As a context manager it gives its memory back at the end.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @classmethod
    def load(
        cls,
        checkpoint: str | Path | None = None,
        *,
        device: str = "auto",
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        preview_seconds: float | None = None,
        batch_size: int | None = None,
    ) -> Self:
        """Load a checkpoint.

        Args:
            checkpoint: a folder; ``None`` for the one that UNIPIC_CHECKPOINT names, or else the
                small embedded one.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            dtype: the number format; ``auto`` is bfloat16, but on a CPU float32 for small models
                and wherever it is multiplied as fast.
            preview_seconds: shortest time between two previews while iterating; ``None`` for none.
            batch_size: most pictures of a job that are drawn at once, at least 1, as memory allows;
                ``None`` for as many as keep the processor busy.

        Raises:
            CheckpointError: the folder holds no checkpoint that can be used.
            DeviceError: the device is not there, or too small.
        """
        folder = (
            paths.from_environment(paths.CHECKPOINT_VARIABLE)
            if checkpoint is None
            else paths.absolute(checkpoint)
        )
        options = BackendOptions(folder, device, dtype, preview_seconds, batch_size=batch_size)
        pipeline = Pipeline(options)
        for _ in pipeline.load():
            pass
        return cls(pipeline)

    @property
    def info(self) -> BackendInfo:
        """The checkpoint's name, its defaults, and the device it is on."""
        return self._pipeline.info

    @overload
    def generate(
        self,
        prompt: str,
        *,
        count: None = None,
        size: Size | None = None,
        source: Source | None = None,
        region: tuple[int, int, int, int] | None = None,
        **settings: Any,
    ) -> Image.Image: ...
    @overload
    def generate(
        self,
        prompt: str,
        *,
        count: int,
        size: Size | None = None,
        source: Source | None = None,
        region: tuple[int, int, int, int] | None = None,
        **settings: Any,
    ) -> list[Image.Image]: ...
    def generate(
        self, prompt: str, *, count: int | None = None, **settings: Any
    ) -> Image.Image | list[Image.Image]:
        """Draw pictures.

        Args:
            prompt: what to draw.
            count: ``None`` for one picture; a number for a list of so many, where picture k has
                the seed ``seed`` + k.
            size: width and height in pixels, multiples of 16, or one number for a square; in
                words (``"768x512"``, ``"3:2"``) it is rounded as on the command line.
            source, region: redraw only a part of this picture: left column, top row, columns and
                rows, in tokens of 16 pixels.
            settings: further settings of `unipic_tui.jobs.GenerateJob`, which `unipic-tui generate
                --help` lists; with ``best_of`` so many pictures are drawn, and the model chooses.
                The seed is 0 here unless one is given; ``None`` is a random one.

        Returns:
            RGB pictures; the best ones, best first, where the model chose.

        Raises:
            UnipicError: it cannot be done; the message says why.
        """
        return _pictures(self.drawing(prompt, count=count, **settings), count)

    @overload
    def edit(
        self,
        image: Source,
        prompt: str,
        *,
        count: None = None,
        size: int | str | None = None,
        **settings: Any,
    ) -> Image.Image: ...
    @overload
    def edit(
        self,
        image: Source,
        prompt: str,
        *,
        count: int,
        size: int | str | None = None,
        **settings: Any,
    ) -> list[Image.Image]: ...
    def edit(
        self, image: Source, prompt: str, *, count: int | None = None, **settings: Any
    ) -> Image.Image | list[Image.Image]:
        """Change a picture.

        Args:
            image: the picture to change.
            prompt: how.
            count: as in `generate`.
            size: longest side, in pixels, at which the model works.
            settings: as in `generate`.

        Returns:
            RGB pictures of the source's size, or with ``fit="square"`` squares of ``size``.

        Raises:
            UnipicError: it cannot be done; the message says why.
        """
        return _pictures(self.editing(image, prompt, count=count, **settings), count)

    def describe(
        self,
        image: Source,
        question: str | None = None,
        *,
        turns: tuple[tuple[str, str], ...] = (),
        **settings: Any,
    ) -> str:
        """Answer a question about a picture.

        Args:
            image: the picture.
            question: ``None`` asks for a description.
            turns: earlier questions and answers about it, oldest first.
            settings: further settings of `unipic_tui.jobs.DescribeJob`, which `unipic-tui describe
                --help` lists.

        Raises:
            UnipicError: it cannot be done; the message says why.
        """
        return _last(self.describing(image, question, turns=turns, **settings)).text

    def drawing(
        self,
        prompt: str,
        *,
        count: int | None = None,
        size: Size | None = None,
        source: Source | None = None,
        region: tuple[int, int, int, int] | None = None,
        **settings: Any,
    ) -> Iterator[Event]:
        """`generate` step by step: yields progress, previews, each picture, and the end."""
        with contextlib.ExitStack() as stack:
            path = None if source is None else stack.enter_context(path_of(source))
            given = {"count": count, "size": size, **settings}
            yield from self._run(
                GenerateJob, given, prompt=prompt, source=path, region=region_of(region)
            )

    def editing(
        self, image: Source, prompt: str, *, count: int | None = None, **settings: Any
    ) -> Iterator[Event]:
        """`edit` step by step: yields progress, previews, each picture, and the end."""
        with path_of(image) as path:
            yield from self._run(EditJob, {"count": count, **settings}, prompt=prompt, source=path)

    def describing(
        self,
        image: Source,
        question: str | None = None,
        *,
        turns: tuple[tuple[str, str], ...] = (),
        **settings: Any,
    ) -> Iterator[Event]:
        """`describe` piece by piece: yields the answer's pieces, and the end with all of it."""
        asked: dict[str, Any] = {} if question is None else {"prompt": question}
        with path_of(image) as path:
            yield from self._run(DescribeJob, settings, source=path, turns=turns_of(turns), **asked)

    def close(self) -> None:
        """Give the model's memory back; what is asked of it afterwards loads it again."""
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(
        self, kind: type[Job], settings: dict[str, Any], **fields: Any
    ) -> Generator[Event, None, None]:
        found, notices = job_fields(kind, settings, self.info.defaults.side)
        job = kind(**fields, **found)
        yield from (Notice(notice) for notice in notices)
        with contextlib.closing(self._pipeline.run(job)) as events:
            for event in events:
                if isinstance(event, Failed):
                    raise UnipicError(event.message, event.title)
                yield event


def _last(events: Iterator[Event]) -> Finished:
    finished = Finished()
    for event in events:
        if isinstance(event, Finished):
            finished = event
    return finished


def _pictures(events: Iterator[Event], count: int | None) -> Image.Image | list[Image.Image]:
    # Where the model chose, the pictures that it did not choose follow the chosen ones.
    images = [picture.image for picture in _last(events).pictures[: int(count or 1)]]
    return images[0] if count is None else images
