"""The commands about the library, and its benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, Parser, add_command, add_images, add_model
from unipic_tui.cli.context import Context
from unipic_tui.errors import InputError

_SEARCH_HELP = """\
Words match prompts, answers, tags and notes. Filters: mode:edit state:failed fav: note:
tag:portrait size:1024 size:1024x768 seed:42 model:nano session:light after:2026-11
before:2026-12-24; -word or -filter: leaves out what matches.
"""


def add_arguments(commands: Commands) -> None:
    """Add ``library`` with its subcommands, and ``bench``."""
    library = add_command(commands, "library", "look after the sessions on disk", _unsaid)
    _add_place(library, shared=False)
    parts = library.add_subparsers(title="what to do", metavar="WHAT", parser_class=Parser)

    def add(name: str, summary: str, work: str) -> Parser:
        parser = add_command(parts, name, summary, _Command(work))
        _add_place(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
        return parser

    add("list", "list the sessions", "list_sessions")
    parser = add("search", "find jobs by words and filters", "search")
    parser.epilog = _SEARCH_HELP
    parser.add_argument("query", nargs="+", metavar="WORDS", help="what to look for")
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="at most (50)")
    parser = add("check", "compare the database with the files", "check_library")
    parser.add_argument("--deep", action="store_true", help="decode every picture")
    parser.add_argument("--repair", action="store_true", help="repair what can be repaired")
    add("rebuild", "rebuild the database from the files", "rebuild_library")
    parser = add("import", "import pictures and folders of pictures", "import_pictures")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures or folders")
    parser.add_argument(
        "--session", metavar="NAME", help="into this session (default: one named after the path)"
    )
    parser = add("export", "write a session as a folder, zip, web page or contact sheet", "export")
    parser.add_argument("session", metavar="SESSION", help="its name, folder or number")
    parser.add_argument("out", metavar="OUT", help="ending in .zip, .html or .png, or a new folder")
    parser.add_argument(
        "--as", dest="kind", choices=("folder", "zip", "html", "sheet"), help="whatever the ending"
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite the file")
    parser = add("trash", "list the trash, bring back from it, or empty it", "trash")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--undo", action="store_true", help="bring back the latest deletion")
    choice.add_argument("--restore", type=int, metavar="N", help="bring back deletion N")
    choice.add_argument("--empty", action="store_true", help="delete for good, after a question")
    parser.add_argument(
        "--older-than", type=int, metavar="DAYS", help="with --empty: only what is that old"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --empty: do not ask")

    bench = add_command(commands, "bench", "measure how quick the program is here", _unsaid)
    things = bench.add_subparsers(title="what to measure", metavar="WHAT", parser_class=Parser)
    parser = add_command(things, "library", "measure a library of many pictures", _bench)
    parser.add_argument(
        "--pictures", type=int, default=20_000, metavar="N", help="how many (20000)"
    )
    parser.add_argument(
        "--folder", metavar="DIR", help="a new folder to use and keep (default: a temporary one)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser = add_command(things, "ui", "measure how fluid the app stays while it draws", _bench_ui)
    add_model(parser)
    add_images(parser)
    parser.add_argument(
        "--seconds", type=float, default=15.0, metavar="S", help="how long to measure (15)"
    )
    parser.add_argument(
        "--size", default="140x45", metavar="WxH", help="columns and rows of the terminal (140x45)"
    )
    parser.add_argument(
        "--line-speed", type=int, metavar="BYTES", help="a line of so many bytes a second"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _add_place(parser: Parser, shared: bool = True) -> None:
    parser.add_argument(
        "--library",
        metavar="DIR",
        default=argparse.SUPPRESS if shared else None,
        help="folder of the library (default: as in the settings)",
    )


class _Command:
    """Runs a function of `unipic_tui.cli.librarian` on the library that the arguments name."""

    def __init__(self, work: str) -> None:
        self.work = work

    def __call__(self, args: argparse.Namespace, context: Context) -> int:
        from unipic_tui.cli import librarian

        work = getattr(librarian, self.work)
        return int(work(args, library_folder(args, context)))


def library_folder(args: argparse.Namespace, context: Context) -> Path:
    """The library's folder: by flag, else from the settings, else the usual place."""
    if args.library:
        return paths.absolute(args.library)
    return context.settings.library or paths.data_dir()


def _bench(args: argparse.Namespace, _: Context) -> int:
    from unipic_tui.cli.librarian import bench_library

    return bench_library(args)


def _bench_ui(args: argparse.Namespace, context: Context) -> int:
    from unipic_tui.cli.app import bench_app

    return bench_app(args, context)


def _unsaid(_: argparse.Namespace, __: Context) -> int:
    raise InputError("Say what to do: see --help for the choices.")
