"""The arguments of every command. Nothing here may import what is slow to import."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from unipic_tui import __version__
from unipic_tui.cli.context import Context
from unipic_tui.jobs import MAX_COUNT, QUALITIES, SCHEDULES, VISIONS
from unipic_tui.settings import DTYPES, IMAGES
from unipic_tui.text import one_line

Command = Callable[[argparse.Namespace, Context], int]

_EPILOG = """\
Without a command, the app opens. Try:

  unipic-tui generate "a red circle left of a blue square"
  unipic-tui edit a-red-circle-s1.png "make the circle green"
  unipic-tui describe a-red-circle-s1.png "How many circles?"
"""
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
    from unipic_tui.cli.library import add_arguments as add_library

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
    _add_model(parser, shared=False)
    app = parser.add_argument_group("the app")
    _add_images(app, shared=False)
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
    _add_generate(commands)
    _add_edit(commands)
    _add_describe(commands)
    _add_replay(commands)
    _add_convert(commands)
    _add_doctor(commands)
    _add_settings(commands)
    add_library(commands)
    return parser


def _app(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.app import open_app

    return open_app(args, context)


def _generate(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.draw import generate

    return generate(args, context)


def _edit(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.draw import edit

    return edit(args, context)


def _describe(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.describe import describe

    return describe(args, context)


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


def _add_model(parser: Parser, shared: bool = True) -> None:
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


def _add_images(group: Group, shared: bool = True) -> None:
    group.add_argument(
        "--images",
        choices=IMAGES,
        default=argparse.SUPPRESS if shared else None,
        help="how pictures are shown in the terminal (auto)",
    )


def _also(group: Group, names: tuple[str, ...], dest: str, **options: Any) -> None:
    """Understand other names for an option without listing them."""
    group.add_argument(
        *names, dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **options
    )


def _add_sampling(parser: Parser) -> None:
    group = parser.add_argument_group("drawing")
    group.add_argument(
        "-n",
        "--count",
        type=int,
        metavar="N",
        help=f"how many pictures, 1 to {MAX_COUNT}; picture k has seed + k (1)",
    )
    group.add_argument(
        "-s", "--seed", metavar="N", help='a number, or "random" (default: a new one, printed)'
    )
    group.add_argument(
        "-g", "--guidance", type=float, metavar="X", help="how hard the prompt pulls, from 0 (3)"
    )
    group.add_argument(
        "--schedule", choices=SCHEDULES, default="constant", help="guidance over the iterations"
    )
    group.add_argument("-i", "--iterations", type=int, metavar="N", help="MAR iterations (32)")
    group.add_argument(
        "-t", "--temperature", type=float, default=1.0, metavar="X", help="0 to 10 (1)"
    )
    group.add_argument(
        "--head-steps", type=int, metavar="N", help="diffusion steps a token, 1 to 1000 (100)"
    )
    group.add_argument(
        "-q",
        "--quality",
        choices=QUALITIES,
        help="exact repeats the published sampler, full starts it safely, fast is quicker (full)",
    )
    group.add_argument(
        "--unconditional",
        metavar="TEXT",
        help="what the guidance pushes away from, in place of the model's own words",
    )
    group.add_argument("--grid-size", type=int, metavar="N", help="draw N×N pictures into one file")
    _also(group, ("--cfg",), "guidance", type=float)
    _also(group, ("--cfg_schedule", "--cfg-schedule"), "schedule", choices=SCHEDULES)
    _also(group, ("--cfg_prompt", "--cfg-prompt"), "unconditional")
    _also(group, ("--num_iter", "--num-iter"), "iterations", type=int)
    _also(group, ("--head_steps",), "head_steps", type=int)
    _also(group, ("--grid_size",), "grid_size", type=int)
    _also(group, ("--image_size", "--image-size"), "size")
    parser.epilog = _PUBLISHED


def _add_output(parser: Parser) -> None:
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
    _add_images(group)
    _add_telling(group)


def _add_telling(group: Group) -> None:
    group.add_argument(
        "--json", action="store_true", help="print one JSON object a line for every event"
    )
    group.add_argument("--quiet", action="store_true", help="no progress and no remarks")


def _add_generate(commands: Commands) -> None:
    parser = add_command(
        commands, "generate", "draw pictures from a prompt", _generate, aliases=("gen", "g")
    )
    parser.add_argument("words", nargs="*", metavar="PROMPT", help='what to draw; "-" reads it')
    _also(parser, ("-p", "--prompt"), "prompt")
    _add_sampling(parser)
    shape = parser.add_argument_group("size and place")
    shape.add_argument(
        "--size",
        metavar="SIZE",
        help="768, 768x512, or an aspect ratio such as 3:2 (default: the checkpoint's)",
    )
    shape.add_argument("--source", metavar="IMAGE", help="keep this picture outside --region")
    shape.add_argument(
        "--region", metavar="X,Y,W,H", help="the part to draw anew, in tokens of 16 pixels"
    )
    _add_model(parser)
    _add_output(parser)


def _add_edit(commands: Commands) -> None:
    parser = add_command(
        commands, "edit", "change a picture as a prompt says", _edit, aliases=("e",)
    )
    parser.usage = "%(prog)s [options] IMAGE PROMPT"
    parser.add_argument(
        "words", nargs="*", metavar="IMAGE PROMPT", help='what to change, and how; "-" reads it'
    )
    _also(parser, ("-p", "--prompt"), "prompt")
    _also(parser, ("--image", "--source"), "image")
    _add_sampling(parser)
    parser.add_argument_group("size").add_argument(
        "--size",
        metavar="N",
        help="longest side the model works at; the result has the picture's own size",
    )
    _add_model(parser)
    _add_output(parser)


def _add_describe(commands: Commands) -> None:
    parser = add_command(
        commands, "describe", "answer a question about a picture", _describe, aliases=("desc", "d")
    )
    parser.usage = "%(prog)s [options] IMAGE [QUESTION]"
    parser.add_argument(
        "words",
        nargs="*",
        metavar="IMAGE [QUESTION]",
        help='the picture, and what to ask (default: to describe it); "-" reads it',
    )
    _also(parser, ("-p", "--prompt", "--question"), "prompt")
    _also(parser, ("--image", "--source"), "image")
    group = parser.add_argument_group("answering")
    group.add_argument(
        "--max-new-tokens", type=int, default=1024, metavar="N", help="longest answer (1024)"
    )
    _also(group, ("--max_new_tokens",), "max_new_tokens", type=int)
    group.add_argument(
        "-t",
        "--temperature",
        type=float,
        default=0.0,
        metavar="X",
        help="0 takes the likeliest word, more samples (0)",
    )
    group.add_argument("-s", "--seed", metavar="N", help="seed of the sampling")
    group.add_argument(
        "--vision", choices=VISIONS, default="mar", help="which encoder looks at it (mar)"
    )
    _add_model(parser)
    _add_telling(parser.add_argument_group("output"))


def _add_replay(commands: Commands) -> None:
    parser = add_command(
        commands, "replay", "draw a saved picture again from its metadata", _replay, aliases=("r",)
    )
    parser.add_argument("image", metavar="IMAGE", help="a picture that unipic-tui has saved")
    parser.add_argument(
        "--show", action="store_true", help="print the job as JSON, and draw nothing"
    )
    _add_model(parser)
    _add_output(parser)


def _add_convert(commands: Commands) -> None:
    parser = add_command(
        commands, "convert", "write a downloaded checkpoint in the program's own format", _convert
    )
    parser.add_argument("source", metavar="DIR", help="the folder as downloaded")
    parser.add_argument("target", metavar="OUT", help="the folder to write")
    _add_telling(parser)


def _add_doctor(commands: Commands) -> None:
    parser = add_command(
        commands, "doctor", "say what works here, what does not, and what to do", _doctor
    )
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", help="a checkpoint (default: the one that is used)"
    )
    _add_model(parser)
    _add_images(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _add_settings(commands: Commands) -> None:
    parser = add_command(
        commands, "settings", "print where the settings file is, and an example of it", _settings
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--path", action="store_true", help="print only where it is")
    choice.add_argument("--write", action="store_true", help="write the example there if none is")
