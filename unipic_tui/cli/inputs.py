"""From arguments to jobs: prompts, sources, sizes and seeds, checked before anything is loaded."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.events import Defaults
from unipic_tui.jobs import MAX_COUNT, DescribeJob, DrawingJob, EditJob, GenerateJob, Region
from unipic_tui.settings import Settings
from unipic_tui.sizes import parse_size, round_size
from unipic_tui.text import one_line

Notify = Callable[[str], None]
MakeJob = Callable[[Defaults, Notify], DrawingJob]
"""Makes the job for a checkpoint's defaults, and tells what it had to change."""

_STDIN_LIMIT = 1_000_000
_NEW_SEEDS = 2**32
"""New seeds stay below this, which every image tool can hold."""
# What the published scripts pass as --cfg_prompt, and the model is told anyway.
_DRAW_NOTHING = "Generate an image."
_CHANGE_NOTHING = "Repeat this image."
_USUAL = {_DRAW_NOTHING, _CHANGE_NOTHING}


def random_seed() -> int:
    """A new seed."""
    return secrets.randbelow(_NEW_SEEDS)


def seed_of(text: str | None) -> int | None:
    """The seed that was asked for; ``None`` where any will do. Raises `InputError`."""
    if text is None or text.strip().lower() in {"random", "-1"}:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(
            f'The seed {one_line(text, 60)!r} is not a whole number: give one, or "random".'
        ) from None


def read_prompt(args: argparse.Namespace, words: Sequence[str], what: str = "prompt") -> str | None:
    """The prompt from ``--prompt`` or the words after the command; ``-`` reads standard input.

    Returns:
        The prompt, or ``None`` where none was given.

    Raises:
        InputError: it was given twice, or standard input holds no text.
    """
    if args.prompt is not None and words:
        raise InputError(f"The {what} is given twice: leave out --prompt or the words.")
    prompt: str | None = args.prompt if args.prompt is not None else " ".join(words) or None
    if words and not " ".join(words).strip():
        prompt = ""
    return _read_stdin(what) if prompt == "-" else prompt


def _read_stdin(what: str) -> str:
    if sys.stdin is None:
        raise InputError(f"There is no standard input to read the {what} from.")
    if sys.stdin.isatty():
        sys.stderr.write(f"Type the {what}, then Enter and Ctrl+D:\n")
    try:
        text = sys.stdin.read(_STDIN_LIMIT + 1)
    except UnicodeDecodeError:
        raise InputError(f"The {what} on standard input is not UTF-8 text.") from None
    if len(text) > _STDIN_LIMIT:
        raise InputError(f"The {what} on standard input is longer than a million characters.")
    return text.strip()


def split_image(args: argparse.Namespace, command: str) -> tuple[str, list[str]]:
    """The source image and the words that are left; raises `InputError` where no image is named."""
    words = list(args.words)
    if args.image is not None:
        return args.image, words
    if not words:
        raise InputError(f"No picture is named: use {command} IMAGE, or --image IMAGE.")
    return words[0], words[1:]


def source_path(text: str) -> str:
    """The absolute path of a picture, found to be one; raises as `load_image` does."""
    from unipic_tui.pictures import load_image

    path = paths.absolute(text)
    load_image(path)
    return str(path)


def generate_job(args: argparse.Namespace, settings: Settings) -> MakeJob:
    """What `generate` is to draw; raises `InputError` for what cannot be used."""
    prompt = read_prompt(args, args.words)
    if prompt is None:
        raise InputError('There is no prompt: say what to draw, as in generate "a red circle".')
    if (args.source is None) != (args.region is None):
        raise InputError("--source and --region belong together: give both, or neither.")
    if args.source is not None and args.size is not None:
        raise InputError("--size has no use beside --source, whose size the picture has.")
    source = None if args.source is None else source_path(args.source)
    region = None if args.region is None else Region.parse(args.region)
    common = _sampling(args, settings, prompt, _DRAW_NOTHING)

    def make(defaults: Defaults, notify: Notify) -> DrawingJob:
        width = height = None
        if args.size is not None:
            base = round((defaults.width * defaults.height) ** 0.5)
            width, height, notice = parse_size(args.size, base)
            if notice:
                notify(notice)
        return GenerateJob(width=width, height=height, source=source, region=region, **common)

    return make


def edit_job(args: argparse.Namespace, settings: Settings) -> MakeJob:
    """What `edit` is to change; raises `InputError` or `StorageError`."""
    image, words = split_image(args, "edit")
    prompt = read_prompt(args, words)
    if prompt is None:
        raise InputError(
            'There is no prompt: say what to change, as in edit cat.png "make it black".'
        )
    source = source_path(image)
    common = _sampling(args, settings, prompt, _CHANGE_NOTHING)

    def make(_: Defaults, notify: Notify) -> DrawingJob:
        size = None
        if args.size is not None:
            try:
                number = int(args.size)
            except ValueError:
                raise InputError(
                    f"The size {one_line(args.size, 60)!r} is not a whole number: give the longest "
                    "side in pixels; the result has the picture's own aspect ratio."
                ) from None
            size, notice = round_size(number)
            if notice:
                notify(notice)
        return EditJob(source=source, size=size, **common)

    return make


def describe_job(args: argparse.Namespace) -> DescribeJob:
    """What `describe` is to answer; raises `InputError` or `StorageError`."""
    image, words = split_image(args, "describe")
    question = read_prompt(args, words, "question")
    asked: dict[str, Any] = {} if question is None else {"prompt": question}
    seed = seed_of(args.seed)
    return DescribeJob(
        source=source_path(image),
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        seed=random_seed() if seed is None else seed,
        vision=args.vision,
        **asked,
    )


def _sampling(
    args: argparse.Namespace, settings: Settings, prompt: str, usual: str
) -> dict[str, Any]:
    seed = seed_of(args.seed)
    return {
        "prompt": prompt,
        "count": _count(args),
        "seed": random_seed() if seed is None else seed,
        **sampling(args, settings, {usual}),
    }


def sampling(
    args: argparse.Namespace, settings: Settings, usual: Collection[str] = _USUAL
) -> dict[str, Any]:
    """The fields of drawing jobs that `add_sampling` has flags for, of every prompt alike.

    Args:
        usual: unconditional prompts that the model is told anyway.
    """
    return {
        "guidance": args.guidance,
        "schedule": args.schedule,
        "iterations": args.iterations,
        "order": args.order,
        "temperature": args.temperature,
        "head_steps": args.head_steps,
        "unconditional": None if args.unconditional in usual else args.unconditional,
        "quality": args.quality or settings.quality,
    }


def _count(args: argparse.Namespace) -> int:
    side = args.grid_size
    if side is None:
        return 1 if args.count is None else int(args.count)
    if side < 1 or side * side > MAX_COUNT:
        raise InputError(f"The grid size {side} is out of range: use 1 to {int(MAX_COUNT**0.5)}.")
    if args.count not in {None, side * side}:
        raise InputError(
            f"A grid of {side}×{side} has {side * side} pictures, not {args.count}: "
            "leave out --count, or --grid-size."
        )
    return int(side * side)
