"""The prompt editor: several lines, and the prompts of all sessions to go back to."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from unipic_tui.terminal.dropped import may_name_files
from unipic_tui.text import printable
from unipic_tui.ui.widgets.line import CHARACTER_KEYS

MOST_PASTED = 50_000
"""Characters that may be pasted at once; many more would hold up the screen, and no model reads
them."""


class PromptArea(TextArea):
    """Where the prompt is typed."""

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, tab_behavior="focus")
        self.cursor_blink = False
        self._history: list[str] = []
        self._place = -1
        self._own = ""
        self._typed = ""
        self._kept: Selection | None = None

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Characters are typed, whatever else their keys may do."""
        return super().check_consume_key(key, character) or key in CHARACTER_KEYS

    def set_history(self, prompts: Sequence[str]) -> None:
        """The earlier prompts, the latest first."""
        self._history = [printable(prompt, newlines=True) for prompt in prompts]
        self._place = -1

    def remember(self, prompt: str) -> None:
        """Make a prompt the latest of the history."""
        if prompt.strip():
            self._history = [prompt, *(other for other in self._history if other != prompt)]
        self._place = -1

    def keep(self) -> None:
        """Leave the prompt as it is after a run: selected, so that typing replaces it."""
        self.select_all()
        self._kept = self.selection

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What a run selected was not chosen to be copied: Ctrl+C then cancels, as ever."""
        if action == "copy" and self.selection == self._kept:
            return False
        return super().check_action(action, parameters)

    def step_history(self, direction: int) -> None:
        """Go back (1) or forward (-1); what was being typed is kept at the near end.

        Only prompts that begin with what was being typed are visited, as in a shell.
        """
        if self._place < 0:
            self._own = self.text
            # After a run the prompt is selected: what comes next is another one.
            self._typed = "" if self.selected_text == self.text else self.text.rstrip()
        matching = [
            text for text in self._history if text.startswith(self._typed) and text != self._own
        ]
        place = min(max(self._place + direction, -1), len(matching) - 1)
        if place == self._place:
            return
        self.show(matching[place] if place >= 0 else self._own)
        self._place = place

    def show(self, prompt: str) -> None:
        """Put a prompt into the editor, made harmless; it can be undone."""
        text = printable(prompt, newlines=True)
        self._place = -1
        self.replace(text, (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        # Otherwise the screen looks for the files, or says that it is too much.
        if len(event.text) <= MOST_PASTED and not may_name_files(event.text):
            event.stop()
            self.type_in(printable(event.text, newlines=True))

    def type_in(self, text: str) -> None:
        """Insert text at the cursor, in place of what is selected."""
        result = self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)
        self.focus()

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable or event.key in {"backspace", "delete", "enter"}:
            self._place = -1
        await super()._on_key(event)
