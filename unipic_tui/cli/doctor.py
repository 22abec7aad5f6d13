"""The command that says what works here: checks, each with a remedy where it fails."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unipic_tui import paths
from unipic_tui.cli.arguments import Commands, add_command, add_model, add_shared
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import tell
from unipic_tui.errors import UnipicError
from unipic_tui.files import shown_path
from unipic_tui.settings import Settings, device_name
from unipic_tui.text import printable

if TYPE_CHECKING:
    from unipic_tui.model.checkpoint import CheckpointReport

State = Literal["ok", "note", "fails"]

_LISTED = 8
"""Keys that are named before the rest is only counted."""
_LITTLE_ROOM = 10**9
_NO_ROOM = 10**7
"""Bytes that the files of a picture may take."""
_REINSTALL = 'Install the program again: pip install --force-reinstall "unipic-tui".'
_LARGE = 512
"""Pixels from which on pictures of half the side are of use, and take less memory."""
_NAME_WIDTH = 11


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        state: ``ok``, ``note`` for what is good to know, ``fails`` for what must be fixed.
        text: what was found.
        remedy: what to do about it, or "".
    """

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """Where the model would run, and the bytes of memory it has in all (0: unknown)."""

    name: str
    memory: int


def add_arguments(commands: Commands) -> None:
    """Add ``doctor``."""
    parser = add_command(
        commands, "doctor", "check what works on this computer, and say how to fix the rest", doctor
    )
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", help="a checkpoint (default: the one that is used)"
    )
    add_model(parser)
    add_shared(parser, "images", "library")
    add_shared(parser, "json", help="print one JSON object a line")


def doctor(args: argparse.Namespace, context: Context) -> int:
    """Print what is found; returns 0 where everything works, and 1 otherwise."""
    failures = 0
    for check in _checks(args, context):
        failures += check.state == "fails"
        tell(args, _lines(check), {"event": "check", **asdict(check)})
    told = f"{failures} {'thing needs' if failures == 1 else 'things need'} your attention."
    if not failures:
        told = "Everything works."
    tell(args, f"\n{told}", {"event": "finished", "failures": failures})
    return 1 if failures else 0


def _lines(check: Check) -> str:
    found = f"{check.state:<5}  {check.name:<{_NAME_WIDTH}}  {printable(check.text)}"
    remedy = f"\n{'':<5}  {'':<{_NAME_WIDTH}}  → {printable(check.remedy)}"
    return found + remedy if check.remedy else found


def _checks(args: argparse.Namespace, context: Context) -> Iterator[Check]:
    yield check_python()
    yield from check_packages()
    try:
        yield check_settings(context.settings)
    except UnipicError as error:
        yield Check("Settings", "fails", error.message, "unipic-tui settings shows an example.")
        context.settings = Settings()
    args.checkpoint = args.folder or args.checkpoint
    folder = context.checkpoint(args)
    library = context.library(args)
    paths.leave_deleted()
    device: Device | None = None
    for found in check_device(device_name(args.device or context.settings.device)):
        if isinstance(found, Device):
            device = found
        else:
            yield found
    for report in check_checkpoint(folder):
        if isinstance(report, Check):
            yield report
        else:
            yield from check_memory(report, device, args.dtype or context.settings.dtype)
    yield check_library(library)
    yield check_terminal(args.images or context.settings.images)


def size_text(count: int) -> str:
    """Bytes as a person reads them."""
    if count >= 10**9:
        return f"{count / 10**9:.1f} GB"
    return f"{max(1, round(count / 10**6))} MB"


def check_python() -> Check:
    """The interpreter."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < (3, 11):  # noqa: UP036 (a checkout may be run by any Python)
        return Check("Python", "fails", found, "Use Python 3.11 or newer.")
    return Check("Python", "ok", found)


def check_packages() -> Iterator[Check]:
    """The packages the program needs, in the versions it needs."""
    from importlib import metadata

    found: list[str] = []
    for name, least in _requirements():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check("Packages", "fails", f"{name} is not installed.", f"pip install {name}")
            continue
        if _numbers(version) < _numbers(least):
            yield Check(
                "Packages",
                "fails",
                f"{name} {version} is older than {least}.",
                f'pip install "{name}>={least}"',
            )
        else:
            found.append(f"{name} {version}")
    if found:
        yield Check("Packages", "ok", ", ".join(found))


def _requirements() -> list[tuple[str, str]]:
    """Name and least version of what the installed program needs, or of the core in a checkout."""
    from importlib import metadata

    try:
        lines = metadata.requires("unipic-tui") or []
    except metadata.PackageNotFoundError:
        lines = ["torch>=2.6", "transformers>=5.0", "tokenizers>=0.21", "textual>=6.0"]
    needed = (re.match(r"([\w.-]+)\s*>=\s*([\d.]+)", line) for line in lines if "extra" not in line)
    return [(match[1], match[2]) for match in needed if match]


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in release[0].split(".")) if release else ()


def check_settings(settings: Settings) -> Check:
    """The settings file, which was read."""
    if settings.path is None:
        return Check("Settings", "ok", f"none at {shown_path(paths.config_file())}; not needed")
    return Check("Settings", "ok", shown_path(settings.path))


def check_device(wanted: str) -> Iterator[Check | Device]:
    """Torch and the device it would use; yields the device too where there is one."""
    try:
        import torch

        from unipic_tui.inference.engine import choose_device, device_memory
    except (ImportError, OSError) as error:
        yield Check("PyTorch", "fails", f"It cannot be loaded: {error}.", _REINSTALL)
        return
    yield Check("PyTorch", "ok", f"{torch.__version__}, {torch.get_num_threads()} CPU threads")
    try:
        device = choose_device(wanted)
    except UnipicError as error:
        yield Check("Device", "fails", error.message)
        return
    memory = device_memory(device)
    name = device.type
    known = f"{size_text(memory.total)} memory" if memory.total else "memory unknown"
    text = f"{name}, {known}"
    if name == "cuda":
        name = f"cuda:{device.index or 0}"
        room = f"{size_text(memory.total - memory.used)} of {size_text(memory.total)} free"
        text = f"{name}, {torch.cuda.get_device_name(device)}, {room}"
    yield Check("Device", "ok", text)
    yield Device(name, memory.total)


def check_checkpoint(folder: Path | None) -> Iterator[Check | CheckpointReport]:
    """Whether a checkpoint is complete and fits; yields its report too where it does.

    Args:
        folder: the checkpoint, or ``None`` for the embedded one.
    """
    try:
        from unipic_tui.model.checkpoint import inspect
    except (ImportError, OSError) as error:
        yield Check("Checkpoint", "fails", f"It cannot be looked at: {error}.", _REINSTALL)
        return
    path = folder or paths.EMBEDDED_CHECKPOINT
    where = shown_path(path) if folder else "the embedded one"
    remedy = "Download it again, or name another folder." if folder else _REINSTALL
    try:
        report = inspect(path)
    except UnipicError as error:
        yield Check("Checkpoint", "fails", error.message, remedy)
        return
    wrong = [Check("Checkpoint", "fails", problem, remedy) for problem in report.problems]
    for kind in ("missing", "unexpected", "misshapen"):
        keys: Sequence[str] = getattr(report, kind)
        if keys:
            wrong.append(Check("Checkpoint", "fails", _listed(kind, keys), remedy))
    if wrong:
        yield from wrong
        return
    millions = report.parameters / 1e6
    amount = f"{millions / 1000:.2f} billion" if millions >= 1000 else f"{millions:.1f} million"
    yield Check(
        "Checkpoint",
        "ok",
        f"{where}: {report.name} ({report.kind}), {amount} parameters, {size_text(report.bytes)}, "
        "every key fits",
    )
    if not report.has_siglip2:
        yield Check(
            "Checkpoint", "note", "It has no SigLIP2 tower: --vision siglip2 cannot be used."
        )
    yield report


def _listed(kind: str, keys: Sequence[str]) -> str:
    named = ", ".join(keys[:_LISTED])
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    verb = "key is" if len(keys) == 1 else "keys are"
    return f"{len(keys)} {verb} {kind}: {named}{more}."


def check_memory(report: CheckpointReport, device: Device | None, dtype: str) -> Iterator[Check]:
    """Whether drawing fits into the device's memory.

    Args:
        report: on the checkpoint.
        device: where it would run, if it can.
        dtype: the wanted number format.
    """
    value_bytes = _value_bytes(dtype, device, report.parameters)
    usual = report.config.defaults.side
    sides = (usual // 2, usual) if usual >= _LARGE else (usual,)
    peaks = [(side, report.peak_memory(side, side, value_bytes)) for side in sides]
    text = ", ".join(f"about {size_text(peak)} at {side}×{side}" for side, peak in peaks)
    if device is None or not device.memory:
        yield Check("Memory", "note", f"Drawing takes {text}.")
        return
    tight = [side for side, peak in peaks if peak > device.memory]
    if len(tight) == len(peaks):
        yield Check(
            "Memory",
            "fails",
            f"Drawing takes {text}; {device.name} has {size_text(device.memory)}.",
            "Use --dtype bfloat16, a smaller --size, another --device or a smaller checkpoint.",
        )
    elif tight:
        yield Check(
            "Memory",
            "note",
            f"Drawing takes {text}; {device.name} has {size_text(device.memory)}.",
            f"Draw at less than {tight[0]} pixels.",
        )
    else:
        yield Check("Memory", "ok", f"Drawing takes {text}.")


def _value_bytes(dtype: str, device: Device | None, parameters: int) -> int:
    """Bytes a number takes in the format the engine would choose."""
    import torch

    from unipic_tui.inference.engine import choose_dtype

    place = torch.device(device.name if device else "cpu")
    return choose_dtype(dtype, place, parameters).itemsize


def check_library(folder: Path) -> Check:
    """The folder of the sessions: whether it can be written to, and how much room is left."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        return Check(
            "Library",
            "fails",
            f"{shown_path(folder)} cannot be written to.",
            "Name another folder with --library, in the settings, or in UNIPIC_DATA.",
        )
    free = shutil.disk_usage(existing).free
    # Rounded down: a full disk has nothing free.
    amount = size_text(free) if free >= _LITTLE_ROOM else f"{free // 10**6} MB"
    text = f"{shown_path(folder)}, {amount} free on its disk"
    if free < _NO_ROOM:
        return Check(
            "Library", "fails", text, "Make room: pictures take a few MB each and cannot be kept."
        )
    if free < _LITTLE_ROOM:
        return Check("Library", "note", text, "Make room: pictures take a few MB each.")
    return Check("Library", "ok", text)


def check_terminal(images: str) -> Check:
    """How pictures would be shown here."""
    if not sys.stdout.isatty():
        return Check("Terminal", "note", "The output is no terminal: pictures are not shown in it.")
    from unipic_tui.terminal.capabilities import cell_size, detect_protocol, in_tmux

    protocol = detect_protocol(images)
    size = shutil.get_terminal_size()
    width, height = cell_size()
    text = (
        f"{os.environ.get('TERM', 'unknown')}, {size.columns}×{size.lines} cells of "
        f"{width}×{height} pixels; pictures as {protocol}"
    )
    remedy = ""
    if protocol == "blocks" and images == "auto":
        remedy = (
            "tmux hides the terminal's graphics: force them with --images sixel or --images kitty."
            if in_tmux()
            else "For sharper pictures use a terminal with sixel or kitty graphics."
        )
    if size.columns < 80 or size.lines < 24:
        return Check("Terminal", "note", text, "The app wants at least 80×24 cells.")
    return Check("Terminal", "ok", text, remedy)
