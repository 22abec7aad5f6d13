"""Commands of sessions, files and the trash."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from unipic_tui.errors import InputError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.text import one_line
from unipic_tui.ui.screens.dialogs import Answer, Ask, Question
from unipic_tui.ui.screens.files import PathScreen

if TYPE_CHECKING:
    from unipic_tui.ui.screens.main import Handler, MainScreen


class LibraryActions:
    """What the commands of this group do; each is run by `MainScreen.perform`."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._folder = ""
        self.handlers: dict[str, Handler] = {
            "session.new": self._new,
            "session.rename": self._rename,
            "session.trash": self._trash_session,
            "search": self._search,
            "open": self._open,
            "trash": self._trash,
            "undo": self._undo,
            "model": self._load_model,
        }

    async def _new(self) -> None:
        self._screen.studio.new_session()
        self._screen.composer.use_region(None, None)
        self._screen.composer.prompt.focus()

    async def _rename(self) -> None:
        session = self._screen.studio.desk.session
        if session is None:
            raise InputError("The new session has nothing in it yet: draw something first.")
        name = await self._screen.app.push_screen_wait(
            Ask("Name of the session", session.name, check=_name_problem)
        )
        if name is not None:
            await self._screen.studio.rename_session(name.strip())

    async def _trash_session(self) -> None:
        session = self._screen.studio.desk.session
        if session is None:
            raise InputError("The new session has nothing in it yet.")
        answer = await self._screen.app.push_screen_wait(
            Question(
                "Move the session to the trash?",
                f"“{one_line(session.name, 60)}” with all its pictures. "
                "Undo (z in the history) brings it back.",
                [Answer("trash", "Move to the trash", "main"), Answer("keep", "Keep it")],
            )
        )
        if answer == "trash":
            await self._screen.studio.trash_session()

    async def _search(self) -> None:
        self._screen.add_class("-history")
        self._screen.query_one("#search").focus()

    async def _open(self) -> None:
        path = await self._screen.app.push_screen_wait(
            PathScreen(
                "Open a picture", "picture", self._folder or f"{Path.cwd()}/", "PNG, JPEG, WebP …"
            )
        )
        if path is None:
            return
        self._folder = f"{path.parent}/"
        await self._screen.studio.open_file(path)
        if self._screen.composer.mode == GenerateJob.mode:
            self._screen.composer.mode = EditJob.mode
        self._screen.composer.prompt.focus()

    async def _trash(self) -> None:
        words = await self._screen.studio.trash()
        if words:
            self._screen.notify(f"{words} Press z to bring it back.", markup=False)

    async def _undo(self) -> None:
        words = await self._screen.studio.undo()
        self._screen.notify(
            f"Brought back: {words}." if words else "The trash is empty.", markup=False
        )

    async def _load_model(self) -> None:
        screen = self._screen
        path = await screen.app.push_screen_wait(
            PathScreen(
                "Load a checkpoint",
                "folder",
                f"{screen.studio.options.checkpoint or Path.cwd()}/",
                "The folder of a downloaded or converted checkpoint.",
            )
        )
        if path is not None:
            screen.studio.load(dataclasses.replace(screen.studio.options, checkpoint=path))


def _name_problem(name: str) -> str | None:
    return None if name.strip() else "Give the session a name."
