"""The command that shows the settings file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, add_command
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path, storage_error, write_atomic
from unipic_tui.settings import EXAMPLE
from unipic_tui.text import printable


def add_arguments(commands: Commands) -> None:
    """Add ``settings``."""
    parser = add_command(
        commands, "settings", "show where the settings file is, with an example", settings
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--path", action="store_true", help="print only its path")
    choice.add_argument("--write", action="store_true", help="write the example there, if new")


def settings(args: argparse.Namespace, context: Context) -> int:
    """Print where the settings file is, and an example of it; returns the exit code.

    What is printed is itself a settings file, in which every line may be left out.
    """
    file = paths.config_file()
    if args.path:
        print(printable(str(file)))
        return 0
    if args.write:
        _write_example(file)
        print(printable(str(file)))
        return 0
    state = "is read at every start" if file.exists() else "does not exist yet"
    print(f"# {printable(str(file))} {state}.\n")
    sys.stdout.write(EXAMPLE)
    sys.stdout.flush()
    if context.settings.path is not None:  # reading it says what is wrong with it
        say(f"The settings in {shown_path(file)} are in order.")
    return 0


def _write_example(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, file.parent, "create") from error
    try:
        write_atomic(file, EXAMPLE.encode(), overwrite=False)
    except StorageError as error:
        if isinstance(error.__cause__, FileExistsError):
            raise StorageError(
                f"{shown_path(file)} is there already and was left alone: edit it instead."
            ) from error
        raise
