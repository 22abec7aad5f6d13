"""The command that runs a file of prompts."""

from __future__ import annotations

import argparse
import textwrap

from unipic_tui import paths
from unipic_tui.cli.arguments import (
    Commands,
    add_command,
    add_model,
    add_result_folder,
    add_settings,
    also,
)
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import STDIN, given_settings, ignore_config, is_config
from unipic_tui.errors import InputError
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import KINDS
from unipic_tui.text import one_line

_EPILOG = """\
PROMPTS is a .json or .yaml file with an array of objects ({{"prompt": "…"}}), a .jsonl file with
an object a line, a .csv or .tsv file whose first line names the columns, or a text file with a
prompt a line. The prompt may be called caption or text as well. An object or row may also say
width and height, grid_size, mode ({modes}), source (a picture, found from where
PROMPTS lies), region, and these settings; all else is carried through to the result. A seed of -1
is a random one, which stays when the batch goes on:

{settings}

Item 7 becomes 00000007.jpg and 00000007.json. What is there already is not made again, so the
same command goes on after a crash. On several GPUs or machines start it with torchrun:

  torchrun --nproc-per-node 8 -m unipic_tui batch PROMPTS --output DIR
"""


def add_arguments(commands: Commands) -> None:
    """Add ``batch``."""
    parser = add_command(
        commands,
        "batch",
        "run a file of prompts",
        _run,
        aliases=("b",),
        published="batch_text2image",
    )
    parser.add_argument(
        "prompts",
        nargs="?",
        metavar="PROMPTS",
        help="a .json, .yaml, .jsonl, .csv, .tsv or text file",
    )
    also(parser, ("--data",), "data")
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


def _prompts(args: argparse.Namespace) -> str:
    """The file of prompts, by its place or as the published script has it, after ``--data``."""
    place: str | None = args.prompts
    data: str | None = getattr(args, "data", None)
    if place is not None and data is not None:
        if not is_config(place):
            raise InputError("The file of prompts is named twice: leave out --data.")
        ignore_config(place, args)
        place = None
    named = data if place is None else place
    if named is None:
        raise InputError("No file of prompts is named: use batch PROMPTS --output DIR.")
    if named == STDIN:
        raise InputError(
            "A batch reads its prompts from a file, so that it can go on later: save them in one."
        )
    return named


def _run(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.batch.foreign import unused_settings
    from unipic_tui.batch.items import read_items
    from unipic_tui.batch.ranks import Ranks
    from unipic_tui.batch.tasks import Common, Plan, make_task
    from unipic_tui.cli.batch_run import run_batch
    from unipic_tui.defaults import Defaults

    path = paths.absolute(_prompts(args))
    items = read_items(path)
    common = Common(
        folder=path.parent,
        mode=args.mode,
        seed=args.seed,
        size=args.size,
        grid=1 if args.grid_size is None else args.grid_size,
        format=args.format,
        given=given_settings(args, context.settings, *KINDS.values(), many=True),
    )

    def make(defaults: Defaults) -> Plan:
        plan = Plan()
        for item in items:
            try:
                plan.tasks.append(make_task(item, common, defaults))
            except InputError as error:
                plan.problems[item.index] = error.message
        return plan

    unused = unused_settings(item.fields for item in items)
    if unused and not args.quiet and Ranks.from_environment().leads:
        names = ", ".join(one_line(name, 40) for name in unused)
        say(f"Settings that are not used here, and only carried through to the results: {names}.")
    return run_batch(args, context, make)
