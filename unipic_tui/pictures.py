"""Opening picture files that nobody vouches for."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from unipic_tui.colours import to_srgb
from unipic_tui.errors import InputError, UnipicError
from unipic_tui.files import open_ordinary, shown_path
from unipic_tui.picturefiles import (
    HEAD,
    ended_jpeg,
    is_heic,
    is_picture,
    quiet_libtiff,
    read_heic,
    without_excess,
)

MAX_PIXELS = 64_000_000
"""Most pixels that are decoded: 64 megapixels."""
MAX_EDGE = 20_000
"""Longest side, in pixels, that is decoded."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
"""What is read. Left out on purpose: formats without a signature, and those that run programs."""
SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm",
    ".avif", ".heic", ".heif", ".jp2",
})  # fmt: skip
"""Endings that mean a picture, readable or not; others are seen by content (`is_picture_file`)."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_JPEG = 256 << 20

# Pillow warns on the standard error of what is refused here with a sentence, or mended.
warnings.filterwarnings("ignore", module=r"PIL\.")

_READABLE = "use a PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, AVIF or JPEG 2000 file"
_HEIC = (
    "a HEIC picture, as phones save them: install the Python package pillow-heif "
    "(pip install pillow-heif) to open it, or save it as a JPEG"
)
_WHITE = (255, 255, 255)


def is_picture_file(path: Path) -> bool:
    """Whether a file is there and begins as a picture does, whatever its name."""
    try:
        with open_ordinary(path) as file:
            return is_picture(file.read(HEAD))
    except (OSError, UnipicError):
        return False


def load_image(path: str | Path, max_side: int | None = None) -> Image.Image:
    """A picture as RGB pixels, whatever the file holds.

    It is turned upright as its EXIF says, brought to sRGB where it has another colour profile,
    laid on white where it is transparent, brought to 8 bits a channel, and of an animation the
    first frame is taken. A JPEG file may lack its end mark, as long as it lacks nothing else.

    Args:
        max_side: scale it down, if need be, so that no side is longer than this many pixels;
            of a JPEG file no more is then decoded than that takes.

    Raises:
        InputError: the file is no picture, is damaged, or is too large to decode; nothing of a
            picture with more than `MAX_PIXELS` or a side above `MAX_EDGE` is decoded.
        StorageError: the file is missing, cannot be read, or is not an ordinary file.
    """
    with open_image(path) as image:
        try:
            if max_side is not None:
                image.draft("RGB", (max_side, max_side))
            pixels = _to_rgb(_upright(_decoded(image)))
        except Exception as error:
            # Decoders raise whatever they stumble over (OSError, SyntaxError, struct.error …).
            raise InputError(
                f"The picture {shown_path(path)} is damaged or cut short: "
                "get it again, or use another one."
            ) from error
    if max_side is not None:
        pixels.thumbnail((max_side, max_side), reducing_gap=2.0)
    return pixels


@contextlib.contextmanager
def open_image(path: str | Path, *, any_size: bool = False) -> Iterator[Image.Image]:
    """A picture of which only the header is read, and found small enough to decode.

    Args:
        any_size: for whoever decodes no pixels: it may be too large for that. Files of other
            formats than PNG are refused from Pillow's own limit on, 179 megapixels.

    Raises:
        InputError, StorageError: as `load_image` does.
    """
    with open_ordinary(path) as file:
        head = file.read(HEAD)
        if not head:
            raise InputError(f"The picture {shown_path(path)} is empty: {_READABLE}.")
        heic = is_heic(head)
        if heic and not read_heic():
            raise InputError(f"{shown_path(path)} is {_HEIC}.")
        quiet_libtiff()
        file.seek(0)
        try:
            formats = (*FORMATS, "HEIF") if heic else FORMATS
            image = Image.open(without_excess(file), formats=formats)
        except Image.DecompressionBombError:
            if not any_size or not head.startswith(_PNG):
                raise _too_large(path, "more than 64 megapixels") from None
            file.seek(0)
            image = PngImagePlugin.PngImageFile(file)
        except UnidentifiedImageError:
            raise InputError(
                f"{shown_path(path)} is not a picture that can be read here: {_READABLE}."
            ) from None
        except Exception as error:
            raise InputError(f"The picture {shown_path(path)} is damaged: {_READABLE}.") from error
        width, height = image.size
        if not any_size and (width * height > MAX_PIXELS or max(width, height) > MAX_EDGE):
            raise _too_large(path, f"{width}×{height} pixels")
        with image:
            yield image


def _too_large(path: str | Path, size: str) -> InputError:
    return InputError(
        f"The picture {shown_path(path)} is too large ({size}): scale it down to at most "
        f"{MAX_PIXELS // 1_000_000} megapixels and {MAX_EDGE} pixels a side."
    )


def _decoded(image: Image.Image) -> Image.Image:
    """The picture with its pixels; raises what the decoder raises."""
    try:
        image.load()
    except OSError:
        if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.fp is None:
            raise
        image.fp.seek(0)
        whole, other = (
            Image.open(io.BytesIO(data), formats=("JPEG",))
            for data in ended_jpeg(image.fp.read(_MAX_JPEG))
        )
        if ImageChops.difference(whole, other).getbbox():
            raise
        return whole
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF says nothing about the pixels
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _deep_to_rgb(image)
    image = to_srgb(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, (*_WHITE, 255))
    return Image.alpha_composite(ground, layer).convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Greys of any depth: 16 bits, 8 bits in a wider type, or floats from 0 to 1."""
    import numpy as np  # 0.1 s that most pictures need not wait for

    values = np.asarray(image)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(finite.max(initial=0.0))
    if values.dtype.kind == "f":
        white = 1.0 if largest <= 1.0 else largest
    elif values.dtype.itemsize == 2:
        white = 65535.0
    else:
        white = 255.0 if largest <= 255 else max(65535.0, largest)
    grey = np.clip(finite * (255.0 / white) + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def join_grid(images: list[Image.Image], side: int) -> Image.Image:
    """Equally large pictures as one, row by row, ``side`` in each."""
    width, height = images[0].size
    whole = Image.new("RGB", (width * side, height * side))
    for index, image in enumerate(images):
        whole.paste(image, (index % side * width, index // side * height))
    return whole
