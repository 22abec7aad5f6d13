"""Commands: each is declared on the function that does it.

The keys, the palette, the hints and the help screen all come from these declarations, and the
settings file can give a command other keys by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, TypeVar

from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.keys import _character_to_key, format_key

# fmt: off
Place = Literal[
    "app", "main", "browser", "gallery", "history", "search",
    "region", "viewer", "close-up", "queue", "sheet",
]
# fmt: on
"""Where a key acts: ``main`` is the main screen, ``browser`` its history and pictures, where no
text is typed."""
Need = Literal["", "picture", "job"]
"""What must be there for a hint to make sense: a chosen picture, a job that runs or waits."""

_WITHIN: dict[Place, Place] = {
    "main": "app",
    "browser": "main",
    "gallery": "browser",
    "history": "browser",
    "search": "main",
    "region": "browser",
    "viewer": "app",
    "close-up": "viewer",
    "queue": "app",
    "sheet": "app",
}
_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the app can do.

    Attributes:
        id: what the settings file calls it.
        keys: Textual's names of the keys, joined by commas; empty for the palette alone.
        title: a few words, as they stand in the palette.
        help: one sentence.
        group: heading on the help screen.
        place: where its keys act.
        hint: one or two words for a line of keys; empty to leave it out.
        rank: where the hint stands in a line of keys, the smallest first; the last are left out
            where there is little room.
        needs: what must be there for the hint.
        yields: whether what has the focus may use its keys first.
        method: name of the function that does it.
        args: what the function is called with.
    """

    id: str
    keys: str
    title: str
    help: str
    group: str
    place: Place
    hint: str
    rank: int
    needs: Need
    yields: bool
    method: str
    args: tuple[Any, ...]

    @property
    def action(self) -> str:
        """What Textual runs for its keys; what is no widget's action is the main screen's."""
        if not self.method.startswith("action_"):
            return f"screen.command('{self.id}')"
        return f"{self.method.removeprefix('action_')}({', '.join(map(repr, self.args))})"


@dataclass(frozen=True, slots=True)
class Group:
    """Commands under one heading of the help screen, which act in the same place."""

    heading: str
    place: Place
    needs: Need = ""

    def command(
        self,
        identifier: str,
        keys: str,
        title: str,
        *,
        args: tuple[Any, ...] = (),
        place: Place | None = None,
        hint: str = "",
        rank: int = 5,
        needs: Need | None = None,
        yields: bool = False,
    ) -> Callable[[_F], _F]:
        """Declare that a function does a command, whose help its docstring's first line is.

        A function may do several commands. For the arguments see `Command`.
        """

        def declare(function: _F) -> _F:
            sentence = (function.__doc__ or "").partition("\n")[0]
            entry = Command(
                *(identifier, keys, title, sentence, self.heading, place or self.place),
                *(
                    hint,
                    rank,
                    self.needs if needs is None else needs,
                    yields,
                    function.__name__,
                    args,
                ),
            )
            # The one that stands last is called first.
            function.__dict__.setdefault("commands", []).insert(0, entry)
            return function

        return declare


RUN = Group("Prompt and running", "main")
PICTURE = Group("The chosen picture", "browser", needs="picture")
QUEUE = Group("Queue", "main")
FILES = Group("Sessions and files", "main")
SCREEN = Group("Screen", "main")
PROGRAM = Group("Program", "main")
GALLERY = Group("In the gallery", "gallery")
HISTORY = Group("In the history", "history")
SEARCH = Group("In the search field", "search")
REGION = Group("While a region is chosen", "region")
VIEWER = Group("In the viewer", "viewer")
CLOSE_UP = Group("In a close-up of the viewer", "close-up")
QUEUE_LIST = Group("In the list of the queue", "queue", needs="job")
SHEET = Group("On a contact sheet", "sheet")
_GROUPS: tuple[Group, ...] = (RUN, PICTURE, QUEUE, FILES, SCREEN, PROGRAM)
_GROUPS += (GALLERY, HISTORY, SEARCH, REGION, VIEWER, CLOSE_UP, QUEUE_LIST, SHEET)
_HEADINGS = [group.heading for group in _GROUPS]


def declared(*owners: type) -> list[Command]:
    """The commands that classes declare, group by group."""
    found = [entry for owner in owners for entry in _declared(vars(owner))]
    return sorted(found, key=lambda entry: _HEADINGS.index(entry.group))


def _declared(namespace: Mapping[str, object]) -> Iterator[Command]:
    for member in list(namespace.values()):
        yield from getattr(member, "commands", ()) if callable(member) else ()


def key_bindings(namespace: Mapping[str, object], place: Place | None = None) -> list[BindingType]:
    """The keys of the commands declared so far in a class body, whose ``vars()`` this takes.

    Args:
        place: only of those that act there.
    """
    return bindings(entry for entry in _declared(namespace) if place in {None, entry.place})


def bindings(entries: Iterable[Command]) -> list[BindingType]:
    """The keys of commands, as Textual wants them; remapping goes by the commands' ids."""
    return [
        Binding(
            entry.keys,
            entry.action,
            entry.hint or entry.title,
            show=bool(entry.hint),
            key_display=shown_key(entry.keys.split(",")[0]),
            id=entry.id,
            # Before what the same key does in Textual's editors, where people may have put it.
            priority=entry.place in {"app", "main"} and not entry.yields,
        )
        for entry in entries
        if entry.keys
    ]


# Keys


def chosen_keys(node: DOMNode) -> Mapping[str, str]:
    """The keys that the settings file gives to commands, by command id."""
    return node.app._keymap


def keys_of(entry: Command, keymap: Mapping[str, str]) -> list[str]:
    """The keys that run a command, remapped ones included, most important first."""
    return _names(keymap.get(entry.id, entry.keys))


def _names(keys: str) -> list[str]:
    """Textual's names of keys, of which some may be given as the character they type."""
    found = (key.strip() for key in keys.split(","))
    return [_character_to_key(key) if len(key) == 1 else key for key in found if key]


def shown_key(key: str) -> str:
    """A key as people write it: ``ctrl+r`` is Ctrl+R, ``full_stop`` is a dot."""
    *modifiers, last = key.split("+")
    name = _SHOWN.get(last) or (last if len(last) == 1 else format_key(last))
    if modifiers and len(name) == 1:
        name = name.upper()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


_ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
_SHOWN = {
    "escape": "Esc",
    "enter": "Enter",
    "delete": "Del",
    "full_stop": ".",
    "slash": "/",
    "question_mark": "?",
    "space": "Space",
    "tab": "Tab",
} | {f"f{number}": f"F{number}" for number in range(1, 25)}
_SHOWN |= _ARROWS


@dataclass(frozen=True, slots=True)
class Hint:
    """Keys and what they do, for a line of keys; a click on it runs the action."""

    keys: str
    words: str
    action: str


def hints(entries: Iterable[Command], keymap: Mapping[str, str]) -> list[Hint]:
    """What keys do, the most important first; keys of the same hint stand together."""
    same: dict[str, list[Command]] = {}
    for entry in sorted(entries, key=lambda entry: entry.rank):
        if entry.hint and keys_of(entry, keymap):
            same.setdefault(entry.hint, []).append(entry)
    return [
        Hint(
            _joined([shown_key(keys_of(each, keymap)[0]) for each in found]), hint, found[-1].action
        )
        for hint, found in same.items()
    ]


def _joined(keys: list[str]) -> str:
    """Arrow keys with the same modifiers are written together."""
    if len(keys) == 1:
        return keys[0]
    starts = {key[:-1] for key in keys}
    ends = [key[-1] for key in keys]
    if len(starts) > 1 or not set(ends) <= set(_ARROWS.values()):
        return "/".join(keys)
    return starts.pop() + ("arrows" if len(ends) == len(_ARROWS) else "".join(ends))


def remapping(
    keys: Mapping[str, str], commands: Iterable[Command]
) -> tuple[dict[str, str], list[str]]:
    """What the settings file's keys come to.

    Args:
        keys: for command ids, the keys a person wants.
        commands: all there are.

    Returns:
        The usable part, as a keymap for Textual, and a sentence for each thing that is wrong:
        an unknown id, or a key given to two commands that act in the same place.
    """
    entries = list(commands)
    known = {entry.id for entry in entries}
    keymap = {name: value for name, value in keys.items() if name in known}
    complaints = [
        f"The settings file gives a key to {name!r}, which is no command: "
        "the help screen (F1) lists their ids."
        for name in keys
        if name not in known
    ]
    owners: dict[str, list[Command]] = {}
    for entry in entries:
        for key in keys_of(entry, keymap):
            owners.setdefault(key, []).append(entry)
    for key, rivals in owners.items():
        complaints += [
            f"The key {shown_key(key)} is given to both {one.id!r} and {other.id!r}: "
            "change one of them in the settings file."
            for one, other in combinations(rivals, 2)
            if _clash(one, other)
            # An inner place may have a key of its own for what an outer one does as well.
            and not all(key in keys_of(entry, {}) for entry in (one, other))
        ]
    return keymap, complaints


def _clash(one: Command, other: Command) -> bool:
    return one.place in _around(other.place) or other.place in _around(one.place)


def _around(place: Place) -> list[Place]:
    """A place and those it lies in."""
    outer = _WITHIN.get(place)
    return [place, *(_around(outer) if outer else ())]
