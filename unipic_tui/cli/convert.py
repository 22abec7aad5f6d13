"""The command that turns a download into the program's own format."""

from __future__ import annotations

import argparse

from unipic_tui import paths
from unipic_tui.checkpoint_folder import check_folder, folder_of
from unipic_tui.cli.arguments import Commands, add_command, add_shared
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import reporting
from unipic_tui.events import Loading


def add_arguments(commands: Commands) -> None:
    """Add ``convert``."""
    parser = add_command(
        commands, "convert", "convert a downloaded checkpoint to the program's own format", convert
    )
    parser.add_argument("source", metavar="DIR", help="the folder as downloaded")
    parser.add_argument("target", metavar="OUT", help="the folder to write")
    add_shared(parser, "json", "quiet")


def convert(args: argparse.Namespace, context: Context) -> int:  # noqa: ARG001
    """Write the converted checkpoint; returns the exit code.

    Raises:
        CheckpointError: the source is no checkpoint.
        StorageError: the target cannot be written.
    """
    source, target = folder_of(paths.absolute(args.source)), paths.absolute(args.target)
    check_folder(source)
    with reporting(args) as reporter:
        reporter.event(Loading("PyTorch", 0.0))
        from unipic_tui.model.checkpoint import convert as convert_checkpoint

        for loading in convert_checkpoint(source, target):
            reporter.event(loading)
        reporter.result({"event": "finished", "path": str(target)}, str(target))
    return 0
