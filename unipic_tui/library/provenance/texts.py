"""The texts of a file, before anything is made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class EmbeddedText:
    """One text of a file.

    Attributes:
        key: the name it has there: a PNG keyword, an EXIF tag, an XMP property, ``comment``.
        text: what it says.
    """

    key: str
    text: str


class Texts:
    """All texts of a file in their order there.

    Args:
        items: the texts.
    """

    def __init__(self, items: list[EmbeddedText]) -> None:
        self.items = [_unwrapped(item) for item in items if item.text.strip()]

    def get(self, key: str) -> str | None:
        """The first text under a key; ``None`` where there is none."""
        return next((item.text for item in self.items if item.key == key), None)

    @cached_property
    def objects(self) -> list[tuple[EmbeddedText, dict[str, Any]]]:
        """The texts that are JSON objects, and what they hold."""
        found = []
        for item in self.items:
            data = json_object(item.text)
            if data is not None:
                found.append((item, data))
        return found


def json_object(text: object) -> dict[str, Any] | None:
    """What a text holds that is a JSON object (``NaN`` is let pass); ``None`` for others."""
    if not isinstance(text, str) or not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        data = json.loads(text.strip("\ufeff\0 \t\r\n"), strict=False)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _unwrapped(item: EmbeddedText) -> EmbeddedText:
    """ComfyUI's nodes put ``prompt:{…}`` and ``workflow:{…}`` into any EXIF tag."""
    name, colon, rest = item.text[:20].partition(":")
    if colon and name.strip().lower() in {"prompt", "workflow"} and rest.lstrip().startswith("{"):
        return EmbeddedText(name.strip().lower(), item.text.partition(":")[2].strip())
    return item
