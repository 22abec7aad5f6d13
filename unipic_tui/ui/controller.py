"""What the app does: everything that changes its state. No widget and no key is known here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from unipic_tui.errors import UnipicError
from unipic_tui.events import BackendOptions, Loading
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, StoredPicture
from unipic_tui.pictures import load_image
from unipic_tui.text import amount
from unipic_tui.ui.job_queue import JobQueue
from unipic_tui.ui.library_access import LibraryAccess, Recorder
from unipic_tui.ui.session_browser import SessionBrowser, give_up
from unipic_tui.ui.state import AppState, Change

_MOST_COMPLAINTS = 3


class Controller:
    """What the app does.

    Args:
        state: what is changed.
        library: where it is kept.
        recorder: writes down what jobs produce.

    Attributes:
        sessions: opens and changes sessions.
        queue: runs and changes jobs.
    """

    def __init__(self, state: AppState, library: LibraryAccess, recorder: Recorder) -> None:
        self.state = state
        self.library = library
        self.sessions = SessionBrowser(state, library)
        self.queue = JobQueue(state, library, recorder, self.sessions)

    async def begin(self) -> list[Entry]:
        """Open the library and its latest session, and take up the queue.

        Returns:
            The jobs that were running when the program ended.
        """
        await self.library.open()
        await self.sessions.begin()
        interrupted = await self.queue.take_up()
        self.state.begun.set()
        self.state.changed(Change.ALL)
        return interrupted

    async def look_for_changes(self) -> None:
        """Take in what another window did; asked every second or so."""
        if await self.library.changed_elsewhere():
            await self._follow()
        elif not self.state.owns_queue:
            await self.queue.take_up()

    def load(self, options: BackendOptions) -> None:
        """Load another checkpoint once the running job is done."""
        self.state.options = options
        self.state.load_failure = None
        self.state.loading = Loading("waiting for the running job", 0.0)
        self.state.thread.load(options)
        self.state.changed(Change.MODEL)

    # Pictures

    async def open_file(self, path: Path) -> StoredPicture:
        """Take a picture into the session and choose it; raises as `Importing.file` does."""
        image = await asyncio.to_thread(load_image, path)  # before a session is made for it
        session = await self.sessions.current_or_new(path.stem.replace("-", " ").replace("_", " "))
        picture = await self.library.write(
            lambda library: library.importing.file(session, path, image)
        )
        entry = await self.library.read(lambda library: library.entries.get(picture.entry))
        self.state.put_entry(entry)
        self.state.put_picture(picture)
        self.state.choose_picture(picture.id)
        return picture

    async def open_files(
        self, paths: Sequence[Path], complain: Callable[[str, str], None]
    ) -> list[StoredPicture]:
        """Import pictures one after the other, choose the first, and say which cannot be opened."""
        opened: list[StoredPicture] = []
        wrong: list[str] = []
        for path in paths:
            try:
                opened.append(await self.open_file(path))
            except UnipicError as error:
                wrong.append(error.message)
        for message in wrong[:_MOST_COMPLAINTS]:
            complain("The picture cannot be opened", message)
        if len(wrong) > _MOST_COMPLAINTS:
            more = len(wrong) - _MOST_COMPLAINTS
            complain(
                "Pictures cannot be opened",
                f"{amount(more, 'more file')} could not be opened either.",
            )
        if len(opened) > 1:
            self.state.choose_picture(opened[0].id)
        return opened

    async def change_picture(self, work: Callable[[Library], StoredPicture]) -> None:
        """Have the library change a picture, and show it so."""
        self.state.put_picture(await self.library.write(work))
        self.state.changed(Change.CHOICE)

    async def toggle_favourite(self, picture: StoredPicture) -> None:
        """Mark a picture as a favourite, or no longer."""
        await self.change_picture(
            lambda library: library.pictures.set_favourite(
                picture.id, not library.pictures.get(picture.id).favourite
            )
        )

    async def trash_picture(self, picture: StoredPicture) -> None:
        """Move a picture to the trash; its neighbour is chosen."""
        neighbour = self._neighbour(picture.id)
        await self.library.write(lambda library: library.trash.put_picture(picture.id))
        await self._follow()
        if neighbour is not None:
            self.state.choose_picture(neighbour)

    async def trash(self) -> str:
        """Move the chosen picture to the trash, or the chosen job; a few words about it."""
        entry, picture = self.state.entry, self.state.picture
        asks = entry is not None and not entry.job.draws
        if picture is not None and not asks and picture.entry == self.state.entry_id:
            await self.trash_picture(picture)
            return "The picture is in the trash."
        if entry is None:
            return ""
        number = entry.id
        stopped = [number] if self.state.thread.cancel(number) else []

        def trash(library: Library) -> None:
            give_up(library, stopped)
            library.trash.put_entry(number)

        await self.library.write(trash)
        await self._follow()
        return "The job is in the trash."

    def _neighbour(self, picture: int) -> int | None:
        ordered = list(self.state.current.pictures)
        if picture not in ordered:
            return None
        place = ordered.index(picture)
        rest = ordered[place + 1 : place + 2] or ordered[max(0, place - 1) : place]
        return rest[0] if rest else None

    async def undo(self) -> str | None:
        """Bring back what was trashed last; a few words about it."""
        words = await self.library.write(lambda library: library.trash.undo())
        await self._follow()
        return words

    async def _follow(self) -> None:
        """Have the queue and the screen follow a change of what there is in the library."""
        await self.queue.take_up()
        await self.sessions.reload()
