"""What a saved picture says of itself: the job that makes it again.

A PNG carries two texts: ``parameters``, which other image tools read, and ``unipic``, the whole job
as JSON. JPEG and WebP carry the same in their EXIF (the user comment, and the description).
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Literal

from PIL import ExifTags, Image, PngImagePlugin

from unipic_tui import __version__
from unipic_tui.errors import InputError
from unipic_tui.job_json import job_from_dict, job_to_dict
from unipic_tui.jobs import DrawingJob
from unipic_tui.parameters import describe_job, format_parameters
from unipic_tui.text import REPLACEMENT, one_line

Format = Literal["PNG", "JPEG", "WEBP"]

RECORD_LIMIT = 1_000_000
"""Most characters of a record that are looked at."""

_EXIF_BYTES = 65_000
"""What JPEG has room for, less what the EXIF structure itself takes."""

_UTF16 = b"UNICODE\0"
_LAST_GRID = 8


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """What a picture carries, read as if from a stranger.

    Attributes:
        job: the job that makes the picture again; ``None`` where it carries none that is usable.
        model: name of the checkpoint that drew it, "" where it is not told.
        version: version of the program that wrote it, "" where it is not told.
        grid: pictures along each side of a grid; 1 for a single picture.
        problem: a sentence on why there is no job although there should be one, or "".
    """

    job: DrawingJob | None = None
    model: str = ""
    version: str = ""
    grid: int = 1
    problem: str = ""


def encode_picture(
    image: Image.Image,
    job: DrawingJob,
    model: str,
    kind: Format = "PNG",
    *,
    embed: bool = True,
    grid: int = 1,
) -> bytes:
    """The bytes of a picture file.

    Args:
        image: RGB.
        job: the job, every field filled in, that makes this very picture.
        model: name of the checkpoint.
        kind: the file format.
        embed: whether the job goes into the file; without it the file says nothing of its making.
        grid: pictures along each side, where the image is a grid of several.
    """
    buffer = io.BytesIO()
    options: dict[str, Any] = {"PNG": {}, "JPEG": {"quality": 95}, "WEBP": {"quality": 95}}[kind]
    if embed:
        parameters = format_parameters(describe_job(job, model, image.size))
        parameters = parameters.replace("\0", REPLACEMENT)
        record = _record(job, model, grid)
        if kind == "PNG":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text("parameters", parameters)
            chunks.add_text("unipic", record)
            options["pnginfo"] = chunks
        else:
            options["exif"] = _exif(parameters, record)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _record(job: DrawingJob, model: str, grid: int) -> str:
    record: dict[str, Any] = {"version": __version__, "model": model, "job": job_to_dict(job)}
    if grid > 1:
        record["grid"] = grid
    return json.dumps(record)


def _exif(parameters: str, record: str) -> Image.Exif:
    """The texts as EXIF; one that would not fit beside the other, or at all, is left out."""
    exif = Image.Exif()
    room = _EXIF_BYTES
    if len(record) <= room:
        exif[ExifTags.Base.ImageDescription] = record
        room -= len(record)
    comment = _UTF16 + parameters.encode("utf-16-be")
    if len(comment) <= room:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif


def parse_record(text: str) -> PictureMetadata:
    """What our own record in a picture says.

    Raises:
        InputError: it is no such record, or holds no job that can be drawn.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("The job saved in the picture is not readable JSON.") from None
    if not isinstance(record, dict) or not isinstance(record.get("job"), dict):
        raise InputError("The picture's metadata holds no job.")
    job = job_from_dict(record["job"])
    if not isinstance(job, DrawingJob):
        raise InputError("The job saved in the picture draws nothing.")
    grid = record.get("grid", 1)
    if isinstance(grid, bool) or not isinstance(grid, int):
        raise InputError("The grid saved in the picture is not a number.")
    if not 1 <= grid <= _LAST_GRID or (grid > 1 and grid * grid != job.count):
        raise InputError("The grid saved in the picture does not fit its job.")
    return PictureMetadata(
        job=job,
        model=one_line(str(record.get("model", "")), 200),
        version=one_line(str(record.get("version", "")), 40),
        grid=grid,
    )
