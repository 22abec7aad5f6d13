"""One line of text to fill in."""

from __future__ import annotations

from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from unipic_tui.text import printable

CHARACTER_KEYS = frozenset(_character_to_key(chr(code)) for code in range(0x20, 0x7F))
"""Names of the keys that type a character; Textual itself forgets some of them, such as ``slash``,
when it asks whether an editor wants a key for itself."""


class Line(Input):
    """A line without borders; what is pasted into it is made harmless."""

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        id: str | None = None,  # noqa: A002 (Textual's own name)
        classes: str | None = None,
    ) -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=classes, compact=True)
        self.cursor_blink = False

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Characters are typed, whatever else their keys may do."""
        return super().check_consume_key(key, character) or key in CHARACTER_KEYS

    def _on_paste(self, event: events.Paste) -> None:
        lines = event.text.splitlines()
        super()._on_paste(events.Paste(printable(lines[0]) if lines else ""))
        event.stop()
        event.prevent_default()
