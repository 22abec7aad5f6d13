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
from unipic_tui.cli.report import write_json
from unipic_tui.errors import InputError
from unipic_tui.text import one_line, printable

if TYPE_CHECKING:
    from unipic_tui.library import Library
    from unipic_tui.library.records import Session

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

    def add(name: str, summary: str, work: Callable[[argparse.Namespace, Path], int]) -> Parser:
        def run(args: argparse.Namespace, context: Context) -> int:
            return work(args, context.library(args))

        parser = add_command(parts, name, summary, run)
        add_shared(parser, "library")
        add_shared(parser, "json", help="print one JSON object a line")
        return parser

    add("list", "list the sessions", _list_sessions)
    parser = add("search", "find jobs by words and filters", _search)
    parser.epilog = _SEARCH_HELP
    parser.add_argument("query", nargs="+", metavar="WORDS", help="what to look for")
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="most jobs (50)")
    parser = add("check", "compare the database with the files", _check_library)
    parser.add_argument("--deep", action="store_true", help="decode every picture")
    parser.add_argument("--repair", action="store_true", help="repair what can be")
    add("rebuild", "rebuild the database from the files", _rebuild_library)
    parser = add("import", "import pictures and folders of pictures", _import_pictures)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures or folders")
    parser.add_argument(
        "--session",
        metavar="NAME",
        help="session to import into (default: named as the path)",
    )
    parser = add("export", "write a session as a folder, zip, web page or contact sheet", _export)
    parser.add_argument("session", metavar="SESSION", help="its name, folder or number")
    parser.add_argument("out", metavar="OUT", help="ending in .zip, .html or .png, or a new folder")
    parser.add_argument(
        "--as",
        dest="kind",
        choices=("folder", "zip", "html", "sheet"),
        help="the format, whatever the ending of OUT",
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite the file")
    parser = add("trash", "list, restore or empty the trash", _trash)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--undo", action="store_true", help="restore the latest deletion")
    choice.add_argument("--restore", type=int, metavar="N", help="restore deletion N")
    choice.add_argument("--empty", action="store_true", help="delete for good, after asking")
    parser.add_argument(
        "--older-than",
        type=int,
        metavar="DAYS",
        help="with --empty: only what is older",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --empty: do not ask")


def _existing(folder: Path) -> Library:
    """The library, opened; looking at a place must not make a library there."""
    from unipic_tui.library import Library
    from unipic_tui.library.layout import DATABASE, SESSIONS

    if not (folder / DATABASE).exists() and not (folder / SESSIONS).is_dir():
        raise InputError(
            f"There is no library in {one_line(str(folder), 300)}: name one with --library DIR."
        )
    return Library.open(folder)


def _session(library: Library, name: str) -> Session:
    found = library.sessions.find(name)
    if found is None:
        raise InputError(
            f"There is no session {one_line(name, 100)!r}: see `unipic-tui library list`."
        )
    return found


def _list_sessions(args: argparse.Namespace, folder: Path) -> int:
    """Print the sessions."""
    library = _existing(folder)
    try:
        for session in library.sessions.all():
            if args.json:
                write_json(
                    {
                        "id": session.id,
                        "name": session.name,
                        "folder": str(session.folder),
                        "created": session.created.isoformat(),
                        "pictures": session.pictures,
                    }
                )
            else:
                name = one_line(session.name, 60)
                print(f"{session.id:5}  {session.pictures:6}  {name}  ({session.folder.name})")
    finally:
        library.close()
    return 0


def _search(args: argparse.Namespace, folder: Path) -> int:
    """Print the jobs that match."""
    from unipic_tui.job_json import job_to_dict
    from unipic_tui.library.search import filter_names, unknown_filters

    if args.limit < 1:
        raise InputError(f"The limit {args.limit} is not positive: use 1 or more.")
    query = " ".join(args.query)
    library = _existing(folder)
    try:
        entries = library.search.find(query, args.limit)
        for unknown in unknown_filters(query):
            say(
                f"There is no filter {unknown} (it was searched for as a word); the filters are "
                f"{', '.join(filter_names())}."
            )
        if not entries and not args.json:
            say("Nothing matches.")
        for entry in entries:
            pictures = library.pictures.of_entry(entry.id)
            if args.json:
                write_json(
                    {
                        "id": entry.id,
                        "session": entry.session,
                        "state": entry.state,
                        "job": job_to_dict(entry.job),
                        "answer": entry.answer,
                        "pictures": [str(picture.path) for picture in pictures],
                    }
                )
                continue
            print(f"{entry.created.astimezone():%Y-%m-%d %H:%M}  {entry.job.mode:8}", end="  ")
            print(one_line(entry.job.prompt, 80))
            if entry.answer:
                print(f"    {one_line(entry.answer, 100)}")
            for picture in pictures:
                print(f"    {printable(str(picture.path))}")
    finally:
        library.close()
    return 0


def _check_library(args: argparse.Namespace, folder: Path) -> int:
    """Print what does not match; exit code 1 where something is left."""
    library = _existing(folder)
    bar = Bar(quiet=args.json)
    found = open_problems = 0
    try:
        bar.show("Checking", None)
        for problem in library.health.check(deep=args.deep, repair=args.repair):
            found += 1
            open_problems += not problem.repaired
            if args.json:
                write_json(
                    {
                        "path": problem.path,
                        "message": problem.message,
                        "repaired": problem.repaired,
                    }
                )
            else:
                with bar.away():
                    print(problem.message)
    finally:
        bar.close()
        library.close()
    if not args.json:
        repaired = f", {found - open_problems} repaired" if found > open_problems else ""
        say(
            f"{found} problem{'s' * (found != 1)} found{repaired}." if found else "All is in order."
        )
    return 1 if open_problems else 0


def _rebuild_library(args: argparse.Namespace, folder: Path) -> int:
    """Rebuild the database; exit code 1 where files were left out."""
    from unipic_tui.library.rebuild import OLD, has_files, rebuild

    if not has_files(folder):
        raise InputError(
            f"There are no sessions in {one_line(str(folder), 300)}: name the library with "
            "--library DIR."
        )
    remaining = Remaining()
    with closing(Bar(quiet=args.json)) as bar:
        found = rebuild(folder, lambda part: bar.show("Rebuilding", part, remaining(part)))
    if args.json:
        write_json(
            {
                "sessions": found.sessions,
                "jobs": found.entries,
                "pictures": found.pictures,
                "problems": found.problems,
            }
        )
        return 1 if found.problems else 0
    for problem in found.problems:
        print(problem)
    say(
        f"The new database holds sessions: {found.sessions}, jobs: {found.entries}, pictures: "
        f"{found.pictures}; the old one, if there was one, is {OLD}."
    )
    return 1 if found.problems else 0


def _import_pictures(args: argparse.Namespace, folder: Path) -> int:
    """Import pictures; exit code 2 where some could not be read."""
    from unipic_tui.library import Library

    sources = [paths.absolute(path) for path in args.paths]
    library = Library.open(folder)
    bar = Bar(quiet=args.json)
    taken = passed = bad = 0
    left_out: list[Path] = []
    try:
        bar.show("Importing", None)
        name = args.session or sources[0].stem
        session = library.sessions.find(name) or library.sessions.create(name)
        for imported in library.importing.paths(session.id, sources, left_out):
            taken += imported.picture is not None and not imported.duplicate
            passed += imported.duplicate
            bad += bool(imported.problem)
            bar.show("Importing", None, f"{taken + passed + bad} files")
            if args.json:
                write_json(
                    {
                        "file": str(imported.path),
                        "picture": str(imported.picture.path) if imported.picture else None,
                        "origin": imported.picture.origin if imported.picture else None,
                        "duplicate": imported.duplicate,
                        "problem": imported.problem,
                    }
                )
            elif imported.problem:
                with bar.away():
                    print(imported.problem)
        if not taken and not session.pictures and not library.entries.of_session(session.id):
            library.trash.put_session(session.id)
    finally:
        bar.close()
        library.close()
    if not args.json:
        were = "was" if passed == 1 else "were"
        also = f", {passed} {were} there already" if passed else ""
        also += f", {bad} could not be read" if bad else ""
        into = one_line(session.name, 60)
        say(f"{taken} picture{'s' * (taken != 1)} imported into {into!r}{also}.")
    if left_out:
        _say_left_out(left_out, args.json)
    return 2 if bad else 0


def _say_left_out(files: list[Path], as_json: bool) -> None:
    """Name the files of a folder that are no pictures."""
    if as_json:
        write_json({"left_out": [str(file) for file in files]})
        return
    names = ", ".join(one_line(file.name, 60) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    were = "1 file was" if len(files) == 1 else f"{len(files)} files were"
    say(f"{were} left out, as no pictures: {names}{more}.")


def _export(args: argparse.Namespace, folder: Path) -> int:
    """Write a session."""
    from unipic_tui.library.export import export_session

    out = paths.absolute(args.out)
    library = _existing(folder)
    try:
        session = _session(library, args.session)
        count = export_session(library, session.id, out, args.kind, force=args.force)
    finally:
        library.close()
    if args.json:
        write_json({"out": str(out), "pictures": count})
    else:
        say(f"{count} picture{'s' * (count != 1)} written to {one_line(str(out), 300)}.")
    return 0


def _trash(args: argparse.Namespace, folder: Path) -> int:
    """List the trash, bring back from it, or empty it."""
    library = _existing(folder)
    try:
        if args.undo or args.restore is not None:
            label = library.trash.undo() if args.undo else library.trash.restore(args.restore)
            back = f"{one_line(label, 100)!r} is back." if label else "The trash is empty."
            say(back)
            return 0 if label else 1
        if args.empty:
            return _empty(args, library)
        if args.older_than is not None:
            raise InputError("--older-than goes with --empty.")
        items = library.trash.deletions()
        if not items and not args.json:
            say("The trash is empty.")
        for item in items:
            if args.json:
                write_json(
                    {
                        "id": item.id,
                        "label": item.label,
                        "created": item.created.isoformat(),
                        "pictures": item.pictures,
                        "bytes": item.bytes,
                    }
                )
            else:
                size = f"{item.bytes / 1e6:.1f} MB"
                when = f"{item.created.astimezone():%Y-%m-%d %H:%M}"
                print(f"{item.id:5}  {when}  {size:>10}  {one_line(item.label, 80)}")
    finally:
        library.close()
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
        question = f"Delete {pictures} pictures of {len(items)} deletions for good? [y/N] "
        sys.stderr.write(question)
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            say("Nothing was deleted.")
            return 1
    gone = library.trash.empty(age)
    if args.json:
        write_json({"pictures": gone})
    else:
        say(f"{gone} picture{'s' * (gone != 1)} deleted for good.")
    return 0
