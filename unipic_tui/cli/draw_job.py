"""Drawing one job's pictures: they are saved and shown as they are done. For several commands."""

from __future__ import annotations

import argparse
import dataclasses

from PIL import Image

from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.execution import exit_code, load, run_job, start
from unipic_tui.cli.inputs import MakeJob, say_nothing, seed_of
from unipic_tui.cli.output import Output, plan_output
from unipic_tui.cli.report import Reporter, reporting
from unipic_tui.defaults import Defaults
from unipic_tui.events import Cancelled, Event, Failed, Final, Finished, Judged, Picture
from unipic_tui.inference.ranking import check_choice
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import DrawingJob, Job, whole_job
from unipic_tui.metadata import encode_picture
from unipic_tui.pictures import join_grid


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """How drawing ended.

    Attributes:
        code: the exit code.
        image: what was saved last: a picture, or the grid of all.
        model: name of the checkpoint that drew it.
    """

    code: int
    image: Image.Image | None
    model: str


def draw(
    args: argparse.Namespace,
    context: Context,
    make_job: MakeJob,
    *,
    grid: int = 1,
    seed: str | None = None,
) -> Drawn:
    """Draw a job's pictures, and save and show each of them as soon as it is done.

    Args:
        args: the command's arguments.
        context: settings and the way to a backend.
        make_job: makes the job; called with guessed defaults first, to find bad input early.
        grid: pictures along each side of a grid; 1 to save each on its own.
        seed: what was said of the seed; a new one is told.

    Raises:
        UnipicError: something in the input, the checkpoint or the disk stops it.
    """
    job = _drawing(make_job(Defaults(), say_nothing))
    check_choice(job)
    files = 1 if grid > 1 else job.count
    output = plan_output(args.output, files=files, force=args.force, json=args.json)
    options = context.options(args)
    embed = context.settings.metadata if args.metadata is None else bool(args.metadata)
    images = args.images or context.settings.images
    with reporting(args) as reporter:
        backend = start(context, options, reporter)
        try:
            load(backend, reporter, named=options.checkpoint is not None)
            job = _drawing(make_job(backend.info.defaults, reporter.notice))
            reporter.started(job, backend.info)
            _tell_choices(job, seed, reporter)
            show = images if not (args.json or output.to_stdout) else "none"
            gallery = _Gallery(job, output, reporter, grid=grid, embed=embed, images=show)
            choice = _Choice(job.count, reporter)
            final = run_job(backend, job, reporter, gallery.keep, choice)
            with reporter.pause():
                _tell_end(final, job)
            return Drawn(exit_code(final), gallery.image, backend.info.model)
        finally:
            backend.close()


def _drawing(job: Job) -> DrawingJob:
    assert isinstance(job, DrawingJob)
    return job


def _tell_choices(job: DrawingJob, seed: str | None, reporter: Reporter) -> None:
    if seed_of(seed) is None:
        reporter.notice(f"The seed is {job.seed}.")
    if job.unconditional is not None:
        reporter.notice(f"The guidance steers away from {job.unconditional!r}.")


def _tell_end(final: Final, job: DrawingJob) -> None:
    match final:
        case Failed():
            say(final.message)
        case Cancelled(pictures) if not pictures and job.chooses:
            say("Stopped before the best picture was chosen: none was saved.")
        case Cancelled(pictures):
            kept = (
                f"{len(pictures)} of {job.count} pictures were done" if pictures else "no picture"
            )
            say(f"Stopped: {kept}.")
        case _:
            pass


class _Gallery:
    """Saves and shows what a job draws.

    Attributes:
        image: what was saved last.
    """

    def __init__(
        self,
        job: DrawingJob,
        output: Output,
        reporter: Reporter,
        *,
        grid: int,
        embed: bool,
        images: str,
    ) -> None:
        self._job = job
        self._output = output
        self._reporter = reporter
        self._grid = grid
        self._embed = embed
        self._images = images
        self._waiting: list[Picture] = []
        self.image: Image.Image | None = None

    def keep(self, picture: Picture) -> None:
        """Save a picture, or keep it until its grid is full; raises `StorageError`.

        Pictures that the model did not choose come after the job's count, and are left out.
        """
        if picture.index >= self._job.count:
            return
        if self._grid == 1:
            self._save(picture.image, picture.job, picture)
            return
        self._waiting.append(picture)
        if len(self._waiting) == self._grid**2:
            # The grid's job draws all of its pictures, with the settings the checkpoint filled in.
            whole = whole_job(picture.job, self._job)
            images = [waiting.image for waiting in self._waiting]
            self._save(join_grid(images, self._grid), whole, picture)

    def _save(self, image: Image.Image, job: DrawingJob, picture: Picture) -> None:
        data = encode_picture(
            image, job, picture.model, self._output.format, embed=self._embed, grid=self._grid
        )
        with self._reporter.pause():
            path = self._output.save(data, picture.index, job.prompt, job.seed)
            self.image = image
            self._reporter.saved(path, _record(image, job, picture, self._grid))
            if self._images != "none":
                from unipic_tui.cli.inline import show

                show(image, self._images)


def _record(image: Image.Image, job: DrawingJob, picture: Picture, grid: int) -> dict[str, object]:
    return {
        "index": picture.index if grid == 1 else 0,
        "width": image.width,
        "height": image.height,
        "seed": job.seed,
        "grid": grid,
        "seconds": round(picture.seconds, 3),
        "model": picture.model,
        "job": job_to_dict(job),
    }


class _Choice:
    """Tells what the model said of each picture, when all are judged.

    Args:
        count: how many pictures are saved.
        reporter: is told what was chosen, and why.
    """

    def __init__(self, count: int, reporter: Reporter) -> None:
        self._count = count
        self._reporter = reporter
        self._judged: list[Judged] = []

    def __call__(self, event: Event) -> None:
        """Keep a verdict; at the end tell the ranking, if there was a choice."""
        if isinstance(event, Judged):
            self._judged.append(event)
        if isinstance(event, Finished) and self._judged:
            self._tell(sorted(self._judged, key=lambda judged: -judged.mark))

    def _tell(self, ranking: list[Judged]) -> None:
        record = {
            "event": "chosen",
            "kept": self._count,
            "ranking": [
                {
                    "seed": judged.seed,
                    "worth": round(judged.mark, 4),
                    "description": judged.description,
                    "answers": dict(judged.answers),
                }
                for judged in ranking
            ],
        }
        shown = ", ".join(f"seed {judged.seed} {judged.mark:.2f}" for judged in ranking)
        self._reporter.remark(record, f"Saved the best {self._count} of these: {shown}.")
