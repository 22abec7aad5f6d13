"""Commands of the screen itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from unipic_tui.ui.screens.help import HelpScreen
from unipic_tui.ui.themes import DARK, LIGHT

if TYPE_CHECKING:
    from unipic_tui.ui.screens.main import Handler, MainScreen


class ViewActions:
    """What the commands of this group do; each is run by `MainScreen.perform`."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self.handlers: dict[str, Handler] = {
            "focus.next": self._next_part,
            "focus.prompt": self._prompt,
            "view.history": self._history,
            "view.tokens": self._tokens,
            "view.redraw": self._redraw,
            "view.text": self._text,
            "view.theme": self._theme,
            "help": self._help,
        }

    async def _next_part(self) -> None:
        screen = self._screen
        parts: list[Widget] = [screen.composer.prompt]
        parts.append(screen.query_one("#details") if screen.text_first else screen.stage.gallery)
        if screen.query_one("#sidebar").display:
            parts.append(screen.history)
        focused = screen.focused
        holder = next((part for part in parts if part is focused), None)
        place = parts.index(holder) if holder is not None else -1
        parts[(place + 1) % len(parts)].focus()

    async def _prompt(self) -> None:
        self._screen.composer.prompt.focus()

    async def _history(self) -> None:
        screen = self._screen
        shown = screen.query_one("#sidebar").display
        screen.set_class(not shown, "-history")
        screen.set_class(shown, "-no-history")
        if not shown:
            screen.history.focus()
        elif screen.focused is None or screen.query_one("#sidebar") in screen.focused.ancestors:
            screen.composer.prompt.focus()

    async def _tokens(self) -> None:
        view = self._screen.stage.view
        view.overlay = not view.overlay

    async def _redraw(self) -> None:
        self._screen.app.refresh(layout=True)
        self._screen.stage.view.redraw()

    async def _text(self) -> None:
        self._screen.show_text_first(not self._screen.text_first)

    async def _theme(self) -> None:
        dark = self._screen.app.current_theme.dark
        self._screen.app.theme = LIGHT.name if dark else DARK.name

    async def _help(self) -> None:
        self._screen.app.push_screen(HelpScreen(self._screen.unipic.keymap))
