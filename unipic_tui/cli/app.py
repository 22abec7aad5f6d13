"""Opening the app, which happens where no command is named."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys

from unipic_tui import paths
from unipic_tui.cli.arguments import Parser, add_model, add_shared
from unipic_tui.cli.context import Context
from unipic_tui.errors import InputError


def add_arguments(parser: Parser) -> None:
    """Add the app's options to the program's."""
    add_model(parser)
    add_shared(parser.add_argument_group("the app"), "images", "library", "theme", "text_first")
    parser.set_defaults(run=open_app, parser=parser)


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
    # The app opens without the checkpoint that the settings name: there is a library to look at.
    named = args.checkpoint is not None
    options = context.options(args, preview_seconds=settings.preview_seconds, check=named)
    library = paths.absolute(args.library) if args.library else settings.library
    if not _has_terminal():
        raise InputError(
            "The app needs a terminal: in scripts and pipes use a command, such as "
            'unipic-tui generate "a red circle".'
        )
    from unipic_tui.terminal.capabilities import is_dumb, prepare_terminal

    if is_dumb():
        term = os.environ.get("TERM", "")
        raise InputError(
            f"The app needs a terminal that can place text and colours, and TERM={term} promises "
            "neither: set TERM to your terminal's type, such as xterm-256color, or use a command, "
            'such as unipic-tui generate "a red circle".'
        )
    paths.leave_deleted()
    prepare_terminal()  # before Textual is imported, which reads the environment then
    from unipic_tui.ui.app import run_app

    return run_app(
        settings=settings,
        backend_factory=context.backend_factory,
        options=options,
        library=library,
    )


def _has_terminal() -> bool:
    # Textual draws on standard error.
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
