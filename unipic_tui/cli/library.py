"""The commands about the library; nothing slow is imported before it is needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, Parser, add_command, add_family, add_shared
from unipic_tui.cli.bar import Bar, Remaining, say
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import tell
from unipic_tui.errors import InputError
from unipic_tui.text import amount, one_line, printable

if TYPE_CHECKING:
    from unipic_tui.library import Library

_SEARCH_HELP = """\
Words match prompts, answers, tags and notes. Filters: mode:edit state:failed fav: note:
tag:portrait size:1024 size:1024x768 seed:42 model:nano session:light after:2026-11
before:2026-12-24; -word or -filter: leaves out what matches.
"""

_NAMED = 8
"""How many of the files that an import leaves out are named."""


def add_arguments(commands: Commands) -> None:
    """Add ``library`` with its subcommands."""
    parts = add_family(commands, "library", "list, search, check, import and export saved sessions")

    def add(name: str, summary: str, run: Callable[[argparse.Namespace, Context], int]) -> Parser:
        parser = add_command(parts, name, summary, run)
        add_shared(parser, "library")
        add_shared(parser, "json", help="print one JSON object a line")
        return parser

    add("list", "list the sessions", _opened(_list_sessions))
    parser = add("search", "find jobs by words and filters", _opened(_search))
    parser.epilog = _SEARCH_HELP
    parser.add_argument("query", nargs="+", metavar="WORDS", help="what to look for")
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="most jobs (50)")
    parser = add("check", "compare the database with the files", _opened(_check_library))
    parser.add_argument("--deep", action="store_true", help="decode every picture")
    parser.add_argument("--repair", action="store_true", help="repair what can be")
    add("rebuild", "rebuild the database from the files", _rebuild_library)
    parser = add("import", "import pictures and folders of pictures", _import_pictures)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures or folders")
    parser.add_argument(
        "--session", metavar="NAME", help="session to import into (default: named as the path)"
    )
    parser = add(
        "export", "write a session as a folder, zip, web page or contact sheet", _opened(_export)
    )
    parser.add_argument("session", metavar="SESSION", help="its name, folder or number")
    parser.add_argument("out", metavar="OUT", help="ending in .zip, .html or .png, or a new folder")
    parser.add_argument(
        "--as",
        dest="kind",
        choices=("folder", "zip", "html", "sheet"),
        help="the format, whatever the ending of OUT",
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite the file")
    parser = add("trash", "list, restore or empty the trash", _opened(_trash))
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--undo", action="store_true", help="restore the latest deletion")
    choice.add_argument("--restore", type=int, metavar="N", help="restore deletion N")
    choice.add_argument("--empty", action="store_true", help="delete for good, after asking")
    parser.add_argument(
        "--older-than", type=int, metavar="DAYS", help="with --empty: only what is older"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --empty: do not ask")


def _opened(
    work: Callable[[argparse.Namespace, Library], int],
) -> Callable[[argparse.Namespace, Context], int]:
    """A command on an existing library; looking at a place must not make a library there."""

    def run(args: argparse.Namespace, context: Context) -> int:
        from unipic_tui.library import Library
        from unipic_tui.library.layout import DATABASE, SESSIONS

        folder = context.library(args)
        if not (folder / DATABASE).exists() and not (folder / SESSIONS).is_dir():
            raise InputError(
                f"There is no library in {one_line(str(folder), 300)}: name one with --library DIR."
            )
        with closing(Library.open(folder)) as library:
            return work(args, library)

    return run


def _list_sessions(args: argparse.Namespace, library: Library) -> int:
    """Print the sessions."""
    for session in library.sessions.all():
        name = f"{one_line(session.name, 60)}  ({session.folder.name})"
        record = {
            "id": session.id,
            "name": session.name,
            "folder": str(session.folder),
            "created": session.created.isoformat(),
            "pictures": session.pictures,
        }
        tell(args, f"{session.id:5}  {session.pictures:6}  {name}", record)
    return 0


def _search(args: argparse.Namespace, library: Library) -> int:
    """Print the jobs that match."""
    from unipic_tui.job_json import job_to_dict
    from unipic_tui.library.search import filter_names, unknown_filters

    if args.limit < 1:
        raise InputError(f"The limit {args.limit} is not positive: use 1 or more.")
    query = " ".join(args.query)
    entries = library.search.find(query, args.limit)
    for unknown in unknown_filters(query):
        say(
            f"There is no filter {unknown} (it was searched for as a word); the filters are "
            f"{', '.join(filter_names())}."
        )
    if not entries:
        tell(args, "Nothing matches.", show=say)
    for entry in entries:
        pictures = [str(picture.path) for picture in library.pictures.of_entry(entry.id)]
        when = f"{entry.created.astimezone():%Y-%m-%d %H:%M}"
        lines = [f"{when}  {entry.job.mode:8}  {one_line(entry.job.prompt, 80)}"]
        lines += [one_line(entry.answer, 100)] if entry.answer else []
        lines += map(printable, pictures)
        record = {
            "id": entry.id,
            "session": entry.session,
            "state": entry.state,
            "job": job_to_dict(entry.job),
            "answer": entry.answer,
            "pictures": pictures,
        }
        tell(args, "\n    ".join(lines), record)
    return 0


def _check_library(args: argparse.Namespace, library: Library) -> int:
    """Print what does not match; exit code 1 where something is left."""
    found = open_problems = 0
    with closing(Bar(quiet=args.json)) as bar:
        bar.show("Checking", None)
        for problem in library.health.check(deep=args.deep, repair=args.repair):
            found += 1
            open_problems += not problem.repaired
            with bar.away():
                record = {
                    "path": problem.path,
                    "message": problem.message,
                    "repaired": problem.repaired,
                }
                tell(args, problem.message, record)
    repaired = f", {found - open_problems} repaired" if found > open_problems else ""
    told = f"{amount(found, 'problem')} found{repaired}." if found else "All is in order."
    tell(args, told, show=say)
    return 1 if open_problems else 0


def _rebuild_library(args: argparse.Namespace, context: Context) -> int:
    """Rebuild the database; exit code 1 where files were left out."""
    from unipic_tui.library.rebuild import OLD, has_files, rebuild

    folder = context.library(args)
    if not has_files(folder):
        raise InputError(
            f"There are no sessions in {one_line(str(folder), 300)}: name the library with "
            "--library DIR."
        )
    remaining = Remaining()
    with closing(Bar(quiet=args.json)) as bar:
        found = rebuild(folder, lambda part: bar.show("Rebuilding", part, remaining(part)))
    if not args.json:
        sys.stdout.write("".join(f"{problem}\n" for problem in found.problems))
    record = {
        "sessions": found.sessions,
        "jobs": found.entries,
        "pictures": found.pictures,
        "problems": found.problems,
    }
    tell(
        args,
        f"The new database holds sessions: {found.sessions}, jobs: {found.entries}, pictures: "
        f"{found.pictures}; the old one, if there was one, is {OLD}.",
        record,
        say,
    )
    return 1 if found.problems else 0


def _import_pictures(args: argparse.Namespace, context: Context) -> int:
    """Import pictures; exit code 2 where some could not be read."""
    from unipic_tui.library import Library

    sources = [paths.absolute(path) for path in args.paths]
    taken = passed = bad = 0
    left_out: list[Path] = []
    with (
        closing(Library.open(context.library(args))) as library,
        closing(Bar(quiet=args.json)) as bar,
    ):
        bar.show("Importing", None)
        name = args.session or sources[0].stem
        session = library.sessions.find(name)

        def into() -> int:
            nonlocal session
            session = session or library.sessions.create(name)
            return session.id

        for imported in library.importing.paths(into, sources, left_out):
            picture = imported.picture
            taken += picture is not None and not imported.duplicate
            passed += imported.duplicate
            bad += bool(imported.problem)
            bar.show("Importing", None, f"{taken + passed + bad} files")
            record = {
                "file": str(imported.path),
                "picture": str(picture.path) if picture else None,
                "origin": picture.origin if picture else None,
                "duplicate": imported.duplicate,
                "problem": imported.problem,
            }
            if args.json or imported.problem:
                with bar.away():
                    tell(args, imported.problem, record)
    also = f", {passed} {'was' if passed == 1 else 'were'} there already" if passed else ""
    also += f", {bad} could not be read" if bad else ""
    shown = one_line(session.name if session else name, 60)
    tell(args, f"{amount(taken, 'picture')} imported into {shown!r}{also}.", show=say)
    if left_out:
        names = ", ".join(one_line(file.name, 60) for file in left_out[:_NAMED])
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        were = f"{amount(len(left_out), 'file')} {'was' if len(left_out) == 1 else 'were'}"
        told = f"{were} left out, as no pictures: {names}{more}."
        tell(args, told, {"left_out": [str(file) for file in left_out]}, say)
    return 2 if bad else 0


def _export(args: argparse.Namespace, library: Library) -> int:
    """Write a session."""
    from unipic_tui.library.export import export_session

    out = paths.absolute(args.out)
    session = library.sessions.find(args.session)
    if session is None:
        raise InputError(
            f"There is no session {one_line(args.session, 100)!r}: see `unipic-tui library list`."
        )
    count = export_session(library, session.id, out, args.kind, force=args.force)
    written = f"{amount(count, 'picture')} written to {one_line(str(out), 300)}."
    tell(args, written, {"out": str(out), "pictures": count}, say)
    return 0


def _trash(args: argparse.Namespace, library: Library) -> int:
    """List the trash, bring back from it, or empty it."""
    if args.undo or args.restore is not None:
        label = library.trash.undo() if args.undo else library.trash.restore(args.restore)
        say(f"{one_line(label, 100)!r} is back." if label else "The trash is empty.")
        return 0 if label else 1
    if args.empty:
        return _empty(args, library)
    if args.older_than is not None:
        raise InputError("--older-than goes with --empty.")
    items = library.trash.deletions()
    if not items:
        tell(args, "The trash is empty.", show=say)
    for item in items:
        size = f"{item.bytes / 1e6:.1f} MB"
        when = f"{item.created.astimezone():%Y-%m-%d %H:%M}"
        record = {
            "id": item.id,
            "label": item.label,
            "created": item.created.isoformat(),
            "pictures": item.pictures,
            "bytes": item.bytes,
        }
        tell(args, f"{item.id:5}  {when}  {size:>10}  {one_line(item.label, 80)}", record)
    return 0


def _empty(args: argparse.Namespace, library: Library) -> int:
    from datetime import UTC, datetime, timedelta

    if args.older_than is not None and not 0 <= args.older_than <= 36_500:
        raise InputError(f"--older-than {args.older_than} is no number of days: use 0 to 36500.")
    age = None if args.older_than is None else timedelta(days=args.older_than)
    items = [
        item
        for item in library.trash.deletions()
        if age is None or item.created <= datetime.now(UTC) - age
    ]
    if not items:
        say("There is nothing to delete.")
        return 0
    pictures = sum(item.pictures for item in items)
    if not args.yes:
        if not sys.stdin or not sys.stdin.isatty():
            raise InputError("Emptying the trash asks first: add --yes where there is no terminal.")
        sys.stderr.write(f"Delete {pictures} pictures of {len(items)} deletions for good? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            say("Nothing was deleted.")
            return 1
    gone = library.trash.empty(age)
    tell(args, f"{amount(gone, 'picture')} deleted for good.", {"pictures": gone}, say)
    return 0
