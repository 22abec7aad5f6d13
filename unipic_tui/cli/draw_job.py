"""Drawing one job's pictures: they are saved and shown as they are done. For several commands."""

from __future__ import annotations

import argparse
import dataclasses

from PIL import Image

from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.execution import exit_code, loaded, run_job
from unipic_tui.cli.inputs import MakeJob, say_nothing, seed_of
from unipic_tui.cli.output import Output, plan_output
from unipic_tui.cli.report import Reporter
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
    with loaded(args, context, options) as (backend, reporter):
        job = _drawing(make_job(backend.info.defaults, reporter.notice))
        reporter.started(job, backend.info)
        if seed_of(seed) is None:
            reporter.notice(f"The seed is {job.seed}.")
        if job.unconditional is not None:
            reporter.notice(f"The guidance steers away from {job.unconditional!r}.")
        show = images if not (args.json or output.to_stdout) else "none"
        gallery = _Gallery(job, output, reporter, grid=grid, embed=embed, images=show)
        final = run_job(backend, job, reporter, gallery.take)
        with reporter.pause():
            _tell_end(final, job)
        return Drawn(exit_code(final), gallery.image, backend.info.model)


def _drawing(job: Job) -> DrawingJob:
    assert isinstance(job, DrawingJob)
    return job


def _tell_end(final: Final, job: DrawingJob) -> None:
    match final:
        case Failed():
            say(final.message)
        case Cancelled(pictures) if not pictures and job.chooses:
            say("Stopped before the best picture was chosen: none was saved.")
        case Cancelled(pictures):
            done = f"{len(pictures)} of {job.count} pictures were done"
            say(f"Stopped: {done if pictures else 'no picture'}.")


class _Gallery:
    """Saves and shows what a job draws, and tells what the model said of it.

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
        self._judged: list[Judged] = []
        self.image: Image.Image | None = None

    def take(self, event: Event) -> None:
        """Deal with what came; raises `StorageError` where a picture cannot be saved."""
        match event:
            case Judged():
                self._judged.append(event)
            case Finished() if self._judged:
                self._tell_ranking()
            # Pictures that the model did not choose come after the job's count.
            case Picture() if event.index < self._job.count:
                self._waiting.append(event)
                if len(self._waiting) == self._grid**2:
                    self._save(self._waiting)
                    self._waiting = []

    def _save(self, pictures: list[Picture]) -> None:
        """Save a picture, or as many as fill a grid."""
        first = pictures[0]
        image, job = first.image, first.job
        if self._grid > 1:
            # The grid's job draws all of its pictures, with the settings the checkpoint filled in.
            job = whole_job(job, self._job)
            image = join_grid([picture.image for picture in pictures], self._grid)
        data = encode_picture(
            image, job, first.model, self._output.format, embed=self._embed, grid=self._grid
        )
        with self._reporter.pause():
            path = self._output.save(data, first.index, job.prompt, job.seed)
            self.image = image
            record = {
                "event": "picture",
                "path": str(path.absolute()),
                "index": first.index,
                "width": image.width,
                "height": image.height,
                "seed": job.seed,
                "grid": self._grid,
                "seconds": round(pictures[-1].seconds, 3),
                "model": first.model,
                "job": job_to_dict(job),
            }
            self._reporter.result(record, str(path))
            if self._images != "none":
                from unipic_tui.cli.inline import show

                show(image, self._images)

    def _tell_ranking(self) -> None:
        ranking = sorted(self._judged, key=lambda judged: -judged.mark)
        told = [
            {
                "seed": judged.seed,
                "worth": round(judged.mark, 4),
                "description": judged.description,
                "answers": dict(judged.answers),
            }
            for judged in ranking
        ]
        shown = ", ".join(f"seed {judged.seed} {judged.mark:.2f}" for judged in ranking)
        self._reporter.notice(
            f"Saved the best {self._job.count} of these: {shown}.",
            {"event": "chosen", "kept": self._job.count, "ranking": told},
        )
