"""The arguments of every command. Nothing here may import what is slow to import."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from unipic_tui import __version__
from unipic_tui.cli.arguments import (
    Commands,
    Parser,
    add_command,
    add_images,
    add_model,
    add_output,
    add_telling,
)
from unipic_tui.cli.context import Context

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
    args, rest = parser.parse_known_args(argv)
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    if unknown or (rest and not hasattr(args, "words")):
        parser.error(f"unrecognized arguments: {' '.join(unknown or rest)}")
    if rest:
        args.words = [*args.words, *rest]
    return args


def build_parser() -> Parser:
    """The parser of the whole command line; ``run`` in its result is the command to run."""
    from unipic_tui.cli.batch import add_arguments as add_batch
    from unipic_tui.cli.evaluate import add_arguments as add_evaluate
    from unipic_tui.cli.inspect import add_arguments as add_inspect
    from unipic_tui.cli.library import add_arguments as add_library
    from unipic_tui.cli.run import add_arguments as add_run

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
    add_model(parser, shared=False)
    app = parser.add_argument_group("the app")
    add_images(app, shared=False)
    app.add_argument("--library", metavar="DIR", help="folder of the sessions and their pictures")
    app.add_argument("--theme", metavar="NAME", help="a theme of the app")
    app.add_argument(
        "--text-first",
        action="store_true",
        default=None,
        help="captions and settings, no pixels: for slow lines and screen readers",
    )
    parser.set_defaults(run=_app)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", prog="unipic-tui", parser_class=Parser
    )
    add_run(commands)
    _add_replay(commands)
    add_inspect(commands)
    add_batch(commands)
    add_evaluate(commands)
    _add_convert(commands)
    _add_doctor(commands)
    _add_settings(commands)
    add_library(commands)
    return parser


def _app(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.app import open_app

    return open_app(args, context)


def _replay(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.replay import replay

    return replay(args, context)


def _convert(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.convert import convert

    return convert(args, context)


def _doctor(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.doctor import doctor

    return doctor(args, context)


def _settings(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.preferences import settings

    return settings(args, context)


def _add_replay(commands: Commands) -> None:
    parser = add_command(
        commands, "replay", "draw a saved picture again from its metadata", _replay, aliases=("r",)
    )
    parser.add_argument("image", metavar="IMAGE", help="a picture that unipic-tui has saved")
    parser.add_argument(
        "--show", action="store_true", help="print the job as JSON, and draw nothing"
    )
    add_model(parser)
    add_output(parser)


def _add_convert(commands: Commands) -> None:
    parser = add_command(
        commands, "convert", "write a downloaded checkpoint in the program's own format", _convert
    )
    parser.add_argument("source", metavar="DIR", help="the folder as downloaded")
    parser.add_argument("target", metavar="OUT", help="the folder to write")
    add_telling(parser)


def _add_doctor(commands: Commands) -> None:
    parser = add_command(
        commands, "doctor", "say what works here, what does not, and what to do", _doctor
    )
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", help="a checkpoint (default: the one that is used)"
    )
    add_model(parser)
    add_images(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _add_settings(commands: Commands) -> None:
    parser = add_command(
        commands, "settings", "print where the settings file is, and an example of it", _settings
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--path", action="store_true", help="print only where it is")
    choice.add_argument("--write", action="store_true", help="write the example there if none is")
