"""The settings file: TOML, read once into an immutable `Settings`."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.files import read_bytes, shown_path
from unipic_tui.jobs import QUALITIES, Quality
from unipic_tui.text import one_line

Images = Literal["auto", "kitty", "sixel", "blocks", "none"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
SeedMode = Literal["random", "locked"]

IMAGES: tuple[Images, ...] = get_args(Images)
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SEED_MODES: tuple[SeedMode, ...] = get_args(SeedMode)

_LIMIT = 1_000_000
_DEVICE = re.compile(r"[a-z]+(:\d+)?")

EXAMPLE = """\
# Settings of unipic-tui. Every line is optional; what follows "#" is a remark.

# The folder of the checkpoint to use; the small one inside the program where none is named.
# checkpoint = "~/models/UniPic-1.5B"

# Where the model runs: auto, cpu, cuda, cuda:1, mps ...
device = "auto"

# Its numbers: auto, float32, bfloat16 or float16.
dtype = "auto"

# How pictures are shown: auto, kitty, sixel, blocks or none.
images = "auto"

# Captions and settings first, no pixels: for slow lines and screen readers.
text_first = false

# A theme of the app, such as "textual-light", "nord" or "gruvbox".
# theme = "textual-dark"

# Where sessions and pictures are kept.
# library = "~/Pictures/unipic"

# Seconds between two looks at a picture that is being drawn, or "off".
preview_seconds = 1.0

# Whether saved pictures carry the job that makes them again.
metadata = true

# The seed of a new job: "random" (a new one each time) or "locked" (stays until you change it).
seed = "random"

# exact (as published, number for number), full (starts where it is safe), balanced (as good in an
# eighth of the evaluations) or fast. Without it: balanced, and full in batches and benchmarks.
# quality = "balanced"

# Other keys for the app's commands, by the ids that its help screen shows.
[keys]
# run = "ctrl+r"
"""
"""A settings file with every setting, its default and its meaning."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person has chosen once for all runs.

    Attributes:
        checkpoint: a folder; ``None`` for the embedded checkpoint.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps`` …
        dtype: number format of the weights.
        images: how pictures are shown in the terminal.
        text_first: show captions and settings in place of pixels.
        theme: name of a theme of the app; ``None`` for its own choice.
        library: folder of the sessions; ``None`` for the usual place.
        preview_seconds: shortest time between two previews, 0 to 3600; ``None`` for no previews.
        metadata: whether pictures are saved with their job.
        seed: whether a new job gets a new seed.
        quality: the sampler used where a job names none; ``None`` is ``balanced`` for single jobs,
            and ``full`` for batches and benchmarks.
        keys: for command ids, the key (or keys, joined by commas) that run them.
        path: the file these came from; ``None`` when there is no file.
    """

    checkpoint: Path | None = None
    device: str = "auto"
    dtype: Dtype = "auto"
    images: Images = "auto"
    text_first: bool = False
    theme: str | None = None
    library: Path | None = None
    preview_seconds: float | None = 1.0
    metadata: bool = True
    seed: SeedMode = "random"
    quality: Quality | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        path: the file; ``None`` for the usual one, which need not exist.

    Raises:
        InputError: the file is not TOML, names an unknown setting, or gives one a value it
            cannot have; the sentence says which.
        StorageError: the file cannot be read, or one that was named is not there.
    """
    named = path is not None or paths.from_environment(paths.CONFIG_VARIABLE) is not None
    file = path or paths.config_file()
    if not named and not os.path.lexists(file):
        return Settings()
    try:
        table = tomllib.loads(read_bytes(file, _LIMIT).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(
            f"The settings file {shown_path(file)} is not UTF-8 text: save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"The settings file {shown_path(file)} is not valid TOML: {one_line(str(error), 200)}."
        ) from None
    except RecursionError:
        raise InputError(
            f"The settings file {shown_path(file)} is nested too deeply: mend or remove it."
        ) from None
    return settings_from_table(table, file)


def settings_from_table(table: Mapping[str, Any], file: Path) -> Settings:
    """The settings in a parsed file; raises `InputError` as `load_settings` does."""
    chosen: dict[str, Any] = {}
    for name, value in table.items():
        reader = _READERS.get(name)
        if reader is None:
            raise InputError(_unknown(name, file))
        try:
            chosen[name] = reader(value, file)
        except _WrongValueError as error:
            raise InputError(f"The setting {name!r} in {shown_path(file)} {error}.") from None
    return dataclasses.replace(Settings(**chosen), path=file)


class _WrongValueError(Exception):
    """A value that its setting cannot have; the message follows the setting's name."""


def _unknown(name: str, file: Path) -> str:
    shown = one_line(name, 60)
    close = difflib.get_close_matches(name, _READERS, 1)
    remedy = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(_READERS)}."
    return f"There is no setting {shown!r} (in {shown_path(file)}): {remedy}"


def _shown(value: object) -> str:
    return one_line(repr(value), 60)


def _string(value: object, _: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongValueError(f"is {_shown(value)}: give it some text in quotes")
    return value.strip()


def _switch(value: object, _: Path) -> bool:
    if not isinstance(value, bool):
        raise _WrongValueError(f"is {_shown(value)}: use true or false")
    return value


def _choice(choices: tuple[str, ...]) -> Callable[[object, Path], str]:
    def read(value: object, _: Path) -> str:
        if value not in choices:
            raise _WrongValueError(f"is {_shown(value)}: use one of {', '.join(choices)}")
        return str(value)

    return read


def _folder(value: object, file: Path) -> Path:
    text = _string(value, file)
    if "\0" in text:
        raise _WrongValueError(f"is {_shown(value)}: give it a path")
    return paths.absolute(text, file.absolute().parent)


def device_name(text: str) -> str:
    """A device's name, checked for its form only; raises `InputError`."""
    name = text.strip().lower()
    if not _DEVICE.fullmatch(name):
        raise InputError(
            f"The device {one_line(text, 60)!r} is unknown: "
            "use auto, cpu, cuda, cuda:1 (a number names the card) or mps."
        )
    return name


def _device(value: object, file: Path) -> str:
    try:
        return device_name(_string(value, file))
    except InputError:
        raise _WrongValueError(f"is {_shown(value)}: use auto, cpu, cuda, cuda:1 or mps") from None


def _seconds(value: object, _: Path) -> float | None:
    if value is False or value == "off":
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (math.isfinite(value) and 0 <= value <= 3600):  # type: ignore[arg-type,operator]
        raise _WrongValueError(f'is {_shown(value)}: use seconds from 0 to 3600, or "off"')
    return float(value)  # type: ignore[arg-type]


def _keys(value: object, _: Path) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise _WrongValueError(f"is {_shown(value)}: make it a table, [keys]")
    keys: dict[str, str] = {}
    waiting = list(value.items())
    while waiting:
        name, key = waiting.pop(0)
        if isinstance(key, dict):  # an unquoted `list.next = "j"` is a table in TOML
            waiting = [(f"{name}.{inner}", deeper) for inner, deeper in key.items()] + waiting
        elif isinstance(key, str) and key.strip():
            keys[name] = key.strip()
        else:
            raise _WrongValueError(
                f"gives {one_line(name, 60)!r} the key {_shown(key)}: "
                'write the key in quotes, such as "ctrl+r"'
            )
    return keys


_READERS: dict[str, Callable[[object, Path], Any]] = {
    "checkpoint": _folder,
    "device": _device,
    "dtype": _choice(DTYPES),
    "images": _choice(IMAGES),
    "text_first": _switch,
    "theme": _string,
    "library": _folder,
    "preview_seconds": _seconds,
    "metadata": _switch,
    "seed": _choice(SEED_MODES),
    "quality": _choice(QUALITIES),
    "keys": _keys,
}
