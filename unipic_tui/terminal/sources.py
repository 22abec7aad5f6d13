"""Where a shown picture comes from; what touches the disk runs in the renderer's thread."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import ClassVar, Protocol

from PIL import Image, ImageChops

from unipic_tui.errors import StorageError
from unipic_tui.files import shown_path
from unipic_tui.pictures import load_image

MAX_SIDE = 4096
"""Longest side, in pixels, that a picture is decoded to for showing."""

_serials = count()


class PictureSource(Protocol):
    """A picture that can be shown.

    Attributes:
        lasting: whether the same picture may be shown again, so that work on it is worth keeping.
    """

    lasting: ClassVar[bool]

    def identity(self) -> Hashable:
        """Differs whenever the pixels may differ. Raises `UnipicError`."""

    def load(self) -> Image.Image:
        """The pixels, RGB. Raises `UnipicError`."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A picture file; when it is rewritten, it counts as another picture."""

    lasting: ClassVar[bool] = True

    path: Path

    def identity(self) -> Hashable:
        """The path with the file's size and time of change."""
        try:
            status = self.path.stat()
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
            raise StorageError(
                f"The picture {shown_path(self.path)} cannot be read"
                f"{f': {reason.lower()}' if reason else ''}. Was it moved or deleted?"
            ) from None
        return (str(self.path), status.st_mtime_ns, status.st_size)

    def load(self) -> Image.Image:
        """The file's pixels."""
        return load_image(self.path, MAX_SIDE)


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A picture in memory, such as a preview."""

    lasting: ClassVar[bool] = False

    image: Image.Image
    serial: int = field(default_factory=lambda: next(_serials))

    def identity(self) -> Hashable:
        """The number it was given when it came."""
        return self.serial

    def load(self) -> Image.Image:
        """The picture itself, as RGB."""
        return self.image if self.image.mode == "RGB" else self.image.convert("RGB")


@dataclass(frozen=True, slots=True)
class DifferenceSource:
    """How two pictures differ, amplified: black where they agree.

    The second is scaled to the size of the first.
    """

    lasting: ClassVar[bool] = True

    first: FileSource
    second: FileSource
    gain: float = 4.0

    def identity(self) -> Hashable:
        """Both identities and the gain."""
        return (self.first.identity(), self.second.identity(), self.gain)

    def load(self) -> Image.Image:
        """The amplified difference, each channel by itself, cut off at white."""
        first, second = self.first.load(), self.second.load()
        if second.size != first.size:
            second = second.resize(first.size, Image.Resampling.LANCZOS)
        gain = self.gain
        return ImageChops.difference(first, second).point(lambda value: min(255, value * gain))
