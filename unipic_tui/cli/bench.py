"""The command that measures how quick the program is on this computer."""

from __future__ import annotations

import argparse
import dataclasses
import re

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, add_command, add_family, add_model, add_shared
from unipic_tui.cli.bench_engine import add_engine
from unipic_tui.cli.bench_rehearse import add_rehearse
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import tell
from unipic_tui.errors import InputError
from unipic_tui.text import one_line


def add_arguments(commands: Commands) -> None:
    """Add ``bench`` with its subcommands."""
    things = add_family(commands, "bench", "measure how fast the program is on this computer")
    parser = add_command(things, "library", "measure a library of many pictures", _library)
    parser.add_argument(
        "--pictures", type=int, default=20_000, metavar="N", help="number of pictures (20000)"
    )
    parser.add_argument(
        "--folder", metavar="DIR", help="a new folder to use and keep (default: a temporary one)"
    )
    add_shared(parser, "json", help="print one JSON object a line")
    add_rehearse(things)
    parser = add_command(things, "ui", "measure how responsive the app stays while it draws", _ui)
    add_model(parser)
    add_shared(parser, "images")
    parser.add_argument(
        "--seconds", type=float, default=15.0, metavar="S", help="how long to measure (15)"
    )
    parser.add_argument(
        "--size", default="140x45", metavar="WxH", help="columns and rows of the terminal (140x45)"
    )
    parser.add_argument(
        "--line-speed",
        type=int,
        metavar="BYTES",
        help="limit the terminal to so many bytes a second",
    )
    add_shared(parser, "json", help="print one JSON object a line")
    add_engine(things)


def _library(args: argparse.Namespace, _: Context) -> int:
    """Measure a library and print the times."""
    from unipic_tui.bench.library import bench

    if not 1 <= args.pictures <= 1_000_000:
        raise InputError(f"--pictures {args.pictures} is out of range: use 1 to 1000000.")
    folder = None
    if args.folder:
        folder = paths.absolute(args.folder)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{one_line(str(folder), 300)} is not empty: name a new folder.")
    tell(args, f"{f'a library of {args.pictures:,} pictures':46}    median     worst")
    for timing in bench(args.pictures, folder):
        tell(
            args,
            f"{timing.name:46} {timing.median * 1000:6.1f} ms {timing.worst * 1000:6.1f} ms",
            {"name": timing.name, "median": timing.median, "worst": timing.worst},
        )
    return 0


def _ui(args: argparse.Namespace, context: Context) -> int:
    """Measure how responsive the app stays while it draws, and print the times.

    Raises:
        InputError: a flag cannot be used, or this system has no pseudo-terminals.
    """
    match = re.fullmatch(r"(\d{2,3})x(\d{2,3})", args.size)
    if match is None:
        raise InputError(f"--size {one_line(args.size, 20)!r} is not such as 140x45.")
    if not 1 <= args.seconds <= 600:
        raise InputError(f"--seconds {args.seconds:g} is out of range: use 1 to 600.")
    if args.line_speed is not None and args.line_speed < 1000:
        raise InputError("--line-speed is at least 1000 bytes a second.")
    try:
        from unipic_tui.bench.ui import bench
    except ImportError:
        raise InputError("This system has no pseudo-terminals to measure in.") from None

    settings = dataclasses.replace(context.settings, images=args.images or "blocks")
    result = bench(
        context.backend_factory,
        context.options(args, preview_seconds=settings.preview_seconds),
        settings,
        seconds=args.seconds,
        size=(int(match[1]), int(match[2])),
        line_speed=args.line_speed,
    )
    tell(args, f"{'milliseconds':28}   median      99 %     worst")
    for spread in result.spreads:
        line = f"{spread.name:28} {spread.median:8.1f}  {spread.p99:8.1f}  {spread.worst:8.1f}"
        tell(args, line, dataclasses.asdict(spread))
    rate = result.bytes_per_second
    line = f"{'written to the terminal':28} {rate / 1000:8.0f} KB a second"
    tell(args, line, {"name": "written", "bytes_per_second": rate})
    return 0
