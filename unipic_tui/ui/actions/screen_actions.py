"""Commands of the screen itself."""

from __future__ import annotations

from textual.widget import Widget

from unipic_tui.ui.actions.actions import Actions
from unipic_tui.ui.commands import PROGRAM, SCREEN
from unipic_tui.ui.screens.help import HelpScreen
from unipic_tui.ui.themes import DARK, LIGHT


class ScreenActions(Actions):
    """What the screen shows, and where the focus is."""

    @SCREEN.command("focus.next", "f6", "Next part of the screen", hint="Pictures", rank=3)
    async def next_part(self) -> None:
        """Go to the next of prompt, pictures and history."""
        screen = self._screen
        parts: list[Widget] = [self._composer.prompt]
        workspace = self._workspace
        parts.append(workspace.details if workspace.text_first else workspace.gallery)
        if self._sidebar.display:
            parts.append(self._sidebar.history)
        focused = screen.focused
        holder = next((part for part in parts if part is focused), None)
        place = parts.index(holder) if holder is not None else -1
        parts[(place + 1) % len(parts)].focus()

    @SCREEN.command("focus.prompt", "i", "Go to the prompt", place="browser", hint="Prompt", rank=4)
    async def prompt(self) -> None:
        """Type a prompt."""
        self._composer.prompt.focus()

    @SCREEN.command("view.history", "f3", "Show or hide the history", hint="History", rank=5)
    async def history(self) -> None:
        """Show or hide the list of sessions and jobs."""
        screen = self._screen
        shown = self._sidebar.display
        screen.set_class(not shown, "-history")
        screen.set_class(shown, "-no-history")
        if not shown:
            self._sidebar.history.focus()
        elif screen.focused is None or self._sidebar in screen.focused.ancestors:
            self._composer.prompt.focus()

    @SCREEN.command("view.tokens", "ctrl+t", "Show or hide the tokens")
    async def tokens(self) -> None:
        """Overlay the grid of tokens on the picture; decoded ones are clear."""
        view = self._workspace.view
        view.overlay = not view.overlay
        if view.overlay and self._state.running is None:
            self._say("The tokens are shown while a picture is being drawn.")

    @SCREEN.command("view.redraw", "f5", "Redraw the pictures")
    async def redraw(self) -> None:
        """Send the screen and its pictures to the terminal again."""
        self._screen.app.refresh(layout=True)
        self._workspace.view.redraw()

    @SCREEN.command("view.text", "", "Text only, or with pictures")
    async def text(self) -> None:
        """Show captions and settings in place of pictures."""
        self._workspace.text_first = not self._workspace.text_first

    @SCREEN.command("view.theme", "", "Light or dark")
    async def theme(self) -> None:
        """Switch between the light and the dark theme."""
        dark = self._screen.app.current_theme.dark
        self._screen.app.theme = LIGHT.name if dark else DARK.name

    @PROGRAM.command("help", "f1,question_mark", "Help", hint="Help", rank=9)
    async def help(self) -> None:
        """Show all keys and commands."""
        self._screen.app.push_screen(HelpScreen(self._commands))
