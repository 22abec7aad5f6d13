"""The commands that run one job, one for each kind: generate, edit and describe."""

from __future__ import annotations

import argparse
from functools import partial

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
from unipic_tui.cli.execution import exit_code, loaded, run_job
from unipic_tui.cli.inputs import MakeJob, job_maker, piped_picture, say_nothing
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.events import Cancelled, Failed
from unipic_tui.jobs import KINDS, Job

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
        explained = (
            f'the picture, and what to {wording.purpose}; "-" reads either from standard input'
        )
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
    with piped_picture(args, kind):
        return _run_job(kind, args, context)


def _run_job(kind: type[Job], args: argparse.Namespace, context: Context) -> int:
    make_job = job_maker(kind, args, context.settings)
    if not kind.draws:
        return _answer(args, context, make_job)
    grid = args.grid_size or 1
    if grid > 1 and getattr(args, "best_of", None) is not None:
        raise InputError("--best-of and --grid-size do not go together: leave out one.")
    from unipic_tui.cli.draw_job import draw

    return draw(args, context, make_job, grid=grid, seed=args.seed).code


def _answer(args: argparse.Namespace, context: Context, make_job: MakeJob) -> int:
    """Write the answer on the standard output as it comes; returns the exit code."""
    job = make_job(Defaults(), say_nothing)
    with loaded(args, context, context.options(args)) as (backend, reporter):
        reporter.started(job, backend.info)
        side = min(backend.info.defaults.width, backend.info.defaults.height)
        if getattr(args, "published_size", side) != side:
            reporter.notice(f"--image_size has no effect: the model sees {side}×{side} pixels.")
        final = run_job(backend, job, reporter)
    if isinstance(final, Failed):
        say(final.message)
    elif isinstance(final, Cancelled):
        say("Stopped: the answer is not complete.")
    return exit_code(final)
