"""The command that counts what a drawing would ask of a GPU."""

from __future__ import annotations

import argparse
import dataclasses
from typing import cast, get_args

from unipic_tui.cli.arguments import Commands, add_command, add_shared
from unipic_tui.cli.context import Context
from unipic_tui.cli.report import write_json
from unipic_tui.errors import InputError
from unipic_tui.jobs import GenerateJob, Quality
from unipic_tui.sizes import TOKEN_PIXELS
from unipic_tui.text import one_line

_SIDE = 4096
"""Largest side that is rehearsed, in pixels."""


def add_rehearse(things: Commands) -> None:
    """Add ``bench rehearse``."""
    parser = add_command(
        things, "rehearse", "count what a drawing would ask of a GPU, without one", _rehearse
    )
    parser.add_argument(
        "--model", default="unipic-1.5b", metavar="PRESET", help="a published model (unipic-1.5b)"
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the picture")
    parser.add_argument("--iterations", type=int, metavar="N", help="iterations")
    parser.add_argument("--guidance", type=float, metavar="G", help="guidance")
    parser.add_argument(
        "--quality", choices=get_args(Quality), default="balanced", help="quality (balanced)"
    )
    add_shared(parser, "json", help="print one JSON object")


def _rehearse(args: argparse.Namespace, _: Context) -> int:
    """Rehearse a drawing and print what was counted.

    Raises:
        InputError: the model is unknown, or a number is out of range.
    """
    from unipic_tui.bench.rehearse import rehearse
    from unipic_tui.model.config import PRESETS

    if args.model not in PRESETS:
        raise InputError(
            f"--model {one_line(args.model, 40)!r} is unknown: use one of {', '.join(PRESETS)}."
        )
    config = PRESETS[args.model]
    size = config.defaults.width if args.size is None else args.size
    if not TOKEN_PIXELS <= size <= _SIDE or size % TOKEN_PIXELS:
        raise InputError(f"--size {size} is not a multiple of {TOKEN_PIXELS} up to {_SIDE}.")
    job = GenerateJob(
        prompt="a picture",
        iterations=args.iterations,
        guidance=args.guidance,
        quality=cast("Quality", args.quality),
    )
    found = rehearse(config, size, config.defaults.fill(job))
    total = found.prompt + sum(found.kernels) + found.decoding
    if args.json:
        write_json({**dataclasses.asdict(found), "total": total})
        return 0
    steps = len(found.kernels)
    mean, most = sum(found.kernels) / steps, max(found.kernels)
    rows = {
        "kernels in all": f"{total:,}",
        "kernels an iteration": f"{mean:,.0f} ({most:,} at most)",
        **{f"  {stage}": f"{count:,}" for stage, count in found.stages.items()},
        "  prompt": f"{found.prompt:,}",
        "copies from the host": f"{sum(found.copies):,} ({found.copied / 1e6:.1f} MB)",
        "floating-point operations": f"{found.flops / 1e12:.1f} T",
        "weights": f"{found.weights / 1e9:.2f} GB",
        "most memory": f"{found.peak / 1e9:.2f} GB",
    }
    print(f"{config.name}, {size}×{size}, {args.quality}, {steps} iterations")
    for name, value in rows.items():
        print(f"{name:28}{value}")
    return 0
