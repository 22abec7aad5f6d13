"""Commands of the chosen picture."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from unipic_tui.errors import InputError
from unipic_tui.files import read_bytes, write_atomic
from unipic_tui.jobs import DrawingJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import StoredPicture
from unipic_tui.sizes import TOKEN_PIXELS
from unipic_tui.text import one_line, printable
from unipic_tui.ui import iterate
from unipic_tui.ui.draft import PlannedJobs, texts_of
from unipic_tui.ui.screens.choose import Choose
from unipic_tui.ui.screens.dialogs import Ask
from unipic_tui.ui.screens.files import PathScreen
from unipic_tui.ui.screens.sheet import SheetScreen
from unipic_tui.ui.screens.viewer import ViewerScreen
from unipic_tui.ui.wording import picture_title

if TYPE_CHECKING:
    from unipic_tui.ui.screens.main import Handler, MainScreen

VARIATIONS = 4
"""How many variations are drawn at once."""
THUMBNAIL = 128
"""Longest side, in pixels, of the pictures on a contact sheet."""
_LARGEST_COPY = 512 * 1024 * 1024


class PictureActions:
    """What the commands of this group do; each is run by `MainScreen.perform`."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._random = random.Random()
        self.handlers: dict[str, Handler] = {
            "picture.view": self._view,
            "picture.compare": self._compare,
            "picture.edit": self._edit,
            "picture.describe": self._describe,
            "picture.region": self._region,
            "picture.variations": self._variations,
            "picture.remix": self._remix,
            "picture.prompt": self._use_prompt,
            "picture.seed": self._use_seed,
            "picture.recall": self._recall,
            "answer.prompt": self._use_answer,
            "picture.favourite": self._favourite,
            "picture.tags": self._tags,
            "picture.note": self._note,
            "picture.copy": self._copy,
            "picture.save": self._save,
            "picture.move": self._move,
            "picture.sheet": self._sheet,
        }

    @property
    def _picture(self) -> StoredPicture:
        picture = self._screen.studio.picture
        if picture is None:
            raise InputError("Choose a picture first.")
        return picture

    @property
    def _job(self) -> DrawingJob:
        picture = self._picture
        if picture.origin or not isinstance(picture.job, DrawingJob):
            raise InputError("That picture was not drawn here, so it cannot be drawn again.")
        job = picture.job
        if job.source is not None:
            # The source may have been moved since; the entry knows where it lies now.
            entry = self._screen.studio.desk.entries.get(picture.entry)
            if entry is not None and isinstance(entry.job, DrawingJob):
                return dataclasses.replace(job, source=entry.job.source)
        return job

    # Looking

    async def _view(self) -> None:
        await self._open_viewer(compare=False)

    async def _compare(self) -> None:
        await self._open_viewer(compare=True)

    async def _open_viewer(self, *, compare: bool) -> None:
        chosen = self._picture
        pictures = list(self._screen.studio.desk.pictures.values())
        ids = [picture.id for picture in pictures]
        viewer = ViewerScreen(pictures, ids.index(chosen.id), self._screen.stage.view.protocol)
        closed = self._screen.app.push_screen(viewer, wait_for_dismiss=True)
        if compare:
            viewer.call_later(viewer.action_compare)
        index = await closed
        if index is not None and ids[index] != chosen.id:
            self._screen.studio.choose_picture(ids[index])

    async def _sheet(self) -> None:
        studio = self._screen.studio
        entries = studio.desk.made_together(self._picture.entry)
        pictures = [
            picture for entry in entries for picture in studio.desk.pictures_of(entry.id)
        ] or [self._picture]
        library = studio.store

        def load(picture: StoredPicture) -> Image:
            return library.opened.thumbnails.get(picture.id, THUMBNAIL)

        sheet = SheetScreen(pictures, self._picture.id, load)
        chosen = await self._screen.app.push_screen_wait(sheet)
        if chosen is not None:
            studio.choose_picture(chosen)

    # Making more of it

    async def _edit(self) -> None:
        _ = self._picture
        self._screen.composer.mode = "edit"
        self._screen.composer.prompt.focus()

    async def _describe(self) -> None:
        _ = self._picture
        self._screen.composer.mode = "describe"
        self._screen.composer.prompt.focus()

    async def _region(self) -> None:
        picture = self._picture
        if self._screen.text_first:
            raise InputError("A region is chosen on the picture: switch pictures on (Ctrl+P).")
        rows, columns = picture.height // TOKEN_PIXELS, picture.width // TOKEN_PIXELS
        if rows < 1 or columns < 1:
            raise InputError("That picture is smaller than one token of 16 pixels.")
        self._screen.stage.view.focus()
        self._screen.stage.view.start_region(rows, columns)

    async def _variations(self) -> None:
        await self._draw_again(iterate.variations(self._job, VARIATIONS))

    async def _remix(self) -> None:
        await self._draw_again(iterate.remix(self._job, self._random))

    async def _draw_again(self, job: DrawingJob) -> None:
        studio = self._screen.studio
        entry = studio.desk.entries.get(self._picture.entry)
        await studio.run(PlannedJobs((job,), entry.parent if entry else None))

    # Back into the editor

    async def _use_prompt(self) -> None:
        self._into_editor(self._picture.job.prompt)

    async def _use_seed(self) -> None:
        job = self._job
        self._screen.composer.settings.put({"seed": str(job.seed)})
        self._screen.notify(f"The seed is locked at {job.seed}.", markup=False)

    async def _recall(self) -> None:
        job = self._job
        composer = self._screen.composer
        composer.mode = job.mode
        composer.settings.put(texts_of(job))
        self._into_editor(job.prompt)
        source = self._source_of(self._picture)
        if isinstance(job, GenerateJob):
            composer.use_region(source if job.region else None, job.region)
        elif source is not None:
            self._screen.studio.choose_picture(source.id)

    def _source_of(self, picture: StoredPicture) -> StoredPicture | None:
        desk = self._screen.studio.desk
        entry = desk.entries.get(picture.entry)
        return desk.pictures.get(entry.parent or 0) if entry else None

    async def _use_answer(self) -> None:
        answer = self._screen.studio.answer()
        if not answer:
            raise InputError("Nothing was said about this picture yet: describe it first (d).")
        self._screen.composer.mode = GenerateJob.mode
        self._into_editor(answer.strip())

    def _into_editor(self, prompt: str) -> None:
        self._screen.composer.prompt.show(prompt)
        self._screen.composer.prompt.focus()

    # Keeping

    async def _favourite(self) -> None:
        await self._screen.studio.mark(self._picture)

    async def _tags(self) -> None:
        picture = self._picture
        line = await self._screen.app.push_screen_wait(
            Ask("Tags", ", ".join(picture.tags), "Words with commas between them.")
        )
        if line is not None:
            tags = [tag.strip() for tag in line.split(",") if tag.strip()]
            await self._screen.studio.change_picture(
                lambda library: library.pictures.set_tags(picture.id, tags)
            )

    async def _note(self) -> None:
        picture = self._picture
        note = await self._screen.app.push_screen_wait(
            Ask("Note", picture.note, "It can be found with the search.")
        )
        if note is not None:
            await self._screen.studio.change_picture(
                lambda library: library.pictures.set_note(picture.id, note.strip())
            )

    async def _copy(self) -> None:
        path = str(self._picture.path)
        self._screen.app.copy_to_clipboard(path)
        self._screen.notify(f"Copied: {one_line(path, 200)}", markup=False)

    async def _save(self) -> None:
        picture = self._picture
        target = await self._screen.app.push_screen_wait(
            PathScreen(
                "Save a copy as",
                "any",
                f"{Path.cwd()}/{picture.path.name}",
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
        self._screen.notify(f"Saved: {one_line(str(target), 200)}", markup=False)

    async def _move(self) -> None:
        picture = self._picture
        studio = self._screen.studio
        others = [session for session in studio.sessions if session.id != picture.session]
        chosen = await self._screen.app.push_screen_wait(
            Choose(
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

        await studio.store.write(move)
        await studio.reload()
        self._screen.notify(f"Moved to {one_line(others[chosen].name, 60)}.", markup=False)


def _free_place(path: Path) -> str | None:
    if path.is_dir():
        return "That is a folder: add a file name."
    if path.exists():
        return "A file of that name is there already: choose another name."
    return None if path.parent.is_dir() else f"There is no folder {printable(str(path.parent))}."
