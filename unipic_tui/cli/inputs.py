"""From arguments to jobs: prompts, sources, sizes and seeds, checked before anything is loaded."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from unipic_tui import paths
from unipic_tui.cli.bar import say
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.files import storage_error
from unipic_tui.job_parts import Region
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import BATCH_QUALITY, MAX_COUNT, USUAL_QUALITY, Job, random_seed
from unipic_tui.settings import Settings
from unipic_tui.text import one_line

Notify = Callable[[str], None]
MakeJob = Callable[[Defaults, Notify], Job]
"""Makes the job for a checkpoint's defaults, and tells what it had to change."""

STDIN = "-"
"""Stands for the standard input."""
_STDIN_LIMIT = 1_000_000


def say_nothing(_: str) -> None:
    """A `Notify`: remarks wait until the checkpoint's own defaults are known."""


def seed_of(text: str | None) -> int | None:
    """The given seed; ``None`` for a random one. Raises `InputError`."""
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
    return _read_stdin(what) if prompt == STDIN else prompt


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


def is_config(word: str) -> bool:
    """Whether a word is the config that the published scripts want in front of all else."""
    return word.endswith(".py")


def ignore_config(word: str, args: argparse.Namespace) -> None:
    """Tell that a config is not needed."""
    if not args.quiet:
        say(f"{word} is ignored: a checkpoint's weights tell which model it is.")


def _words(args: argparse.Namespace) -> list[str]:
    """The words after the command, without a published script's config in front."""
    words = list(args.words)
    if words and is_config(words[0]) and (len(words) > 1 or args.prompt is not None or args.image):
        ignore_config(words.pop(0), args)
    return words


@contextlib.contextmanager
def piped_picture(args: argparse.Namespace, kind: type[Job]) -> Iterator[None]:
    """Where ``-`` stands for a picture, have it name a file with what standard input holds.

    The file is there for as long as this lasts.

    Raises:
        InputError: standard input is wanted for more than one thing, or holds no picture.
    """
    with contextlib.ExitStack() as stack:
        if kind.needs_source and args.image is None and args.words[:1] == [STDIN]:
            args.image, args.words = STDIN, args.words[1:]
        dest = "image" if kind.needs_source else "source"
        if getattr(args, dest) == STDIN:
            if STDIN in {args.prompt, " ".join(args.words)}:
                raise InputError(
                    "Standard input cannot be both the picture and the words: name a file for one."
                )
            setattr(args, dest, stack.enter_context(_stdin_picture()))
        yield


@contextlib.contextmanager
def _stdin_picture() -> Iterator[str]:
    """The path of a picture with the bytes of standard input, found to be one."""
    from unipic_tui.pictures import load_image

    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "There is no picture on standard input: send one there, as in "
            'unipic-tui edit - "make it black" < cat.png.'
        )
    with tempfile.TemporaryDirectory(prefix="unipic-tui-") as folder:
        path = Path(folder, "picture")
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise storage_error(error, path, "write") from error
        if not path.stat().st_size:
            raise InputError("There is no picture on standard input: it is empty.")
        try:
            load_image(path)
        except InputError as error:
            words = error.message.replace(f"The picture {path}", "The picture on standard input")
            raise InputError(words.replace(str(path), "What is on standard input")) from error
        yield str(path)


def split_image(args: argparse.Namespace, words: list[str], command: str) -> tuple[str, list[str]]:
    """The source image and the words that are left; raises `InputError` where no image is named."""
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


def job_maker(kind: type[Job], args: argparse.Namespace, settings: Settings) -> MakeJob:
    """What a command is to do; raises `InputError` or `StorageError` for what cannot be used."""
    words = _words(args)
    fields: dict[str, Any] = {}
    if kind.needs_source:
        image, words = split_image(args, words, kind.mode)
    prompt = read_prompt(args, words, "prompt" if kind.draws else "question")
    if prompt is not None:
        fields["prompt"] = prompt
    elif kind.draws:
        raise InputError(
            f"There is no prompt: say what to {kind.wording.purpose}, as in {kind.wording.example}."
        )
    if kind.needs_source:
        fields["source"] = source_path(image)
    elif args.source is not None or args.region is not None:
        fields |= _region(args)
    seed = seed_of(args.seed)
    fields["seed"] = random_seed() if seed is None else seed
    fields |= given_settings(args, settings, kind)
    if kind.draws:
        fields["count"] = _count(args)

    def make(defaults: Defaults, notify: Notify) -> Job:
        sizes: dict[str, Any] = {}
        for each in settings_of(kind):
            if each.is_size and args.size is not None:
                value, notice = each.read(args.size, defaults.side)
                sizes |= each.fill(value)
                if notice:
                    notify(notice)
        return kind(**fields, **sizes)

    return make


def _region(args: argparse.Namespace) -> dict[str, Any]:
    if args.source is None or args.region is None:
        raise InputError("--source and --region belong together: give both, or neither.")
    if args.size is not None:
        raise InputError("--size has no use with --source, whose size the picture has.")
    region = Region.parse(args.region)
    return {"source": source_path(args.source), "region": region}


def given_settings(
    args: argparse.Namespace, settings: Settings, *kinds: type[Job], many: bool = False
) -> dict[str, Any]:
    """The settings that flags give, by name; size, count and seed are read elsewhere.

    Published unconditional prompts, which are the defaults, count as not given. ``many`` jobs have
    another quality where none is given.
    """
    given: dict[str, Any] = {}
    usual = BATCH_QUALITY if many else USUAL_QUALITY
    for kind in kinds:
        for each in settings_of(kind):
            value = getattr(args, each.name, None)
            if value is not None and each.name not in {"size", "count", "seed"}:
                given[each.name] = value
            if each.name == "quality":
                given.setdefault("quality", settings.quality or usual)
    own = {getattr(kind, "own_unconditional", None) for kind in kinds}
    if given.get("unconditional") in own:
        given.pop("unconditional", None)
    return given


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
