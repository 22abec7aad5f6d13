"""The parser's kind, and the groups of arguments that several commands share."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from unipic_tui.cli.context import Context
from unipic_tui.job_settings import Setting, settings_of
from unipic_tui.jobs import Job
from unipic_tui.settings import DTYPES, IMAGES
from unipic_tui.text import one_line

Command = Callable[[argparse.Namespace, Context], int]

_METAVARS = {"whole": "N", "number": "X", "text": "TEXT", "size": "SIZE", "side": "N"}
_PUBLISHED = """\
The flags of the published scripts are understood as well: --prompt, --image,
--image_size, --cfg, --cfg_prompt, --cfg_schedule, --num_iter, --grid_size.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one sentence."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with exit code 2."""
        sentence = one_line(message, 300).rstrip(".")
        sys.stderr.write(f"unipic-tui: {sentence}; see {self.prog} --help.\n")
        raise SystemExit(2)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Say which command was meant where argparse would list all of them."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            close = difflib.get_close_matches(str(value), action.choices, 1)
            remedy = f'did you mean "{close[0]}"' if close else 'to draw, use "generate PROMPT"'
            self.error(f"there is no command {str(value)!r}: {remedy}")
        super()._check_value(action, value)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Group = argparse._ActionsContainer


def add_command(
    commands: Commands, name: str, summary: str, run: Command, *, aliases: tuple[str, ...] = ()
) -> Parser:
    """Add a command; its description is the summary as a sentence."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", aliases=aliases
    )
    parser.set_defaults(run=run, prompt=None, image=None)
    return parser


def add_model(parser: Parser, shared: bool = True) -> None:
    """Which model runs, and where.

    Args:
        parser: the program's parser or a command's.
        shared: for a command, which must not forget what was given before its name.
    """
    default = argparse.SUPPRESS if shared else None
    group = parser.add_argument_group("the model")
    group.add_argument(
        "--checkpoint",
        metavar="DIR",
        default=default,
        help="folder of a checkpoint; without it UNIPIC_CHECKPOINT or the settings name one, "
        "or the small embedded one is used",
    )
    group.add_argument(
        "--device",
        metavar="NAME",
        default=default,
        help="auto, cpu, cuda, cuda:1, mps (default: auto)",
    )
    group.add_argument("--dtype", choices=DTYPES, default=default, help="number format (auto)")


def add_images(group: Group, shared: bool = True) -> None:
    """How pictures are shown."""
    group.add_argument(
        "--images",
        choices=IMAGES,
        default=argparse.SUPPRESS if shared else None,
        help="how pictures are shown in the terminal (auto)",
    )


def also(group: Group, names: tuple[str, ...], dest: str, **options: Any) -> None:
    """Understand other names for an option without listing them."""
    group.add_argument(
        *names, dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **options
    )


def add_settings(parser: Parser, *kinds: type[Job], many: bool = False, grid: bool = True) -> None:
    """A flag for every setting of these kinds of job, by our names and the published scripts'.

    Args:
        parser: the command's.
        many: for a command that runs many jobs, each with a seed after the first one's.
        grid: whether several pictures may be put into one file.
    """
    found: dict[str, Setting] = {}
    for kind in kinds:
        for each in settings_of(kind):
            found.setdefault(each.name, each)
    draws = any(kind.draws for kind in kinds)
    group = parser.add_argument_group("drawing" if draws else "answering")
    for each in found.values():
        if not (many and each.name == "count"):
            _add_setting(group, each, many=many)
    if grid and draws:
        group.add_argument(
            "--grid-size", type=int, metavar="N", help="draw N×N pictures into one file"
        )
        also(group, ("--grid_size",), "grid_size", type=int)
    if draws:
        parser.epilog = _PUBLISHED


def _add_setting(group: Group, each: Setting, *, many: bool) -> None:
    flag = f"--{each.name.replace('_', '-')}"
    names = [f"-{each.letter}", flag] if each.letter else [flag]
    options: dict[str, Any] = {}
    if each.name == "seed":
        options = {"type": int, "default": 0} if many else {}
        words = "of item 0; item k has N + k (0)" if many else f'{each.help}, or "random" (random)'
    else:
        default = each.unset if each.default is None else each.shown(each.default)
        limits = f", {each.range}" if each.range else ""
        words = f"{each.help}{limits} ({default})"
        if each.kind == "choice":
            options = {"choices": each.choices}
        elif each.kind in {"whole", "number"}:
            options = {"type": int if each.kind == "whole" else float}
    shown = options if each.kind == "choice" else {**options, "metavar": _METAVARS[each.kind]}
    group.add_argument(*names, dest=each.name, help=words.replace("%", "%%"), **shown)
    others = [
        spelt
        for name in (each.name, *each.aliases)
        for spelt in dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        if spelt != flag
    ]
    if others:
        options.pop("default", None)
        also(group, tuple(others), each.name, **options)


def add_output(parser: Parser) -> None:
    """Where pictures go, and what is said."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help='a file (.png, .jpg or .webp), a folder, or "-" for the bytes of a PNG on the '
        "standard output (default: a new file here, named after prompt and seed)",
    )
    group.add_argument("-f", "--force", action="store_true", help="overwrite the file")
    group.add_argument(
        "--metadata",
        action=argparse.BooleanOptionalAction,
        help="whether the picture carries the job that makes it again (yes)",
    )
    add_images(group)
    add_telling(group)


def add_telling(group: Group) -> None:
    """For whom the program speaks, and how much."""
    group.add_argument(
        "--json", action="store_true", help="print one JSON object a line for every event"
    )
    group.add_argument("--quiet", action="store_true", help="no progress and no remarks")
