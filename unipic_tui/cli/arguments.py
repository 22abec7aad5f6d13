"""The parser's kind, and the groups of arguments that several commands share."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from unipic_tui.cli.context import Context
from unipic_tui.errors import InputError
from unipic_tui.job_settings import Setting, settings_of
from unipic_tui.jobs import BATCH_QUALITY, USUAL_QUALITY, Job
from unipic_tui.settings import DTYPES, IMAGES
from unipic_tui.text import one_line

Command = Callable[[argparse.Namespace, Context], int]

_METAVARS = {"whole": "N", "number": "X", "text": "TEXT", "size": "SIZE", "side": "N"}
_PUBLISHED = """\
The flags of the published scripts are understood as well: --prompt, --image,
--image_size, --cfg, --cfg_prompt, --cfg_schedule, --num_iter, --grid_size.
"""


_FLAG = re.compile(r"--[\w-]+")
_CLOSE = 0.75
"""How alike two names must be for one to be a slip of the other."""


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one sentence.

    Attributes:
        hidden: a name of the command that is not listed.
        meant: flags that do not exist, and those that do what their names say.
    """

    hidden = ""
    meant: Mapping[str, str] = {}

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)
        self.register("action", "parsers", _Commands)

    def format_help(self) -> str:
        """The help, with a usage line that names only what must be given."""
        if self.usage is None:
            shape = self._get_formatter()._format_args
            needed = [each for each in self._actions if each.required and each.option_strings]
            words = [f"{each.option_strings[-1]} {shape(each, 'X')}" for each in needed]
            places = [each for each in self._actions if not each.option_strings]
            words += ["[options]", *(shape(each, each.dest) for each in places)]
            self.usage = f"%(prog)s {' '.join(words)}"
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave with exit code 2."""
        sentence = one_line(message, 300).rstrip(".")
        sys.stderr.write(f"unipic-tui: {sentence}; see {self.prog} --help.\n")
        raise SystemExit(2)

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Leave for words that this command does not understand, saying what may be meant."""
        word = words[0]
        remedy = ""
        if os.path.lexists(word):
            remedy = f": for the file, write ./{word}"
        elif word.startswith("--") and (meant := self._meant(word.split("=")[0])):
            remedy = f": did you mean {meant}"
        self.error(f"unrecognized arguments: {' '.join(words)}{remedy}")

    def _meant(self, flag: str) -> str:
        """The flag that is meant by one that does not exist, or ""; only what the help names."""
        if flag in self.meant:
            return self.meant[flag]
        listed = dict.fromkeys(_FLAG.findall(self.format_help()))
        known = {_plain(name): name for name in listed if name in self._option_string_actions}
        wanted = _plain(flag)
        longer = [name for name in known if name.startswith(wanted)]
        shorter = [name for name in known if wanted.startswith(f"{name}-")]
        close = difflib.get_close_matches(wanted, known, 1, _CLOSE)
        # What is typed short is what people know; else the one that says most of it.
        best = [*sorted(longer, key=len), *sorted(shorter, key=len, reverse=True), *close]
        return known[best[0]] if best else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Say which command was meant where argparse would list all of them."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            close = difflib.get_close_matches(str(value), action.choices, 1)
            remedy = f'did you mean "{close[0]}"' if close else 'to draw, use "generate PROMPT"'
            self.error(f"there is no command {str(value)!r}: {remedy}")
        super()._check_value(action, value)


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """The commands of a parser; what was given before a command's name is not overwritten."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse the command; an option that is given twice must say the same."""
        before = dict(vars(namespace))
        super().__call__(parser, namespace, values, option_string)
        for name in SHARED:
            now = getattr(namespace, name, None)
            if name in before and now != before[name]:
                namespace.parser.error(
                    f"{flag_of(name)} is given twice, as {before[name]!r} and as {now!r}: "
                    "leave out one"
                )


def _plain(flag: str) -> str:
    """A flag's name as it is compared."""
    return flag.lstrip("-").replace("_", "-").lower()


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Group = argparse._ActionsContainer


_SETTINGS = "default: the settings file's, or"

SHARED: dict[str, dict[str, Any]] = {
    "checkpoint": {
        "metavar": "DIR",
        "help": "folder of a checkpoint (default: UNIPIC_CHECKPOINT, the settings file's, or the "
        "small embedded one)",
    },
    "device": {
        "metavar": "NAME",
        "help": f"where the model runs: auto, cpu, cuda, cuda:1 or mps ({_SETTINGS} auto)",
    },
    "dtype": {"choices": DTYPES, "help": f"number format of the weights ({_SETTINGS} auto)"},
    "images": {"choices": IMAGES, "help": f"how the terminal shows pictures ({_SETTINGS} auto)"},
    "library": {
        "metavar": "DIR",
        "help": f"folder of the library ({_SETTINGS} the user's data folder)",
    },
    "theme": {"metavar": "NAME", "help": "theme of the app"},
    "text_first": {
        "action": "store_true",
        "help": "captions and settings instead of pixels, for slow connections and screen readers",
    },
    "json": {"action": "store_true", "help": "print one JSON object a line for every event"},
    "quiet": {"action": "store_true", "help": "print no progress and no remarks"},
}
"""The options that may stand before a command's name as well as after it, by their field."""


def flag_of(name: str) -> str:
    """The flag of an option by its field."""
    return f"--{name.replace('_', '-')}"


def add_shared(group: Group, *names: str, **changes: Any) -> None:
    """Add options of `SHARED`; what is not given leaves no trace until `settle` fills it in.

    Args:
        group: a parser, or a part of its help.
        names: which.
        changes: what is different here, such as their ``help``.
    """
    for name in names:
        options = {**SHARED[name], **changes}
        group.add_argument(flag_of(name), dest=name, default=argparse.SUPPRESS, **options)


def settle(args: argparse.Namespace) -> None:
    """Refuse shared options that the chosen command has no use for, and fill in the others.

    An option that does nothing would be a wish not heard: what holds for every command belongs
    into the settings file.

    Raises:
        SystemExit: an option is refused; it has been said.
    """
    command: Parser = args.parser
    shown = {action.dest for action in command._actions if action.help != argparse.SUPPRESS}
    for name in SHARED:
        if hasattr(args, name):
            if name not in shown:
                what = command.prog.removeprefix("unipic-tui").strip() or "the app"
                command.error(f"{flag_of(name)} has no use with {what}: leave it out")
        else:
            setattr(args, name, False if name in {"json", "quiet"} else None)


def add_commands(parser: Parser, title: str, metavar: str, **options: Any) -> Commands:
    """Make a parser one of commands."""
    return parser.add_subparsers(title=title, metavar=metavar, parser_class=Parser, **options)


def add_hidden(parser: Parser) -> None:
    """Let a parser and its commands know every shared option, so that `settle` can refuse it."""
    known = {action.dest for action in parser._actions}
    for name in SHARED:
        if name not in known:
            also(parser, (flag_of(name),), name, **_values(name))
    for action in parser._actions:
        if isinstance(action, _Commands):
            for child in set(action.choices.values()):
                add_hidden(child)


def _values(name: str) -> dict[str, Any]:
    return {key: value for key, value in SHARED[name].items() if key != "help"}


def add_command(
    commands: Commands,
    name: str,
    summary: str,
    run: Command,
    *,
    aliases: tuple[str, ...] = (),
    published: str = "",
) -> Parser:
    """Add a command; its description is the summary as a sentence.

    Args:
        commands: of the parser that it belongs to.
        name, summary, run: its name, what it does in a phrase, and the work.
        aliases: further names.
        published: the script that does the same, whose name is understood and not listed.
    """
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", aliases=aliases
    )
    if published:
        commands.choices[published] = parser
        parser.hidden = published
    parser.set_defaults(run=run, parser=parser, prompt=None, image=None)
    return parser


def add_family(commands: Commands, name: str, summary: str) -> Commands:
    """Add a command that consists of further commands."""

    def unsaid(_: argparse.Namespace, __: Context) -> int:
        *names, last = family.choices
        raise InputError(f"Say what to do: {name} {', '.join(names)} or {last}.")

    family = add_commands(add_command(commands, name, summary, unsaid), "what to do", "WHAT")
    return family


def add_model(parser: Parser) -> None:
    """Which model runs, and where."""
    add_shared(parser.add_argument_group("the model"), "checkpoint", "device", "dtype")


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
    parser.meant = {
        flag_of(field): flag_of(each.name) for each in found.values() for field in each.fields
    }
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
    flag = flag_of(each.name)
    names = [f"-{each.letter}", flag] if each.letter else [flag]
    options: dict[str, Any] = {}
    if each.name == "seed":
        options = {"type": int, "default": 0} if many else {}
        words = "of item 0; item k has N + k (0)" if many else f'{each.help}, or "random" (random)'
    else:
        default = each.unset if each.default is None else each.shown(each.default)
        limits = f", {each.range}" if each.range else ""
        if each.name == "quality":
            default = f"{_SETTINGS} {BATCH_QUALITY if many else USUAL_QUALITY}"
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
        for spelt in dict.fromkeys((f"--{name}", flag_of(name)))
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
        help=f"save the job in the picture, so that it can be replayed ({_SETTINGS} yes)",
    )
    add_shared(group, "images", "json", "quiet")


def add_result_folder(parser: Parser) -> None:
    """Where the results of many jobs go, and what is said of them."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="DIR", required=True, help="folder of the results")
    group.add_argument(
        "-f", "--force", action="store_true", help="overwrite results of other prompts or settings"
    )
    group.add_argument(
        "--metadata",
        action=argparse.BooleanOptionalAction,
        help=f"save the jobs in the pictures, so that they can be replayed ({_SETTINGS} yes)",
    )
    group.add_argument(
        "--sheet",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write a contact sheet at the end (yes)",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="most pictures drawn at once, as memory allows (as many as keep the processor busy)",
    )
    also(group, ("--batch_size",), "batch_size", type=int)
    add_shared(group, "json", "quiet")
