"""Commands of the chosen picture."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from PIL.Image import Image

from unipic_tui import paths
from unipic_tui.errors import InputError
from unipic_tui.files import read_bytes, write_atomic
from unipic_tui.jobs import DescribeJob, DrawingJob, EditJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import StoredPicture
from unipic_tui.text import one_line, printable
from unipic_tui.ui import iterate
from unipic_tui.ui.actions.actions import Actions
from unipic_tui.ui.commands import PICTURE
from unipic_tui.ui.draft import PlannedJobs, texts_of
from unipic_tui.ui.screens.contact_sheet import SheetScreen, SheetView
from unipic_tui.ui.screens.dialogs import ChoiceDialog, TextDialog
from unipic_tui.ui.screens.path_screen import PathScreen
from unipic_tui.ui.screens.viewer import ViewerScreen
from unipic_tui.ui.wording import picture_title

VARIATIONS = 4
"""How many variations are drawn at once."""
THUMBNAIL = 128
"""Longest side, in pixels, of the pictures on a contact sheet."""
_LARGEST_COPY = 512 * 1024 * 1024


class PictureActions(Actions):
    """Looking at the chosen picture, making more of it, keeping it."""

    @property
    def _picture(self) -> StoredPicture:
        picture = self._state.picture
        if picture is None:
            raise InputError("Choose a picture first.")
        return picture

    @property
    def _job(self) -> DrawingJob:
        picture = self._picture
        if picture.origin or not isinstance(picture.job, DrawingJob):
            raise InputError("That picture was imported, so it cannot be drawn again.")
        job = picture.job
        if job.source is not None:
            # The source may have been moved since; the entry knows where it lies now.
            entry = self._state.current.entries.get(picture.entry)
            if entry is not None and isinstance(entry.job, DrawingJob):
                return dataclasses.replace(job, source=entry.job.source)
        return job

    # Looking

    @PICTURE.command("picture.view", "enter", "View full screen", hint="View", rank=1)
    async def view(self) -> None:
        """Show the picture alone: zoom, compare, flip, difference."""
        await self._open_viewer(compare=False)

    @PICTURE.command("picture.compare", "c", "Compare", hint="Compare", rank=6)
    async def compare(self) -> None:
        """Open the viewer with the picture next to another one."""
        await self._open_viewer(compare=True)

    async def _open_viewer(self, *, compare: bool) -> None:
        chosen = self._picture
        pictures = list(self._state.current.pictures.values())
        ids = [picture.id for picture in pictures]
        viewer = ViewerScreen(
            pictures, ids.index(chosen.id), self._workspace.view.protocol, self._act
        )
        closed = self._screen.app.push_screen(viewer, wait_for_dismiss=True)
        if compare:
            viewer.call_later(viewer.action_compare)
        index = await closed
        if index is not None and ids[index] != chosen.id:
            self._state.choose_picture(ids[index])

    def _act(self, identifier: str, picture: StoredPicture) -> None:
        """Run a command on a picture that may not be the chosen one."""
        if identifier == "picture.favourite":
            self._screen.soon(self._controller.toggle_favourite(picture))
        elif identifier == "trash":
            self._screen.soon(self._controller.trash_picture(picture))
            self._say("The picture is in the trash. Press z to bring it back.")
        else:
            self._state.choose_picture(picture.id)
            self._screen.perform(identifier)

    @PICTURE.command("picture.sheet", "x", "Contact sheet", hint="Sheet", rank=6)
    async def sheet(self) -> None:
        """Show the pictures that were made together, labelled by what differs."""
        run = self._state.current.run_of(self._picture.entry)
        pictures = [each for _, each in (run.members if run else ()) if each] or [self._picture]
        library = self._controller.library

        def load(picture: StoredPicture) -> Image:
            return library.opened.thumbnails.get(picture.id, THUMBNAIL)

        view = SheetView(pictures, self._picture.id, load)
        chosen = await self._ask(SheetScreen(view))
        if chosen is not None:
            self._state.choose_picture(chosen)

    # Making more of it

    @PICTURE.command("picture.edit", "e", "Edit this picture", hint="Edit", rank=1)
    async def edit(self) -> None:
        """Take the picture as the source of an edit and go to the prompt."""
        _ = self._picture
        self._composer.mode = EditJob.mode
        self._composer.prompt.focus()

    @PICTURE.command("picture.describe", "d", "Describe this picture", hint="Describe", rank=1)
    async def describe(self) -> None:
        """Ask about the picture; an empty prompt has it described."""
        _ = self._picture
        self._composer.mode = DescribeJob.mode
        self._composer.prompt.focus()

    @PICTURE.command("picture.region", "g", "Redraw a region", hint="Region", rank=5)
    async def region(self) -> None:
        """Select a rectangle of the picture; the rest stays as it is."""
        picture = self._picture
        if self._workspace.text_first:
            raise InputError("A region is chosen on the picture: switch pictures on (Ctrl+P).")
        self._workspace.start_region(picture)

    @PICTURE.command("picture.variations", "v", "Draw variations", hint="Vary", rank=2)
    async def variations(self) -> None:
        """Draw four more with the same prompt and settings and the next seeds."""
        await self._draw_again(iterate.variations(self._job, VARIATIONS))

    @PICTURE.command("picture.remix", "r", "Remix", hint="Remix", rank=2)
    async def remix(self) -> None:
        """Draw once more with the same prompt and settings and a new seed."""
        await self._draw_again(iterate.remix(self._job, self._random))

    async def _draw_again(self, job: DrawingJob) -> None:
        entry = self._state.current.entries.get(self._picture.entry)
        await self._controller.queue.run(PlannedJobs((job,), entry.parent if entry else None))

    # Back into the editor

    @PICTURE.command("picture.prompt", "p", "Use its prompt")
    async def use_prompt(self) -> None:
        """Put the picture's prompt into the editor; your settings stay."""
        self._into_editor(self._picture.job.prompt)

    @PICTURE.command("picture.seed", "s", "Use its seed")
    async def use_seed(self) -> None:
        """Lock the seed of the picture for what is drawn next."""
        job = self._job
        self._composer.settings.put({"seed": str(job.seed)})
        self._say(f"The seed is locked at {job.seed}.")

    @PICTURE.command("picture.recall", "a", "Use all its settings")
    async def recall(self) -> None:
        """Put the picture's prompt, seed and settings into the editor."""
        job = self._job
        composer = self._composer
        composer.mode = job.mode
        composer.settings.put(texts_of(job, composer.defaults))
        self._into_editor(job.prompt)
        source = self._source_of(self._picture)
        if isinstance(job, GenerateJob):
            composer.use_region(source if job.region else None, job.region)
        elif source is not None:
            self._state.choose_picture(source.id)

    def _source_of(self, picture: StoredPicture) -> StoredPicture | None:
        session = self._state.current
        entry = session.entries.get(picture.entry)
        return session.pictures.get(entry.parent or 0) if entry else None

    @PICTURE.command("answer.prompt", "u", "Use the description as prompt")
    async def use_answer(self) -> None:
        """Put the last answer about the picture into the editor, to draw it."""
        answer = self._state.answer()
        if not answer:
            raise InputError("This picture has no description yet: describe it first (d).")
        self._composer.mode = GenerateJob.mode
        self._into_editor(answer.strip())

    def _into_editor(self, prompt: str) -> None:
        self._composer.prompt.show(prompt)
        self._composer.prompt.focus()

    # Keeping

    @PICTURE.command("picture.favourite", "full_stop", "Mark as favourite", hint="★", rank=6)
    async def favourite(self) -> None:
        """Mark the picture as a favourite, or unmark it."""
        await self._controller.toggle_favourite(self._picture)

    @PICTURE.command("picture.tags", "t", "Tags", hint="Tags", rank=6)
    async def tags(self) -> None:
        """Give the picture tags to search for."""
        picture = self._picture
        line = await self._ask(
            TextDialog("Tags", ", ".join(picture.tags), "Words with commas between them.")
        )
        if line is not None:
            tags = [tag.strip() for tag in line.split(",") if tag.strip()]
            await self._controller.change_picture(
                lambda library: library.pictures.set_tags(picture.id, tags)
            )

    @PICTURE.command("picture.note", "n", "Note", hint="Note", rank=6)
    async def note(self) -> None:
        """Add a note to the picture."""
        picture = self._picture
        note = await self._ask(TextDialog("Note", picture.note, "It can be found with the search."))
        if note is not None:
            await self._controller.change_picture(
                lambda library: library.pictures.set_note(picture.id, note.strip())
            )

    @PICTURE.command("picture.copy", "y", "Copy the file's path")
    async def copy(self) -> None:
        """Put the path of the picture's file on the clipboard."""
        path = str(self._picture.path)
        self._screen.app.copy_to_clipboard(path)
        self._say(f"Copied: {one_line(path, 200)}")

    @PICTURE.command("picture.save", "w", "Save a copy as")
    async def save(self) -> None:
        """Write a copy of the picture to a place you name."""
        picture = self._picture
        target = await self._ask(
            PathScreen(
                "Save a copy as",
                "any",
                f"{paths.beginning()}/{picture.path.name}",
                f"A copy of {printable(picture.path.name)}.",
                must_exist=False,
                check=_free_place,
            )
        )
        if target is None:
            return

        def copy() -> None:
            write_atomic(target, read_bytes(picture.path, _LARGEST_COPY), overwrite=False)

        await asyncio.to_thread(copy)
        self._say(f"Saved: {one_line(str(target), 200)}")

    @PICTURE.command("picture.move", "m", "Move to another session")
    async def move(self) -> None:
        """Put the picture into another session."""
        picture = self._picture
        others = [session for session in self._state.sessions if session.id != picture.session]
        chosen = await self._ask(
            ChoiceDialog(
                f"Move “{one_line(picture_title(picture), 40)}” to",
                [session.name for session in others],
                empty="There is no other session yet.",
            )
        )
        if chosen is None:
            return
        target = others[chosen].id

        def move(library: Library) -> None:
            library.pictures.move(picture.id, target)

        await self._controller.library.write(move)
        await self._controller.sessions.reload()
        self._say(f"Moved to {one_line(others[chosen].name, 60)}.")


def _free_place(path: Path) -> str | None:
    if path.is_dir():
        return "That is a folder: add a file name."
    if path.exists():
        return "A file of that name is there already: choose another name."
    return None if path.parent.is_dir() else f"There is no folder {printable(str(path.parent))}."
