"""What callers of the Python interface give, as jobs want it: numbers, sizes, pictures.

Numbers of other libraries and arrays are known by what they can do; nothing is imported for them.
"""

from __future__ import annotations

import contextlib
import numbers
import operator
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.files import storage_error
from unipic_tui.job_parts import Region, Turn
from unipic_tui.job_settings import Setting, settings_of
from unipic_tui.jobs import Job, random_seed
from unipic_tui.text import one_line

_MODES = {"L", "LA", "P", "RGB", "RGBA"}
_CHANNELS = {(), (3,), (4,)}
"""What the shape of an array may have behind its height and width."""


def job_fields(
    kind: type[Job], settings: Mapping[str, Any], side: int
) -> tuple[dict[str, Any], list[str]]:
    """The fields of a job from what was given for its settings.

    Args:
        kind: of the job.
        settings: by name; what is no setting is passed on as it is. A seed of ``None`` is a
            random one; any other ``None`` stands for the setting's default.
        side: of the checkpoint's own pictures, whose area an aspect ratio keeps.

    Returns:
        The fields, and a sentence for each size that was rounded.

    Raises:
        InputError: a size cannot be used.
    """
    fields, notices = dict(settings), list[str]()
    for setting in settings_of(kind):
        if setting.is_size and fields.get(setting.name) is not None:
            size, notice = _size(setting, fields.pop(setting.name), side)
            if any(fields.get(name) is not None for name in setting.fields):
                raise InputError("The size is given twice: leave out width and height, or size.")
            fields |= setting.fill(size)
            notices += [notice] if notice else []
        elif setting.name not in setting.fields:
            fields.pop(setting.name, None)
        for name in setting.fields:
            if name not in fields:
                continue
            if fields[name] is not None:
                fields[name] = _number(setting, fields[name])
            elif name == "seed":
                fields[name] = random_seed()
            elif setting.default is not None:
                del fields[name]
    return fields, notices


def _number(setting: Setting, value: object) -> object:
    """A number as Python has it, where it is one; what is none is left for the job to refuse."""
    if isinstance(value, bool) or setting.kind in {"choice", "text"}:
        return value
    if hasattr(value, "__index__"):
        return operator.index(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return int(number) if setting.kind != "number" and number.is_integer() else number
    return value


def _size(setting: Setting, given: object, side: int) -> tuple[Any, str | None]:
    """A size that was given as one number, as a pair, or in words as on the command line."""
    if isinstance(given, str):
        return setting.read(given, side)
    if setting.kind == "size" and isinstance(given, Sequence):
        if len(given) != 2:
            raise InputError(
                f"The size {one_line(repr(given), 60)} cannot be read: give one number, or a "
                "width and a height."
            )
        return (given[0], given[1]), None
    return given, None


def region_of(given: object) -> Region | None:
    """The region from its four numbers; raises `InputError` where it cannot be read."""
    if given is None or isinstance(given, Region):
        return given
    parts = given if isinstance(given, str) else _listed(given)
    return Region.parse(parts)


def _listed(given: object) -> str:
    if isinstance(given, Sequence) and all(hasattr(each, "__index__") for each in given):
        return ",".join(str(operator.index(each)) for each in given)
    return one_line(repr(given), 60)


def turns_of(given: Sequence[Any]) -> tuple[Turn, ...]:
    """Questions with their answers; raises `InputError` for anything else."""
    turns = []
    for each in given:
        pair = (each.question, each.answer) if isinstance(each, Turn) else each
        if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise InputError(
                f"The turn {one_line(repr(each), 60)} is not a question and its answer."
            )
        turns.append(Turn(*pair))
    return tuple(turns)


@contextlib.contextmanager
def path_of(image: object) -> Iterator[str]:
    """A path of a picture; of one in memory, for as long as this lasts.

    Args:
        image: a path, a picture of Pillow's, or an array of bytes: H×W, H×W×3 or H×W×4.

    Raises:
        InputError: it is none of these, or cannot be decoded.
        StorageError: there is no room for a temporary file.
    """
    if isinstance(image, str | os.PathLike):
        yield str(paths.absolute(Path(image) if not isinstance(image, str) else image))
        return
    picture = image if isinstance(image, Image.Image) else _from_array(image)
    try:
        picture.load()
        picture = picture if picture.mode in _MODES else picture.convert("RGB")
    except Exception as error:  # decoders raise whatever they stumble over
        raise InputError(
            "The picture is damaged or cut short: get it again, or use another one."
        ) from error
    with tempfile.TemporaryDirectory(prefix="unipic-tui-") as folder:
        path = Path(folder, "source.png")
        try:
            picture.save(path)
        except OSError as error:
            raise storage_error(error, path, "write") from error
        yield str(path)


def _from_array(array: object) -> Image.Image:
    interface = getattr(array, "__array_interface__", None)
    if interface is None:
        raise InputError(
            f"A picture is a path, a PIL picture or a numpy array, not {one_line(repr(array), 60)}."
        )
    kind, shape = interface["typestr"][1:], interface["shape"]
    if kind != "u1" or len(shape) not in {2, 3} or 0 in shape or shape[2:] not in _CHANNELS:
        sides = "×".join(str(side) for side in shape)
        raise InputError(
            f"An array of {sides} values ({getattr(array, 'dtype', kind)}) is no picture: "
            "give height×width×3 or height×width values of the type uint8."
        )
    return Image.fromarray(array)  # type: ignore[arg-type]  # it has the interface
