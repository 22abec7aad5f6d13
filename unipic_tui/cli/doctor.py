"""The command that says what works here: checks, each with a remedy where it fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from unipic_tui import paths
from unipic_tui.cli.checks import (
    Check,
    Device,
    check_checkpoint,
    check_device,
    check_library,
    check_memory,
    check_packages,
    check_python,
    check_settings,
    check_terminal,
)
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import write_json
from unipic_tui.errors import UnipicError
from unipic_tui.settings import Settings, device_name
from unipic_tui.text import printable

_NAME_WIDTH = 11


def doctor(args: argparse.Namespace, context: Context) -> int:
    """Print what is found; returns 0 where everything works, and 1 otherwise."""
    failures = 0
    for check in _checks(args, context):
        failures += check.state == "fails"
        if args.json:
            write_json({"event": "check", **check.to_dict()})
        else:
            _print(check)
    if args.json:
        write_json({"event": "finished", "failures": failures})
    elif failures:
        print(f"\n{failures} {'thing needs' if failures == 1 else 'things need'} your attention.")
    else:
        print("\nEverything works.")
    return 1 if failures else 0


def _print(check: Check) -> None:
    print(f"{check.state:<5}  {check.name:<{_NAME_WIDTH}}  {printable(check.text)}")
    if check.remedy:
        print(f"{'':<5}  {'':<{_NAME_WIDTH}}  → {printable(check.remedy)}")
    sys.stdout.flush()


def _checks(args: argparse.Namespace, context: Context) -> Iterator[Check]:
    yield check_python()
    yield from check_packages()
    settings = Settings()
    try:
        settings = context.settings
        yield check_settings(settings)
    except UnipicError as error:
        yield Check("Settings", "fails", error.message, "unipic-tui settings shows an example.")
    device: Device | None = None
    for found in check_device(device_name(args.device or settings.device)):
        if isinstance(found, Device):
            device = found
        else:
            yield found
    folder = paths.absolute(args.folder) if args.folder else _checkpoint(args, settings)
    for report in check_checkpoint(folder):
        if isinstance(report, Check):
            yield report
        else:
            yield from check_memory(report, device, args.dtype or settings.dtype)
    yield check_library(settings.library or paths.data_dir())
    yield check_terminal(getattr(args, "images", None) or settings.images)


def _checkpoint(args: argparse.Namespace, settings: Settings) -> Path | None:
    if args.checkpoint:
        return paths.absolute(args.checkpoint)
    return paths.from_environment(paths.CHECKPOINT_VARIABLE) or settings.checkpoint
