"""The commands that draw and edit for the benchmarks of the paper."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from unipic_tui import paths
from unipic_tui.checkpoint_folder import check_folder
from unipic_tui.cli.arguments import (
    Commands,
    add_command,
    add_family,
    add_model,
    add_result_folder,
    add_settings,
    add_shared,
)
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import given_settings
from unipic_tui.cli.report import write_json
from unipic_tui.errors import InputError
from unipic_tui.jobs import MAX_COUNT, QUALITIES, USUAL_QUALITY, EditJob, GenerateJob
from unipic_tui.text import printable

if TYPE_CHECKING:
    from unipic_tui.evaluation.scoring import Scoring

_EPILOG = """\
What is there already is not made again, and torchrun shares the work out, as with batch. The
folder holds what the benchmark's tools want and nothing else; records, a manifest and a contact
sheet go to a folder next to it, named after it with "-notes" at the end. Where a prompt has four
pictures, item k starts at the seed N + 4k, however many items and samples are drawn. At the end
the command is printed that scores the folder.
"""
_EXPORT = """
GEdit-Bench comes from Hugging Face. These lines make a folder for --prompts of it:

  import datasets, json, os
  os.mkdir("gedit"); lines = open("gedit/metadata.jsonl", "w")
  for n, row in enumerate(datasets.load_dataset("stepfun-ai/GEdit-Bench", split="train")):
      row.pop("input_image"); row.pop("input_image_raw").save(f"gedit/{n}.png")
      lines.write(json.dumps({"file_name": f"{n}.png", **row}) + "\\n")
"""


def add_arguments(commands: Commands) -> None:
    """Add ``eval`` with its subcommands."""
    parts = add_family(commands, "eval", "draw and edit for a benchmark")

    def add(name: str, summary: str, prompts: str, sources: str | None = None) -> None:
        part = add_command(parts, name, summary, partial(_run, name))
        part.add_argument("--prompts", metavar="PATH", required=True, help=prompts)
        if sources is not None:
            part.add_argument("--sources", metavar="DIR", required=name == "imgedit", help=sources)
        part.add_argument("--limit", type=int, metavar="N", help="only the first N items (all)")
        if sources is None:
            part.add_argument(
                "--num-samples", type=int, default=4, metavar="N", help="pictures of a prompt (4)"
            )
        add_settings(part, GenerateJob if sources is None else EditJob, many=True, grid=False)
        part.epilog = _EPILOG + (_EXPORT if name == "gedit" else "")
        add_model(part)
        add_result_folder(part)

    add(
        "geneval",
        "draw four pictures of each prompt of GenEval",
        "GenEval's evaluation_metadata.jsonl",
    )
    add(
        "dpg",
        "draw a 2×2 grid of each prompt of DPG-Bench",
        "DPG-Bench's folder of prompts, a .txt file each",
    )
    add(
        "gedit",
        "make the edits of GEdit-Bench",
        "metadata with key, task_type, instruction and instruction_language (.jsonl, .json or "
        ".csv), or a folder with pictures and metadata.jsonl, see below",
        "the dataset's folder of source pictures (that of the metadata)",
    )
    add(
        "imgedit",
        "make the edits of ImgEdit-Bench",
        "ImgEdit's basic_edit.json",
        "the benchmark's folder of original pictures",
    )
    shapes = add_command(parts, "shapes", "score a model of coloured shapes", _shapes)
    shapes.add_argument("--seed", type=int, default=0, metavar="N", help="of the prompts (0)")
    shapes.add_argument(
        "-n", "--count", type=int, default=50, metavar="N", help="of each kind of task (50)"
    )
    shapes.add_argument("-q", "--quality", choices=QUALITIES, help="of the drawing (full)")
    shapes.add_argument("-g", "--guidance", type=float, metavar="X", help="of drawing")
    shapes.add_argument("--edit-guidance", type=float, metavar="X", help="of editing")
    shapes.add_argument(
        "--best-of", type=int, default=1, metavar="N", help="let the model choose one of N pictures"
    )
    add_shared(shapes, "checkpoint", help="its folder (embedded)")
    add_shared(shapes, "json", help="print one JSON object")


def _run(name: str, args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.batch.tasks import Common
    from unipic_tui.cli.batch_run import run_batch
    from unipic_tui.evaluation.benchmark import read_benchmark

    prompts = paths.absolute(args.prompts)
    common = Common(
        folder=prompts.parent,
        seed=args.seed,
        size=args.size,
        given=given_settings(args, context.settings, GenerateJob, EditJob, many=True),
    )
    edits = "sources" in args
    benchmark = read_benchmark(
        name,
        prompts,
        common,
        sources=paths.absolute(args.sources) if edits and args.sources else None,
        limit=args.limit,
        samples=1 if edits else args.num_samples,
    )
    output = paths.absolute(args.output)
    notes = output.with_name(f"{output.name}-notes")
    return run_batch(
        args,
        context,
        benchmark.plan,
        notes,
        lambda plan, defaults: _tell(benchmark.scoring(plan, defaults, output, notes), args),
    )


def _tell(scoring: Scoring, args: argparse.Namespace) -> None:
    if args.json:
        write_json({"event": "scoring", "where": scoring.where, "commands": scoring.commands})
    elif not args.quiet:
        say(f"To score it, in a copy of github.com/{scoring.where}:")
        sys.stderr.write("".join(f"  {printable(each)}\n" for each in scoring.commands))


def _shapes(args: argparse.Namespace, context: Context) -> int:
    if args.count < 1:
        raise InputError(f"The number {args.count} is not positive: give at least 1.")
    if not 1 <= args.best_of <= MAX_COUNT:
        raise InputError(f"--best-of {args.best_of} is out of range: use 1 to {MAX_COUNT}.")
    checkpoint = context.checkpoint(args)
    if checkpoint is not None:
        check_folder(checkpoint)
    from unipic_tui.nano.score import lines, score_checkpoint

    score = score_checkpoint(
        checkpoint,
        args.seed,
        args.count,
        quality=args.quality or context.settings.quality or USUAL_QUALITY,
        guidance=args.guidance,
        edit_guidance=args.edit_guidance,
        best_of=args.best_of,
        progress=lambda what: say(f"scoring {what}"),
    )
    if args.json:
        write_json(dict(score.to_dict()))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(score)))
    return 0
