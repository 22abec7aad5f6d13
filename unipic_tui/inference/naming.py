"""What a prompt or a description names: things, how many, how they lie, and the background.

A rough reading of plain English that serves to ask questions about a picture; what it does not
understand it leaves out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)


def _set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOURS = _set_of(
    """red orange yellow green blue purple pink brown black white grey gray violet cyan magenta
    turquoise teal gold golden silver beige"""
)
# Words of a relation as prompts have them, longest first, and as questions put it.
RELATIONS = {
    "to the left of": "left of",
    "to the right of": "right of",
    "on the left of": "left of",
    "on the right of": "right of",
    "on top of": "above",
    "left of": "left of",
    "right of": "right of",
    "above": "above",
    "over": "above",
    "below": "below",
    "under": "below",
    "beneath": "below",
    "underneath": "below",
}

_FRAMES = _set_of("photo photograph picture image drawing painting illustration render")
_ARTICLES = _set_of("a an the")
_HEDGES = _set_of("exactly single about only just")
_ENDS = _set_of(
    """and or with of on in at to by from near next beside behind is are there that which who
    against into show me draw while inside outside between around across through during for as its
    his her their top bottom left right"""
)
_COLLECTIVES = _set_of("object objects shape shapes thing things item items")
_BACKGROUNDS = _set_of("background backdrop ground")
# A relation counts as one word.
_WORD = re.compile(
    "|".join(rf"\b{phrase}\b" for phrase in RELATIONS) + r"|[^\W_]+(?:['’-][^\W_]+)*|[,.;:!?]"
)


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing that a text names.

    Attributes:
        count: how many.
        words: what it is called, in the singular, the noun last.
    """

    count: int
    words: tuple[str, ...]

    @property
    def noun(self) -> str:
        """The last of its words."""
        return self.words[-1]


@dataclass(frozen=True, slots=True)
class Named:
    """All that a text names.

    Attributes:
        things: in their order.
        relation: how the first thing lies to the second, as questions put it; "" if not said.
        background: the background's colour; "" if not said.
    """

    things: tuple[Thing, ...] = ()
    relation: str = ""
    background: str = ""


def read_names(text: str) -> Named:
    """What a text names; empty where nothing is understood."""
    words = _WORD.findall(" ".join(text.lower().split()))
    things: list[Thing] = []
    background = ""
    between: list[str] = []
    for count, phrase, before in _phrases(words):
        if (phrase[-1] in _FRAMES and not things) or phrase[-1] in _COLLECTIVES:
            continue
        if phrase[-1] in _BACKGROUNDS:
            background = next((word for word in phrase if word in COLOURS), background)
            continue
        if _is_bare_ground(count, phrase, before):
            background = phrase[0]
            continue
        if len(things) == 1:
            between = before
        noun = _singular(phrase[-1]) if count > 1 else phrase[-1]
        things.append(Thing(max(count, 1), (*phrase[:-1], noun)))
    relation = _relation(between) if len(things) == 2 else ""
    return Named(tuple(things), relation, background)


def _phrases(words: list[str]) -> list[tuple[int, list[str], list[str]]]:
    """Runs of words that name something: how many (0 if not said), the words, those before."""
    found: list[tuple[int, list[str], list[str]]] = []
    before: list[str] = []
    count, phrase = 0, list[str]()

    def close() -> None:
        nonlocal count, phrase, before
        if phrase:
            found.append((count, phrase, before))
            before = []
        count, phrase = 0, []

    for word in words:
        number = _number(word)
        if number is not None or word in _ARTICLES or word in _HEDGES:
            close()
            count = number if number is not None else count
            before.append(word)
        elif word in _ENDS or word in RELATIONS or not word[0].isalnum():
            close()
            before.append(word)
        else:
            phrase.append(word)
    close()
    return found


def _is_bare_ground(count: int, phrase: list[str], before: list[str]) -> bool:
    """Whether it is "on black": a background without the word."""
    return count == 0 and len(phrase) == 1 and phrase[0] in COLOURS and before[-1:] == ["on"]


def _relation(words: list[str]) -> str:
    return next((RELATIONS[word] for word in words if word in RELATIONS), "")


def _number(word: str) -> int | None:
    if word.isdecimal() and len(word) < 3:
        return int(word)
    return NUMBERS.index(word) if word in NUMBERS else None


def _singular(noun: str) -> str:
    if noun.endswith(("sses", "shes", "ches", "xes")):
        return noun[:-2]
    if noun.endswith("ies") and len(noun) > 4:
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def plural(noun: str) -> str:
    """The plural of a noun."""
    if noun.endswith(("s", "sh", "ch", "x", "z")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"{'an' if phrase[:1] in 'aeiou' else 'a'} {phrase}"
