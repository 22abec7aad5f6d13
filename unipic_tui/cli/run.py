"""The commands that run one job, one for each kind: generate, edit and describe."""

from __future__ import annotations

import argparse
import dataclasses
from functools import partial

from PIL import Image

from unipic_tui.cli.arguments import (
    Commands,
    add_command,
    add_model,
    add_output,
    add_settings,
    add_shared,
    also,
)
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.execution import exit_code, load, run_job, start
from unipic_tui.cli.inputs import MakeJob, job_maker, seed_of
from unipic_tui.cli.output import Output, plan_output
from unipic_tui.cli.report import Reporter, reporting
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.events import Cancelled, Event, Failed, Final, Finished, Judged, Picture
from unipic_tui.inference.ranking import check_choice
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import KINDS, DrawingJob, Job, whole_job
from unipic_tui.metadata import encode_picture
from unipic_tui.pictures import join_grid

_PUBLISHED = {"generate": "text2image", "edit": "image_edit", "describe": "image2text"}
"""The published script that does what a kind of job does."""


def add_arguments(commands: Commands) -> None:
    """Add a command for each kind of job."""
    for kind in KINDS.values():
        _add_command(commands, kind)


def _add_command(commands: Commands, kind: type[Job]) -> None:
    wording = kind.wording
    parser = add_command(
        commands,
        kind.mode,
        wording.summary,
        partial(_run, kind),
        aliases=wording.aliases,
        published=_PUBLISHED.get(kind.mode, ""),
    )
    what = "PROMPT" if kind.draws else "[QUESTION]"
    words = f"IMAGE {what}" if kind.needs_source else what
    parser.usage = f"%(prog)s [options] {words}"
    explained = f'what to {wording.purpose}; "-" reads it from standard input'
    if kind.needs_source:
        explained = f"the picture, and {explained}"
    parser.add_argument("words", nargs="*", metavar=words, help=explained)
    also(parser, ("-p", "--prompt", *([] if kind.draws else ["--question"])), "prompt")
    if kind.needs_source:
        also(parser, ("--image", "--source"), "image")
    add_settings(parser, kind)
    if not kind.draws:
        also(parser, ("--image_size", "--image-size"), "published_size", type=int)
    if kind.draws and not kind.needs_source:
        part = parser.add_argument_group("redrawing a region")
        part.add_argument("--source", metavar="IMAGE", help="keep this picture outside --region")
        part.add_argument(
            "--region", metavar="X,Y,W,H", help="the part to redraw, in tokens of 16 pixels"
        )
    add_model(parser)
    if kind.draws:
        add_output(parser)
    else:
        add_shared(parser.add_argument_group("output"), "json", "quiet")


def _run(kind: type[Job], args: argparse.Namespace, context: Context) -> int:
    make_job = job_maker(kind, args, context.settings)
    if not kind.draws:
        return _answer(args, context, make_job)
    grid = args.grid_size or 1
    if grid > 1 and getattr(args, "best_of", None) is not None:
        raise InputError("--best-of and --grid-size do not go together: leave out one.")
    return draw(args, context, make_job, grid=grid, seed=args.seed).code


def _answer(args: argparse.Namespace, context: Context, make_job: MakeJob) -> int:
    """Write the answer on the standard output as it comes; returns the exit code."""
    job = make_job(Defaults(), _say_nothing)
    options = context.options(args)
    with reporting(args) as reporter:
        backend = start(context, options, reporter)
        try:
            load(backend, reporter, named=options.checkpoint is not None)
            reporter.started(job, backend.info)
            side = min(backend.info.defaults.width, backend.info.defaults.height)
            if getattr(args, "published_size", side) != side:
                reporter.notice(f"--image_size has no effect: the model sees {side}×{side} pixels.")
            final = run_job(backend, job, reporter)
        finally:
            backend.close()
    if isinstance(final, Failed):
        say(final.message)
    elif isinstance(final, Cancelled):
        say("Stopped: the answer is not complete.")
    return exit_code(final)


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
    job = _drawing(make_job(Defaults(), _say_nothing))
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


def _say_nothing(_: str) -> None:
    """Remarks wait until the checkpoint's own defaults are known."""


def _tell_choices(job: DrawingJob, seed: str | None, reporter: Reporter) -> None:
    if seed_of(seed) is None:
        reporter.notice(f"The seed is {job.seed}.")
    if job.unconditional is not None:
        reporter.notice(f"The guidance steers away from {job.unconditional!r}.")


def _tell_end(final: Final, job: DrawingJob) -> None:
    match final:
        case Failed():
            say(final.message)
        case Cancelled(pictures) if not pictures and getattr(job, "best_of", None) is not None:
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
