"""The command that runs a file of prompts."""

from __future__ import annotations

import argparse
import textwrap

from unipic_tui import paths
from unipic_tui.cli.arguments import (
    Commands,
    Group,
    add_command,
    add_model,
    add_settings,
    add_telling,
    also,
)
from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import given_settings
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import KINDS

_EPILOG = """\
PROMPTS is a .json file with an array of objects ({{"prompt": "…"}}), a .jsonl file with an object
a line, or a text file with a prompt a line. An object may also say width and height, grid_size,
mode ({modes}), source (a picture, found from where PROMPTS lies), region, and these
settings; all else is carried through to the result:

{settings}

Item 7 becomes 00000007.jpg and 00000007.json. What is there already is not made again, so the
same command goes on after a crash. On several GPUs or machines start it with torchrun:

  torchrun --nproc-per-node 8 -m unipic_tui batch PROMPTS --output DIR
"""


def add_arguments(commands: Commands) -> None:
    """Add ``batch``."""
    parser = add_command(commands, "batch", "run a file of prompts", _run, aliases=("b",))
    parser.add_argument("prompts", metavar="PROMPTS", help="a .json, .jsonl or text file")
    add_settings(parser, *KINDS.values(), many=True)
    parser.epilog = _epilog() + "\n" + (parser.epilog or "")
    group = parser.add_argument_group("items")
    group.add_argument(
        "--mode",
        choices=tuple(KINDS),
        default="",
        help="of items that name none (edit where there is a source, else generate)",
    )
    group.add_argument(
        "--format", choices=("jpg", "png", "webp"), default="jpg", help="of the pictures (jpg)"
    )
    add_model(parser)
    add_result_folder(parser)


def _epilog() -> str:
    names = {each.name: None for kind in KINDS.values() for each in settings_of(kind)}
    del names["count"]
    listed = textwrap.fill(", ".join(names), 96, initial_indent="  ", subsequent_indent="  ")
    return _EPILOG.format(modes=", ".join(KINDS), settings=listed)


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
    from unipic_tui.jobs import Defaults

    path = paths.absolute(args.prompts)
    items = read_items(path)
    common = Common(
        folder=path.parent,
        mode=args.mode,
        seed=args.seed,
        size=args.size,
        grid=1 if args.grid_size is None else args.grid_size,
        format=args.format,
        given=given_settings(args, context.settings, *KINDS.values()),
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
