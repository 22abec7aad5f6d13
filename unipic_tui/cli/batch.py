"""The command that runs a file of prompts."""

from __future__ import annotations

import argparse

from unipic_tui import paths
from unipic_tui.cli.arguments import (
    Commands,
    Group,
    add_command,
    add_model,
    add_sampling,
    add_telling,
    also,
)
from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import sampling

_EPILOG = """\
PROMPTS is a .json file with an array of objects ({"prompt": "…"}), a .jsonl file with an object
a line, or a text file with a prompt a line. An object may also say seed, size (or width and
height), guidance, schedule, iterations, order, temperature, head_steps, quality, unconditional,
grid_size, mode (generate, edit, describe), source (a picture, found from where PROMPTS lies),
region, max_new_tokens and vision; all else is carried through to the result.

Item 7 becomes 00000007.jpg and 00000007.json. What is there already is not made again, so the
same command goes on after a crash. On several GPUs or machines start it with torchrun:

  torchrun --nproc-per-node 8 -m unipic_tui batch PROMPTS --output DIR
"""


def add_arguments(commands: Commands) -> None:
    """Add ``batch``."""
    parser = add_command(commands, "batch", "run a file of prompts", _run, aliases=("b",))
    parser.add_argument("prompts", metavar="PROMPTS", help="a .json, .jsonl or text file")
    add_sampling(parser, many=True)
    parser.epilog = _EPILOG + "\n" + (parser.epilog or "")
    group = parser.add_argument_group("items")
    group.add_argument(
        "--mode",
        choices=("generate", "edit", "describe"),
        default="",
        help="of items that name none (edit where there is a source, else generate)",
    )
    group.add_argument("--size", metavar="SIZE", help="768, 768x512, or an aspect ratio")
    group.add_argument(
        "--format", choices=("jpg", "png", "webp"), default="jpg", help="of the pictures (jpg)"
    )
    add_model(parser)
    add_result_folder(parser)


def add_result_folder(parser: Group) -> None:
    """Where the results of many jobs go, and what is said of them."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="DIR", required=True, help="folder of the results")
    group.add_argument(
        "-f", "--force", action="store_true", help="overwrite results of other prompts or settings"
    )
    group.add_argument(
        "--metadata",
        action=argparse.BooleanOptionalAction,
        help="whether pictures carry the job that makes them again (yes)",
    )
    group.add_argument(
        "--sheet",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a contact sheet is made at the end (yes)",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="understood for the published scripts' sake; pictures are drawn one at a time",
    )
    also(group, ("--batch_size",), "batch_size", type=int)
    add_telling(group)


def _run(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.batch.items import read_items
    from unipic_tui.batch.tasks import Common, Plan, make_task
    from unipic_tui.cli.many import run_many
    from unipic_tui.errors import InputError
    from unipic_tui.events import Defaults

    path = paths.absolute(args.prompts)
    items = read_items(path)
    common = Common(
        folder=path.parent,
        mode=args.mode,
        seed=args.seed,
        size=args.size,
        grid=1 if args.grid_size is None else args.grid_size,
        format=args.format,
        sampling=sampling(args, context.settings),
    )

    def make(defaults: Defaults) -> Plan:
        plan = Plan()
        for item in items:
            try:
                plan.tasks.append(make_task(item, common, defaults))
            except InputError as error:
                plan.problems[item.index] = error.message
        return plan

    return run_many(args, context, make)
