"""The command that draws a saved picture again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from unipic_tui.cli.arguments import Commands, add_command, add_model, add_output
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import Notify
from unipic_tui.cli.report import write_json
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.files import shown_path
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import DrawingJob

if TYPE_CHECKING:
    from PIL import Image

    from unipic_tui.metadata import PictureMetadata


def add_arguments(commands: Commands) -> None:
    """Add ``replay``."""
    parser = add_command(
        commands, "replay", "draw a saved picture again from its metadata", replay, aliases=("r",)
    )
    parser.add_argument("image", metavar="IMAGE", help="a picture that unipic-tui has saved")
    parser.add_argument(
        "--show", action="store_true", help="print the job as JSON, and draw nothing"
    )
    add_model(parser)
    add_output(parser)


def replay(args: argparse.Namespace, context: Context) -> int:
    """Draw the picture again from the job it carries, and compare; returns the exit code."""
    from unipic_tui.cli.draw_job import draw
    from unipic_tui.library.provenance import read_metadata
    from unipic_tui.pictures import load_image

    saved = read_metadata(Path(args.image))
    job = saved.job if saved else None
    if saved is None or job is None:
        raise InputError(_no_job(args.image, saved))
    if args.show:
        print(json.dumps({"model": saved.model, "grid": saved.grid, "job": job_to_dict(job)}))
        return 0
    if job.source is not None:
        load_image(job.source)
    original, why = None, ""
    if Path(args.image).suffix.lower() == ".png":  # what was saved with loss cannot be equal
        try:
            original = load_image(args.image)  # now, as the new one may take its place
        except InputError as error:
            why = error.message

    def make(_: Defaults, __: Notify) -> DrawingJob:
        return job

    drawn = draw(args, context, make, grid=saved.grid, seed=str(job.seed))
    if drawn.image is not None and why and not args.quiet:
        say(f"The two are not compared. {why}")
    if drawn.image is not None and original is not None:
        _compare(args, original, drawn.image, saved.model, drawn.model)
    return drawn.code


def _no_job(path: str, saved: PictureMetadata | None) -> str:
    shown = shown_path(path)
    if saved is None:
        return f"{shown} carries no job: only pictures saved by unipic-tui with metadata do."
    if saved.problem:
        return f"{shown} cannot be drawn again: {saved.problem}"
    return f"{shown} carries another tool's settings, which cannot be drawn again here."


def _compare(
    args: argparse.Namespace, original: Image.Image, again: Image.Image, before: str, now: str
) -> None:
    from PIL import ImageChops

    same = original.size == again.size and not ImageChops.difference(original, again).getbbox()
    if args.json:
        write_json({"event": "compared", "identical": same, "model_then": before, "model_now": now})
    elif not args.quiet and same:
        say("The picture equals the saved one in every pixel.")
    elif not args.quiet:
        other = f": it was drawn by {before}, now by {now}" if before != now else ""
        say(f"The picture differs from the saved one{other}.")
