"""Picture files: to bytes with the job inside, and back without trusting them."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from unipic_tui.errors import InputError, StorageError
from unipic_tui.files import read_bytes, shown_path
from unipic_tui.jobs import GenerateJob, Job, job_from_dict, job_to_dict

MAX_PIXELS = 100_000_000
"""Most pixels of a picture that is opened (10,000 × 10,000)."""
MAX_SIDE = 20_000
MAX_BYTES = 512 << 20
"""Largest file that is opened as a picture."""


def encode(image: Image.Image, job: Job, model: str, seconds: float) -> bytes:
    """The picture as a PNG file that holds its job."""
    info = PngInfo()
    info.add_itxt(
        "unipic", json.dumps({"job": job_to_dict(job), "model": model, "seconds": seconds})
    )
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def content_hash(image: Image.Image) -> str:
    """A hash of what the picture shows, the same for every file that shows exactly that."""
    if image.mode not in {"RGB", "RGBA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    head = f"{image.mode} {image.width} {image.height} ".encode()
    return hashlib.blake2b(head + image.tobytes(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture from a file.

    Attributes:
        data: a whole PNG file that shows it.
        image: RGB or RGBA.
        job: how it was made, as far as the file says.
        model: name of the model, empty where it is not known.
        origin: what wrote the file.
        note: what the file says besides.
    """

    data: bytes
    image: Image.Image
    job: Job
    model: str
    origin: str
    note: str = ""


def load_image(data: bytes, path: Path) -> Image.Image:
    """The image in a file's bytes, completely decoded.

    Raises:
        StorageError: it is no picture, damaged, or has more pixels than `MAX_PIXELS`.
    """
    name = shown_path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if max(image.size) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
                raise StorageError(
                    f"The picture {name} is {image.width} × {image.height} pixels: at most "
                    f"{MAX_SIDE} a side and {MAX_PIXELS:,} in all are opened."
                )
            image.load()
            return image
    except StorageError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise StorageError(f"{name} is no picture that can be opened: {error}.") from error
    except (OSError, SyntaxError, ValueError, MemoryError, EOFError) as error:
        raise StorageError(f"The picture {name} is damaged or cut short.") from error


def open_picture(path: Path) -> Opened:
    """A picture file from anywhere, with what it says about how it was made.

    Raises:
        StorageError: the file cannot be read, is no picture, is damaged or too large.
    """
    data = read_bytes(path, MAX_BYTES)
    image = load_image(data, path)
    job: Job = GenerateJob(prompt=path.stem.strip() or "picture")
    text: Mapping[str, Any] = getattr(image, "text", {})
    origin, model = "imported", ""
    try:
        own = json.loads(text["unipic"])
        job, model, origin = job_from_dict(own["job"]), str(own["model"]), ""
    except (KeyError, ValueError, TypeError, InputError):
        pass
    if image.format != "PNG":
        image = ImageOps.exif_transpose(image)
        buffer = io.BytesIO()
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.save(buffer, "PNG")
        data = buffer.getvalue()
    return Opened(data, image, job, model, origin)
