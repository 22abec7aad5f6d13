"""Everything the app can do, in one table: it makes the keys, the palette and the help screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.keys import format_key

Scope = Literal["program", "anywhere", "pictures"]
"""Where a key acts: on every screen, on the main one, or there only while no text is typed."""
Need = Literal["nothing", "picture", "answer", "job", "prompt"]
"""What must be there for a command to make sense."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the app can do.

    Attributes:
        id: what the settings file calls it.
        keys: Textual's names of the keys, joined by commas; empty for the palette alone.
        title: a few words, as they stand in the palette.
        help: one sentence.
        group: heading on the help screen.
        scope: where its keys act.
        need: what must be there.
        hint: one or two words for the line of keys at the bottom; empty to leave it out.
    """

    id: str
    keys: str
    title: str
    help: str
    group: str
    scope: Scope = "anywhere"
    need: Need = "nothing"
    hint: str = ""


_RUN, _PICTURE, _QUEUE = "Prompt and running", "The chosen picture", "Queue"
_LIBRARY, _VIEW, _APP = "Sessions and files", "Screen", "Program"

# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command("run", "ctrl+r,ctrl+j,ctrl+enter", "Run",
            "Draw, change or describe, as the prompt says.", _RUN, hint="Run"),
    Command("cancel", "escape,ctrl+c", "Cancel the running job",
            "Stop what is being drawn or said; what waits behind it goes on.", _RUN, need="job",
            hint="Cancel"),
    Command("mode", "f2", "Draw, edit or describe",
            "Switch to the next of the three modes.", _RUN, hint="Mode"),
    Command("mode.draw", "", "Draw from a prompt", "Make pictures from words.", _RUN),
    Command("mode.edit", "", "Edit the chosen picture",
            "Change the chosen picture as the prompt says.", _RUN),
    Command("mode.describe", "", "Ask about the chosen picture",
            "Describe the chosen picture, or answer a question about it.", _RUN),
    Command("prompt.previous", "alt+up", "Previous prompt",
            "Bring back an earlier prompt of any session.", _RUN),
    Command("prompt.next", "alt+down", "Next prompt",
            "Go forward again in the prompts brought back.", _RUN),
    Command("prompt.clear", "ctrl+l", "Clear the prompt",
            "Empty the prompt, and forget a chosen region.", _RUN),
    Command("settings.more", "f4", "More settings",
            "Show or hide the settings that are used less often.", _RUN, hint="Settings"),
    Command("settings.seed", "ctrl+g", "Lock or free the seed",
            "Keep the chosen picture's seed for what is drawn next, or draw new ones.", _RUN),
    Command("settings.reset", "", "Reset the settings",
            "Empty all fields, so that the checkpoint's own values count.", _RUN),

    Command("picture.view", "enter", "View full screen",
            "Look at the picture alone: zoom, compare, flip, difference.", _PICTURE, "pictures",
            "picture", "View"),
    Command("picture.edit", "e", "Edit this picture",
            "Take the picture as the source of an edit and go to the prompt.", _PICTURE,
            "pictures", "picture", "Edit"),
    Command("picture.describe", "d", "Describe this picture",
            "Ask about the picture; an empty prompt has it described.", _PICTURE, "pictures",
            "picture", "Describe"),
    Command("picture.region", "g", "Draw a region anew",
            "Select a rectangle of the picture; all outside it stays as it is.", _PICTURE,
            "pictures", "picture", "Region"),
    Command("picture.variations", "v", "Draw variations",
            "Four more with the same prompt and settings and the seeds that follow.", _PICTURE,
            "pictures", "picture", "Vary"),
    Command("picture.remix", "r", "Remix",
            "Draw once more with the same prompt and settings and a new seed.", _PICTURE,
            "pictures", "picture", "Remix"),
    Command("branch", "b", "Branch off from here",
            "Draw on from where a stopped or running job is, with the prompt in the editor.",
            _PICTURE, "pictures"),
    Command("picture.compare", "c", "Compare",
            "Open the viewer with the picture beside another one.", _PICTURE, "pictures",
            "picture"),
    Command("picture.prompt", "p", "Use its prompt",
            "Put the picture's prompt into the editor; your settings stay.", _PICTURE, "pictures",
            "picture"),
    Command("picture.seed", "s", "Use its seed",
            "Lock the seed of the picture for what is drawn next.", _PICTURE, "pictures",
            "picture"),
    Command("picture.recall", "a", "Use all its settings",
            "Put the picture's prompt, seed and settings into the editor.", _PICTURE, "pictures",
            "picture"),
    Command("answer.prompt", "u", "Use the description as prompt",
            "Put the last answer about the picture into the editor, to draw it.", _PICTURE,
            "pictures", "answer"),
    Command("picture.favourite", "full_stop", "Mark as favourite",
            "Mark the picture as a favourite, or take the mark away.", _PICTURE, "pictures",
            "picture"),
    Command("picture.tags", "t", "Tags", "Give the picture tags, to find it by.", _PICTURE,
            "pictures", "picture"),
    Command("picture.note", "n", "Note", "Write a note to the picture.", _PICTURE, "pictures",
            "picture"),
    Command("picture.copy", "y", "Copy the file's path",
            "Put the path of the picture's file on the clipboard.", _PICTURE, "pictures",
            "picture"),
    Command("picture.save", "w", "Save a copy as",
            "Write a copy of the picture to a place you name.", _PICTURE, "pictures", "picture"),
    Command("picture.move", "m", "Move to another session",
            "Put the picture into another session.", _PICTURE, "pictures", "picture"),
    Command("picture.sheet", "x", "Contact sheet",
            "Show the pictures that were made together, labelled by what differs.", _PICTURE,
            "pictures", "picture"),
    Command("trash", "delete", "Move to the trash",
            "Remove the chosen picture or job; undo brings it back.", _PICTURE, "pictures",
            hint="Trash"),
    Command("undo", "z,ctrl+z", "Undo the last removal",
            "Bring back what was moved to the trash last.", _PICTURE, "pictures"),

    Command("queue", "f8", "Show the queue",
            "See what waits; change its order, hold, cancel or retry it.", _QUEUE, hint="Queue"),
    Command("queue.pause", "f9", "Pause or resume the queue",
            "Start no further job, or go on.", _QUEUE),
    Command("retry", "R", "Retry the chosen job",
            "Run a job again that failed, was cancelled or interrupted.", _QUEUE, "pictures"),

    Command("session.new", "ctrl+n", "New session",
            "Begin an empty session.", _LIBRARY),
    Command("session.rename", "", "Rename the session",
            "Give the session another name.", _LIBRARY),
    Command("session.trash", "", "Move the session to the trash",
            "Remove the session with all its pictures; undo brings it back.", _LIBRARY),
    Command("search", "ctrl+f,slash", "Search the history",
            "Find prompts, answers, tags and notes; mode:edit fav: seed:42 narrow it down.",
            _LIBRARY, hint="Search"),
    Command("open", "ctrl+o", "Open a picture file",
            "Bring a picture from anywhere into the session, to edit it or ask about it.",
            _LIBRARY, hint="Open"),

    Command("focus.next", "f6", "Next part of the screen",
            "Go to the next of prompt, pictures and history.", _VIEW),
    Command("focus.prompt", "i", "Go to the prompt", "Type a prompt.", _VIEW, "pictures",
            hint="Prompt"),
    Command("view.history", "f3", "Show or hide the history",
            "Show or hide the list of sessions and jobs.", _VIEW, hint="History"),
    Command("view.tokens", "ctrl+t", "Show or hide the tokens",
            "Lay the grid of tokens over the picture; known ones are clear.", _VIEW),
    Command("view.redraw", "f5", "Redraw the pictures",
            "Send the screen and its pictures to the terminal again.", _VIEW),
    Command("view.text", "", "Text only, or with pictures",
            "Show captions and settings in place of pictures.", _VIEW),
    Command("view.theme", "", "Light or dark", "Switch between the light and the dark theme.",
            _VIEW),

    Command("help", "f1,question_mark", "Help", "Show all keys and commands.", _APP, hint="Help"),
    Command("palette", "ctrl+p", "All commands", "Find a command by its name.", _APP, "program"),
    Command("model", "", "Load a checkpoint",
            "Load another model without leaving the program.", _APP),
    Command("quit", "ctrl+q", "Quit", "Leave; sessions and the queue are kept.", _APP,
            "program"),
)
# fmt: on

_BY_ID = {command.id: command for command in COMMANDS}
_PROGRAM_ACTIONS = {"palette": "command_palette", "quit": "quit"}


def command(identifier: str) -> Command:
    """The command of an id."""
    return _BY_ID[identifier]


def bindings(scope: Scope) -> list[Binding]:
    """The keys of a scope, as Textual wants them; remapping goes by the commands' ids."""
    return [
        Binding(
            entry.keys,
            _PROGRAM_ACTIONS.get(entry.id) or f"screen.command('{entry.id}')",
            entry.title,
            show=False,
            id=entry.id,
            # Before what the same key does in Textual's editors, where people may have put it.
            # Esc and Ctrl+C are the other way round: they leave a choice, or copy, first.
            priority=scope != "pictures" and entry.id != "cancel",
        )
        for entry in COMMANDS
        if entry.scope == scope and entry.keys
    ]


def keys_of(entry: Command, keymap: Mapping[str, str]) -> list[str]:
    """The keys that run a command, remapped ones included, most important first."""
    return [key.strip() for key in keymap.get(entry.id, entry.keys).split(",") if key.strip()]


def shown_key(key: str) -> str:
    """A key as people write it: ``ctrl+r`` is Ctrl+R, ``full_stop`` is a dot."""
    *modifiers, last = key.split("+")
    name = _SHOWN.get(last) or (last if len(last) == 1 else format_key(last))
    if modifiers and len(name) == 1:
        name = name.upper()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


_SHOWN = {
    "escape": "Esc",
    "enter": "Enter",
    "delete": "Del",
    "full_stop": ".",
    "slash": "/",
    "question_mark": "?",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "space": "Space",
    "tab": "Tab",
} | {f"f{number}": f"F{number}" for number in range(1, 25)}


def remapping(keys: Mapping[str, str], known: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What the settings file's keys come to.

    Args:
        keys: for command ids, the keys a person wants.
        known: every id that may be remapped.

    Returns:
        The usable part, as a keymap for Textual, and a sentence for each thing that is wrong:
        an id that is not there, or a key given to two commands that act in the same place.
    """
    identifiers = set(known)
    keymap = {name: value for name, value in keys.items() if name in identifiers}
    complaints = [
        f"The settings file gives a key to {name!r}, which is no command: "
        "the help screen (F1) lists their ids."
        for name in keys
        if name not in identifiers
    ]
    owners: dict[str, Command] = {}
    for entry in COMMANDS:
        for key in keys_of(entry, keymap):
            other = owners.setdefault(key, entry)
            if other is not entry:
                complaints.append(
                    f"The key {shown_key(key)} is given to both {other.id!r} and {entry.id!r}: "
                    "change one of them in the settings file."
                )
    return keymap, complaints
