"""The English of the world: every phrase a prompt, an instruction or an answer is made of."""

import re
from collections.abc import Sequence

import numpy as np

from unipic_tui.nano.world.scene import COLOURS, GROUNDS, KINDS, choose

NUMBERS = ("zero", "one", "two", "three", "four")
RELATIONS = ("left of", "right of", "above", "below")
DIRECTIONS = ("left", "right", "up", "down")
QUADRANTS = ("top left", "top right", "bottom left", "bottom right")

# In every tuple the first wording is the canonical one, which `worded` prefers.
FRAMES_ONE = (
    "{thing}", "a photo of {thing}", "a picture of {thing}", "an image of {thing}", "draw {thing}",
    "show me {thing}", "there is {thing}",
)  # fmt: skip
FRAMES_MANY = (*FRAMES_ONE[:-1], "there are {thing}")
ONE_OBJECT = ("{a}", "one {bare}", "a single {bare}")
TWO_OBJECTS = ("{a} and {b}", "one {bare} and one {other}", "{a} with {b}", "{a}, {b}")
MANY_OBJECTS = ("{number} {things}", "{digit} {things}", "exactly {number} {things}")
RELATED = {
    "left of": ("{a} left of {b}", "{a} to the left of {b}", "{a} on the left of {b}"),
    "right of": ("{a} right of {b}", "{a} to the right of {b}", "{a} on the right of {b}"),
    "above": ("{a} above {b}", "{a} over {b}"),
    "below": ("{a} below {b}", "{a} under {b}", "{a} beneath {b}"),
}
ON_GROUND = (
    "on a {ground} background", "on {ground}", "with a {ground} background",
    "against a {ground} background",
)  # fmt: skip

RECOLOUR = (
    "make the {name} {colour}", "change the {name} to {colour}", "turn the {name} {colour}",
    "paint the {name} {colour}", "change the colour of the {name} to {colour}",
)  # fmt: skip
REPLACE = (
    "turn the {name} into {a}", "replace the {name} with {a}", "change the {name} into {a}",
    "make the {name} {a}",
)  # fmt: skip
REMOVE = ("remove the {name}", "delete the {name}", "take away the {name}", "erase the {name}")
ADD = ("add {a}", "put {a} in the image", "also draw {a}")
ADD_RELATED = {
    relation: tuple(f"{verb} {phrase}" for verb in ("add", "put") for phrase in phrases)
    for relation, phrases in RELATED.items()
}
MOVE_SIDE = ("move the {name} to the {direction}", "move the {name} {direction}")
MOVE_UPRIGHT = ("move the {name} {direction}", "shift the {name} {direction}")
BACKGROUND = (
    "make the background {ground}", "change the background to {ground}",
    "set the background to {ground}", "turn the background {ground}", "use a {ground} background",
)  # fmt: skip

DESCRIBE = (
    "Describe the image in detail.", "Describe the image.", "Describe this image.",
    "Describe the picture in detail.", "What is in the image?", "What do you see?",
)  # fmt: skip
HOW_MANY = ("How many {things}?", "How many {things} are there?", "How many {things} do you see?")
WHAT_COLOUR = ("What colour is the {name}?", "What is the colour of the {name}?")
WHAT_SHAPE = ("What shape is {colour}?", "What shape is the {colour} object?")
IS_THERE = ("Is there {a}?", "Do you see {a}?")
IS_RELATED = {
    "left of": ("Is the {name} left of the {other}?", "Is the {name} to the left of the {other}?"),
    "right of": (
        "Is the {name} right of the {other}?",
        "Is the {name} to the right of the {other}?",
    ),
    "above": ("Is the {name} above the {other}?",),
    "below": ("Is the {name} below the {other}?", "Is the {name} under the {other}?"),
}

DESCRIPTIONS = (
    "no objects on a {ground} background.",
    "one {bare} on a {ground} background.",
    "{number} {things} on a {ground} background.",
    "{number} objects: {a} {relation} {b}, on a {ground} background.",
    "{number} objects: {list}, on a {ground} background.",
)


def words(text: str) -> list[str]:
    """The words and numerals of a text, in lower case, in order; ``{placeholders}`` left out."""
    return re.findall(r"[a-z0-9]+", re.sub(r"\{\w+\}", " ", text).lower())


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def plural(kind: str) -> str:
    """The plural of a kind (or of "object")."""
    return kind + ("es" if kind.endswith("s") else "s")


def worded(rng: np.random.Generator, wordings: Sequence[str], canonical: float = 0.7) -> str:
    """The first wording with probability ``canonical``, otherwise any of the others."""
    if len(wordings) == 1 or rng.random() < canonical:
        return wordings[0]
    return choose(rng, wordings[1:])


def as_sentence(rng: np.random.Generator, text: str, share: float = 0.05) -> str:
    """The text, now and then with a capital, a full stop or American spelling, as people write."""
    text = _american(rng, text)
    if rng.random() >= share:
        return text
    return text[0].upper() + text[1:] + choose(rng, ("", "."))


def as_typed(rng: np.random.Generator, question: str, share: float = 0.1) -> str:
    """The question, now and then without its capital and its mark, or in American spelling."""
    question = _american(rng, question)
    if rng.random() >= share:
        return question
    return question[0].lower() + question[1:-1]


def _american(rng: np.random.Generator, text: str, share: float = 0.15) -> str:
    if rng.random() >= share:
        return text
    return text.replace("grey", "gray").replace("colour", "color")


def _vocabulary() -> tuple[str, ...]:
    texts: list[str] = ["a", "an", "yes", "no", "object", "objects", "gray", "color"]
    texts += [*KINDS, *map(plural, KINDS), *COLOURS, *GROUNDS, *NUMBERS, "2", "3", "4"]
    texts += [*DIRECTIONS, *QUADRANTS]
    for wordings in (
        *(FRAMES_ONE, FRAMES_MANY, ONE_OBJECT, TWO_OBJECTS, MANY_OBJECTS, ON_GROUND),
        *(RECOLOUR, REPLACE, REMOVE, ADD, MOVE_SIDE, MOVE_UPRIGHT, BACKGROUND),
        *(DESCRIBE, HOW_MANY, WHAT_COLOUR, WHAT_SHAPE, IS_THERE, DESCRIPTIONS),
        *(*RELATED.values(), *ADD_RELATED.values(), *IS_RELATED.values()),
    ):
        texts += wordings
    return tuple(sorted({word for text in texts for word in words(text)}))


VOCABULARY = _vocabulary()
"""Every word and numeral that occurs in a prompt, an instruction, a question or an answer."""
