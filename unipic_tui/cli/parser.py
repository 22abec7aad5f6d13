"""The arguments of every command. Nothing here may import what is slow to import."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from unipic_tui import __version__
from unipic_tui.cli import (
    app,
    batch,
    bench,
    completion,
    convert,
    doctor,
    evaluate,
    inspect,
    library,
    replay,
    run,
    settings,
)
from unipic_tui.cli.arguments import Parser, add_commands, add_hidden, settle

_COMMANDS = (
    run,
    replay,
    inspect,
    batch,
    evaluate,
    library,
    convert,
    doctor,
    settings,
    bench,
    completion,
)
"""In the order in which the help lists them."""
_EPILOG = """\
Without a command, the app opens. Try:

  unipic-tui generate "a red circle left of a blue square"
  unipic-tui edit a-red-circle-s1.png "make the circle green"
  unipic-tui describe a-red-circle-s1.png "How many circles?"
"""


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of one call; ``run`` is the command to run.

    Words may stand before and after options, as in ``edit cat.png --seed 2 "make it black"``,
    which argparse by itself does not understand.

    Raises:
        SystemExit: the arguments make no sense, or help was asked for; it has been printed.
    """
    parser = build_parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:2] == ["bench", "--rehearse"]:  # written as an option as often as not
        words[1] = "rehearse"
    args, rest = parser.parse_known_args(words)
    settle(args)
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    if unknown or (rest and not hasattr(args, "words")):
        args.parser.refuse(unknown or rest)
    if rest:
        args.words = [*args.words, *rest]
    return args


def build_parser() -> Parser:
    """The parser of the whole command line; ``run`` in its result is the command to run."""
    parser = Parser(
        prog="unipic-tui",
        description="Draw, edit and describe images with Skywork UniPic.",
        usage="%(prog)s [options] [COMMAND …]",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"unipic-tui {__version__}",
        help="print the version",
    )
    app.add_arguments(parser)
    commands = add_commands(parser, "commands", "COMMAND", prog="unipic-tui")
    for module in _COMMANDS:
        module.add_arguments(commands)
    add_hidden(parser)
    return parser
