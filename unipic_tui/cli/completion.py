"""The command that prints a completion script for a shell."""

from __future__ import annotations

import argparse
import sys

from unipic_tui.cli.arguments import Commands, Parser, add_command
from unipic_tui.cli.context import Context

_SHELLS = ("bash", "zsh", "fish")
_FOLDERS = {"DIR"}
_FILES = {"PATH", "FILE", "IMAGE", "PROMPTS", "OUT"}
_EPILOG = """\
To install it:

  bash  add to ~/.bashrc:  eval "$(unipic-tui completion bash)"
  zsh   unipic-tui completion zsh > FOLDER/_unipic-tui  (a folder of $fpath)
  fish  unipic-tui completion fish > ~/.config/fish/completions/unipic-tui.fish
"""


def add_arguments(commands: Commands) -> None:
    """Add ``completion``."""
    parser = add_command(commands, "completion", "print a completion script for a shell", _run)
    parser.add_argument("shell", choices=_SHELLS, help=", ".join(_SHELLS))
    parser.epilog = _EPILOG


def _run(args: argparse.Namespace, _: Context) -> int:
    import shtab

    from unipic_tui.cli.parser import build_parser

    parser = build_parser()
    _mark_paths(parser)
    sys.stdout.write(shtab.complete(parser, args.shell).rstrip() + "\n")
    return 0


def _mark_paths(parser: argparse.ArgumentParser) -> None:
    """Tell shtab which arguments are completed with folders, and which with files."""
    import shtab

    for action in parser._actions:
        words = str(action.metavar or "").split()
        if isinstance(action, argparse._SubParsersAction):
            for child in set(action.choices.values()):
                assert isinstance(child, Parser)
                action.choices.pop(child.hidden, None)
                _mark_paths(child)
        elif _FOLDERS & set(words):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif _FILES & set(words):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
