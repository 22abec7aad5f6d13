"""Commands of sessions, files and the trash."""

from __future__ import annotations

import dataclasses

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.text import one_line
from unipic_tui.ui.actions.actions import Actions
from unipic_tui.ui.commands import FILES, PICTURE, PROGRAM
from unipic_tui.ui.screens.dialogs import QuestionDialog, TextDialog
from unipic_tui.ui.screens.path_screen import PathScreen


class SessionActions(Actions):
    """Sessions, files, the trash, checkpoints."""

    _folder = ""
    """Where a picture was opened last."""

    @FILES.command("session.new", "ctrl+n", "New session")
    async def new(self) -> None:
        """Begin an empty session."""
        await self._state.begun.wait()
        self._controller.sessions.start_new()
        self._composer.use_region(None, None)
        self._composer.prompt.focus()

    @FILES.command("session.rename", "", "Rename the session")
    async def rename(self) -> None:
        """Change the name of the session."""
        session = self._state.current.session
        if session is None:
            raise InputError("The new session is empty: draw something first.")
        name = await self._ask(TextDialog("Name of the session", session.name, check=_name_problem))
        if name is not None:
            await self._controller.sessions.rename(session.id, name.strip())

    @FILES.command("session.trash", "", "Move the session to the trash")
    async def trash_session(self) -> None:
        """Remove the session with all its pictures; undo brings it back."""
        session = self._state.current.session
        if session is None:
            raise InputError("The new session is empty.")
        answer = await self._ask(
            QuestionDialog(
                "Move the session to the trash?",
                f"“{one_line(session.name, 60)}” with all its pictures. "
                "Undo (z in the history) brings it back.",
                {"trash": "Move to the trash", "keep": "Keep it"},
            )
        )
        if answer == "trash":
            await self._controller.sessions.trash(session.id)

    @FILES.command("search", "ctrl+f,slash", "Search the history", hint="Search", rank=7)
    async def search(self) -> None:
        """Find prompts, answers, tags and notes; mode:edit fav: seed:42 narrow the search."""
        self._screen.add_class("-history")
        self._sidebar.search.focus()

    @FILES.command("open", "ctrl+o", "Open a picture file", hint="Open", rank=8)
    async def open(self) -> None:
        """Bring a picture from anywhere into the session, to edit it or ask about it."""
        path = await self._ask(
            PathScreen(
                "Open a picture",
                "picture",
                self._folder or f"{paths.beginning()}/",
                "PNG, JPEG, WebP …",
            )
        )
        if path is None:
            return
        self._folder = f"{path.parent}/"
        await self._controller.open_file(path)
        if self._composer.mode == GenerateJob.mode:
            self._composer.mode = EditJob.mode
        self._composer.prompt.focus()

    @PICTURE.command("trash", "delete", "Move to the trash", hint="Trash", rank=3)
    async def trash(self) -> None:
        """Remove the chosen picture or job; undo brings it back."""
        words = await self._controller.trash()
        if words:
            self._say(f"{words} Press z to bring it back.")

    @PICTURE.command("undo", "z,ctrl+z", "Undo the last deletion")
    async def undo(self) -> None:
        """Bring back what was moved to the trash last."""
        words = await self._controller.undo()
        self._screen.notify(
            f"Brought back: {words}." if words else "The trash is empty.", markup=False
        )

    @PROGRAM.command("model", "", "Load a checkpoint")
    async def load_model(self) -> None:
        """Load another model without leaving the program."""
        path = await self._ask(
            PathScreen(
                "Load a checkpoint",
                "folder",
                f"{self._state.options.checkpoint or paths.beginning()}/",
                "The folder of a downloaded or converted checkpoint.",
            )
        )
        if path is not None:
            self._controller.load(dataclasses.replace(self._state.options, checkpoint=path))


def _name_problem(name: str) -> str | None:
    return None if name.strip() else "Give the session a name."
