"""What jobs hold besides settings: regions, turns of a conversation, and their kinds' wording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from unipic_tui.errors import InputError


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of image tokens: left column, top row, columns, rows."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise InputError(
                f"The region {self} must start at 0 or later and hold at least one token: "
                "give it as x,y,width,height in tokens of 16 pixels."
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``x,y,width,height`` (in tokens); raises `InputError` for anything else."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise InputError(
                f"The region {text!r} is not four whole numbers: "
                "give it as x,y,width,height in tokens of 16 pixels."
            ) from None
        return cls(x, y, width, height)


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange about an image."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How people read of a kind of job.

    Attributes:
        title: of its mode in the app.
        doing: while it runs.
        done: of its result.
        glyph: one character.
        summary: what its command does.
        aliases: further names of the command.
        example: how its command is used.
        hint: what its prompt says.
        purpose: completes "what to …".
    """

    title: str
    doing: str
    done: str
    glyph: str
    summary: str
    aliases: tuple[str, ...]
    example: str
    hint: str
    purpose: str
