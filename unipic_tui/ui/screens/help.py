"""All keys and commands."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from unipic_tui import paths
from unipic_tui.text import printable
from unipic_tui.ui.commands import Command, chosen_keys, keys_of, shown_key
from unipic_tui.ui.screens.dialogs import Dialog
from unipic_tui.ui.wording import MUTED

LOG_NAME = "unipic-tui.log"
"""Where, in the log folder, tracebacks of unexpected errors are written."""
_KEYS, _TITLE = 15, 30

_NOTES = (
    "The keys of “The chosen picture” work in the history and on the pictures, not while you type. "
    "To open pictures, drop their files on the window or paste their paths. To change a key, add "
    'the command to [keys] in the settings file, for example: run = "f7". The name of each command '
    "is shown in grey."
)


class HelpScreen(Dialog[None]):
    """What can be done, and with which key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,f1,question_mark", "leave", "Close", show=False)
    ]
    SHAPE = "-large"

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__("Keys and commands", keys="↑↓ scroll · Esc closes")
        self._commands = commands

    def body(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll(id="help-text"):
            yield Static(id="help-words", markup=False)

    def on_resize(self) -> None:
        """Lines that go on begin under their own words."""
        width = self.query_one("#help-text").scrollable_content_region.width
        self.query_one("#help-words", Static).update(self._text(width))

    def _text(self, width: int) -> Content:
        parts: list[tuple[str, str]] = [(_NOTES + "\n", MUTED)]
        group = ""
        keymap = chosen_keys(self)
        for entry in self._commands:
            if entry.group != group:
                group = entry.group
                parts.append((f"\n{group}\n", "bold $primary"))
            keys = " ".join(shown_key(key) for key in keys_of(entry, keymap)[:2])
            parts.append((f"{keys:<{_KEYS}}", "$accent"))
            parts.append((f"{entry.title:<{_TITLE}}", ""))
            parts.append((f" {entry.id}\n", MUTED))
            words = textwrap.wrap(entry.help, max(20, width - _KEYS))
            parts.append((textwrap.indent("\n".join(words), " " * _KEYS) + "\n", MUTED))
        log = paths.log_dir() / LOG_NAME
        parts.append((f"\nUnexpected errors are written to {printable(str(log))}\n", MUTED))
        return Content.assemble(*parts)
