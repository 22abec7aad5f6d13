"""What the commands about the library do; nothing slow is imported before it is needed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unipic_tui import paths
from unipic_tui.cli.report import say, write_json
from unipic_tui.errors import InputError
from unipic_tui.text import one_line, printable

if TYPE_CHECKING:
    from unipic_tui.library import Library
    from unipic_tui.library.records import Session

_NAMED = 8
"""How many of the files that an import leaves out are named."""


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


def list_sessions(args: argparse.Namespace, folder: Path) -> int:
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


def search(args: argparse.Namespace, folder: Path) -> int:
    """Print the jobs that match."""
    from unipic_tui.jobs import job_to_dict

    if args.limit < 1:
        raise InputError(f"The limit {args.limit} is not positive: use 1 or more.")
    library = _existing(folder)
    try:
        for entry in library.search.find(" ".join(args.query), args.limit):
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


def check_library(args: argparse.Namespace, folder: Path) -> int:
    """Print what does not match; exit code 1 where something is left."""
    library = _existing(folder)
    found = open_problems = 0
    try:
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
                print(problem.message)
    finally:
        library.close()
    if not args.json:
        repaired = f", {found - open_problems} repaired" if found > open_problems else ""
        say(
            f"{found} problem{'s' * (found != 1)} found{repaired}." if found else "All is in order."
        )
    return 1 if open_problems else 0


def rebuild_library(args: argparse.Namespace, folder: Path) -> int:
    """Rebuild the database; exit code 1 where files were left out."""
    from unipic_tui.library.rebuild import OLD, has_files, rebuild

    if not has_files(folder):
        raise InputError(
            f"There are no sessions in {one_line(str(folder), 300)}: name the library with "
            "--library DIR."
        )
    found = rebuild(folder)
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


def import_pictures(args: argparse.Namespace, folder: Path) -> int:
    """Import pictures; exit code 2 where some could not be read."""
    from unipic_tui.library import Library

    sources = [paths.absolute(path) for path in args.paths]
    library = Library.open(folder)
    taken = passed = bad = 0
    left_out: list[Path] = []
    try:
        name = args.session or sources[0].stem
        session = library.sessions.find(name) or library.sessions.create(name)
        for imported in library.importing.paths(session.id, sources, left_out):
            taken += imported.picture is not None and not imported.duplicate
            passed += imported.duplicate
            bad += bool(imported.problem)
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
                print(imported.problem)
        if not taken and not session.pictures and not library.entries.of_session(session.id):
            library.trash.put_session(session.id)
    finally:
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


def export(args: argparse.Namespace, folder: Path) -> int:
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


def trash(args: argparse.Namespace, folder: Path) -> int:
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
        for item in library.trash.deletions():
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
            raise InputError("Emptying the trash needs --yes where nobody can be asked.")
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


def bench_library(args: argparse.Namespace) -> int:
    """Measure a library and print the times."""
    from unipic_tui.library.bench import bench

    if not 1 <= args.pictures <= 1_000_000:
        raise InputError(f"--pictures {args.pictures} is out of range: use 1 to 1000000.")
    folder = None
    if args.folder:
        folder = paths.absolute(args.folder)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{one_line(str(folder), 300)} is not empty: name a new folder.")
    if not args.json:
        print(
            f"{'a library of ' + format(args.pictures, ',') + ' pictures':46}    median     worst"
        )
    for timing in bench(args.pictures, folder):
        if args.json:
            write_json({"name": timing.name, "median": timing.median, "worst": timing.worst})
        else:
            print(
                f"{timing.name:46} {timing.median * 1000:6.1f} ms {timing.worst * 1000:6.1f} ms",
                flush=True,
            )
    return 0
