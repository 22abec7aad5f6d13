"""Opening the app, which happens where no command is named."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys

from unipic_tui import paths
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import write_json
from unipic_tui.errors import InputError
from unipic_tui.text import one_line


def open_app(args: argparse.Namespace, context: Context) -> int:
    """Run the app with the flags laid over the settings; returns its exit code.

    Raises:
        InputError: the settings or flags cannot be used, or there is no terminal.
    """
    changes = {
        "images": args.images,
        "theme": args.theme,
        "text_first": args.text_first,
    }
    settings = dataclasses.replace(
        context.settings, **{name: value for name, value in changes.items() if value is not None}
    )
    options = context.options(args, preview_seconds=settings.preview_seconds)
    library = paths.absolute(args.library) if args.library else settings.library
    if not _has_terminal():
        raise InputError(
            "The app needs a terminal: in scripts and pipes use a command, such as "
            'unipic-tui generate "a red circle".'
        )
    from unipic_tui.terminal.capabilities import prepare_terminal

    prepare_terminal()  # before Textual is imported, which reads the environment then
    from unipic_tui.ui.app import run_app

    return run_app(
        settings=settings,
        backend_factory=context.backend_factory,
        options=options,
        library=library,
    )


def bench_app(args: argparse.Namespace, context: Context) -> int:
    """Measure how fluid the app stays while it draws, and print the times.

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
        from unipic_tui.ui.bench import bench
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
    if args.json:
        for spread in result.spreads:
            write_json(dataclasses.asdict(spread))
        write_json({"name": "written", "bytes_per_second": result.bytes_per_second})
        return 0
    print(f"{'milliseconds':28}   median      99 %     worst")
    for spread in result.spreads:
        print(f"{spread.name:28} {spread.median:8.1f}  {spread.p99:8.1f}  {spread.worst:8.1f}")
    print(f"{'written to the terminal':28} {result.bytes_per_second / 1000:8.0f} KB a second")
    return 0


def _has_terminal() -> bool:
    # Textual draws on standard error.
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
