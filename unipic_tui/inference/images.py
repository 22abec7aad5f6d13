"""Pictures on their way into the model and out of it: squared, sized."""

from __future__ import annotations

from PIL import Image

Colour = tuple[int, int, int]

GREY: Colour = (127, 127, 127)


def expand_to_square(image: Image.Image, fill: Colour = GREY) -> Image.Image:
    """The whole RGB picture in the middle of a square, the rest filled with one colour."""
    width, height = image.size
    if width == height:
        return image
    side = max(width, height)
    square = Image.new("RGB", (side, side), fill)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def center_square(image: Image.Image) -> Image.Image:
    """The largest square in the middle of the picture."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture at the size in pixels at which the model reads it.

    Bicubic, which is what the published scripts use: other filters change the model's answers.
    """
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def at_output_size(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A drawn picture at the size in which it is handed out, in pixels."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
