"""What all commands of the main screen have at hand."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from textual.screen import Screen

from unipic_tui.errors import UnipicError
from unipic_tui.ui.commands import Command
from unipic_tui.ui.controller import Controller
from unipic_tui.ui.notices import complain
from unipic_tui.ui.widgets.composer import Composer
from unipic_tui.ui.widgets.history import Sidebar
from unipic_tui.ui.widgets.workspace import Workspace

T = TypeVar("T")
Handler = Callable[[], Awaitable[None]]


class ActingScreen(Screen[None]):
    """A screen that runs commands; what is wrong is said in a notice.

    Attributes:
        handlers: what does a command, by its id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.handlers: dict[str, Handler] = {}

    def perform(self, identifier: str) -> None:
        """Run a command."""
        self.soon(self.handlers[identifier](), group="commands")

    def soon(self, work: Awaitable[None], group: str = "screen") -> None:
        """Do something that waits for the disk; calls of one group keep their order."""

        async def guarded() -> None:
            try:
                await work
            except UnipicError as error:
                complain(self, error.title, error.message)

        self.run_worker(guarded(), group=group)


class Actions:
    """Functions that do commands; the main screen runs them and shows the errors they raise.

    Args:
        screen: the main screen.
        controller: does what outlasts the screen.
        workspace, composer, sidebar: the parts of the screen.
        commands: all commands there are.
    """

    def __init__(
        self,
        screen: ActingScreen,
        controller: Controller,
        workspace: Workspace,
        composer: Composer,
        sidebar: Sidebar,
        commands: Sequence[Command],
    ) -> None:
        self._screen = screen
        self._controller = controller
        self._state = controller.state
        self._workspace = workspace
        self._composer = composer
        self._sidebar = sidebar
        self._commands = commands
        self._random = random.Random()

    def _say(self, words: str) -> None:
        self._screen.notify(words, markup=False)

    async def _ask(self, dialog: Screen[T]) -> T | None:
        return await self._screen.app.push_screen_wait(dialog)
