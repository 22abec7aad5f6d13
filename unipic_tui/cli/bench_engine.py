"""``bench engine``: where drawing spends its time."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from unipic_tui import paths
from unipic_tui.checkpoint_folder import check_folder, folder_of
from unipic_tui.cli.arguments import Commands, add_command, add_shared
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import tell
from unipic_tui.errors import InputError
from unipic_tui.jobs import QUALITIES, USUAL_QUALITY, Quality
from unipic_tui.settings import device_name
from unipic_tui.sizes import parse_size
from unipic_tui.text import one_line

if TYPE_CHECKING:
    from unipic_tui.bench.engine import Result


def add_engine(things: Commands) -> None:
    """Add ``engine`` to ``bench``."""
    parser = add_command(things, "engine", "measure what each part of the model takes", _engine)
    add = parser.add_argument
    add("--model", metavar="MODEL", help="a checkpoint's folder, or a published model's name with "
        "--random-weights (default: the embedded model)")  # fmt: skip
    add("--random-weights", action="store_true", help="make up the weights of the named model")
    add("--size", metavar="SIZE", help="such as 256 or 512x256 (the model's own)")
    add("--iterations", type=int, metavar="N", help="MAR iterations (the model's own)")
    add("-q", "--quality", default=USUAL_QUALITY, metavar="NAMES",
        help=f"one, or several with commas, of {', '.join(QUALITIES)}")  # fmt: skip
    add("--count", type=int, default=1, metavar="N", help="pictures a job (1)")
    add_shared(parser, "device", "dtype")
    add_shared(parser, "json", help="print one JSON object a line")


def _engine(args: argparse.Namespace, _: Context) -> int:
    """Load a model, draw with each quality, and print what the parts took."""
    names = args.quality.split(",")
    if strange := [name for name in names if name not in QUALITIES]:
        raise InputError(
            f"The quality {one_line(strange[0], 20)!r} is unknown: use {', '.join(QUALITIES)}."
        )
    for flag, value in (("--iterations", args.iterations), ("--count", args.count)):
        if value is not None and not 1 <= value <= 4096:
            raise InputError(f"{flag} {value} is out of range: use 1 to 4096.")
    size = None if args.size is None else parse_size(args.size, 1024)[:2]
    folder = None
    if args.model and not args.random_weights:
        check_folder(folder := folder_of(paths.absolute(args.model)))
    began = time.perf_counter()
    from unipic_tui.bench.engine import load, measure
    from unipic_tui.events import BackendOptions
    from unipic_tui.model.config import PRESETS

    importing = time.perf_counter() - began
    preset = args.model if args.random_weights else None
    if args.random_weights and preset not in PRESETS:
        raise InputError(f"--random-weights needs --model with one of {', '.join(PRESETS)}.")
    options = BackendOptions(folder, device_name(args.device or "auto"), args.dtype or "auto")
    loaded = load(options, preset)
    info = loaded.pipeline.info
    start = {
        "model": info.model, "device": info.device, "dtype": loaded.dtype, "importing": importing,
        "loading": loaded.first, "loading_again": loaded.again,
    }  # fmt: skip
    disk = f" from the disk, {loaded.again:.2f} s again" if loaded.again else ", made-up weights"
    tell(
        args,
        f"{info.model}, {loaded.dtype} on {info.device}: importing PyTorch {importing:.2f} s, "
        f"loading {loaded.first:.2f} s{disk}",
        start,
    )
    for name in names:
        result = measure(loaded, cast("Quality", name), size, args.iterations, args.count)
        tell(args, "\n".join(_lines(result, args.count)), dataclasses.asdict(result))
    return 0


def _lines(result: Result, count: int) -> Iterator[str]:
    yield f"\n{result.quality:16} seconds    CPU s     GFLOP  GFLOP/s  of most  launches"
    for part in result.parts:
        # FLOPs and launches are those of one picture.
        speed = part.flop * count / part.seconds if part.seconds > 0 else 0.0
        yield (
            f"{part.name:16} {part.seconds:7.2f}  {part.cpu_seconds:7.2f} {part.flop / 1e9:9.1f} "
            f"{speed / 1e9:8.1f} {speed / result.rate:8.0%} {part.launches:9,}"
        )
    flop, launches = (
        sum(values) for values in zip(*((p.flop, p.launches) for p in result.parts), strict=True)
    )
    yield (
        f"{'in all':16} {result.seconds:7.2f}  {result.cpu_seconds:7.2f} {flop / 1e9:9.1f} "
        f"{flop * count / result.seconds / 1e9:8.1f} "
        f"{flop * count / result.seconds / result.rate:8.0%} {launches:9,}"
    )
    shown = "none" if result.first_preview is None else f"after {result.first_preview:.2f} s"
    yield (
        f"{result.evaluations} evaluations of the head; products {result.rate / 1e9:.0f} GFLOP/s; "
        f"peak memory {result.peak_bytes / 1e9:.2f} GB; first preview {shown}; "
        f"a job stops within {result.cancel:.2f} s"
    )
