"""The command that says how pictures were made."""

from __future__ import annotations

import argparse
from typing import Any

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, add_command, add_shared
from unipic_tui.cli.bar import say
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import tell
from unipic_tui.errors import UnipicError
from unipic_tui.text import printable

_KEYS = (
    "origin", "prompt", "negative", "seed", "steps", "guidance", "width", "height", "model",
)  # fmt: skip


def add_arguments(commands: Commands) -> None:
    """Add ``inspect``."""
    parser = add_command(
        commands, "inspect", "say how pictures were made, as far as their files tell", inspect
    )
    parser.add_argument("words", nargs="+", metavar="FILE", help="pictures, of any tool")
    add_shared(parser, "json", help="print one JSON object a line")


def inspect(args: argparse.Namespace, _: Context) -> int:
    """Print what each file tells of its making; exit code 2 where one could not be read."""
    bad = 0
    for index, path in enumerate(args.words):
        try:
            told = _read(path)
        except UnipicError as error:
            bad += 1
            nothing = dict.fromkeys(_KEYS)
            tell(args, error.message, {"file": path, **nothing, "problem": error.message}, say)
            continue
        lines = "\n" * (index > 0) + "\n".join(_lines(path, told))
        tell(args, lines, {"file": path, **told})
    return 2 if bad else 0


def _read(path: str) -> dict[str, Any]:
    from unipic_tui.library.provenance import read_provenance

    found = read_provenance(paths.absolute(path))
    return {key: getattr(found, key) for key in _KEYS} | {"origin": found.origin or None}


def _lines(path: str, told: dict[str, Any]) -> list[str]:
    size = None if told["width"] is None else f"{told['width']}x{told['height']}"
    shown = {key: told[key] for key in _KEYS if key not in {"width", "height", "model"}}
    shown |= {"size": size, "model": told["model"]}
    lines = [printable(path)]
    for name, value in shown.items():
        text = "not told" if value is None else f"{value:g}" if name == "guidance" else str(value)
        # Further lines of a prompt are indented, so that none can pass for another value.
        lines.append(f"  {name:9} {printable(text, newlines=True)}".replace("\n", "\n" + " " * 12))
    return lines
