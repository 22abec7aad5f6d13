"""Colours of a picture with an ICC profile, brought to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

PROFILE_LIMIT = 4 << 20
"""Most bytes of a profile that is looked at; those of printing presses have 2 MB."""

_UNSEEN = 2
"""Largest difference of a channel, of 255, that a profile may make and still be called sRGB."""
_MODES = {"RGB": "RGB", "RGBA": "RGB", "L": "L", "LA": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB: RGB or RGBA where its profile was applied, as it is otherwise.

    A profile that is broken, too large, meant for other pixels, or sRGB's own is left alone.

    Args:
        image: 8 bits a channel.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= PROFILE_LIMIT:
        return image
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    mode = _MODES.get(image.mode)
    transform = _transform(profile, mode) if mode else None
    if transform is None:
        return image
    from PIL import ImageCms

    alpha = image.getchannel("A") if image.mode in {"RGBA", "LA"} else None
    converted = ImageCms.applyTransform(image.convert(mode), transform)
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    elif "transparency" in image.info:
        return image  # a colour that means transparent would no longer be found
    return converted


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from a profile to sRGB; ``None`` where there is none, or nothing to do."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "RGB" and _changes_nothing(transform):
            return None
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    return transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    from PIL import ImageCms

    steps = (0, 64, 128, 192, 255)
    colours = [(r, g, b) for r in steps for g in steps for b in steps]
    image = Image.new("RGB", (len(colours), 1))
    image.putdata(colours)
    applied = ImageCms.applyTransform(image, transform)
    return applied is not None and all(
        abs(before - after) <= _UNSEEN
        for before, after in zip(image.tobytes(), applied.tobytes(), strict=True)
    )
