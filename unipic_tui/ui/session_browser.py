"""Opening, searching, renaming and removing sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from unipic_tui.errors import StorageError
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, Session
from unipic_tui.ui.library_access import LibraryAccess
from unipic_tui.ui.open_session import HistoryRow, OpenSession
from unipic_tui.ui.state import AppState, Change

NAME_WORDS = 6
"""A session is called after so many words of its first prompt."""
_LOOSE_ENDS = {
    *("a", "an", "the", "of", "in", "on", "at", "and", "or", "with", "to", "by", "from", "for"),
    *("left", "right", "above", "below"),
}


class SessionBrowser:
    """Reads sessions of the library into the app's state.

    Args:
        state: what is changed.
        library: where it comes from.
    """

    def __init__(self, state: AppState, library: LibraryAccess) -> None:
        self._state = state
        self._library = library
        self._creating = asyncio.Lock()
        self._wanted = 0

    async def begin(self) -> None:
        """Read the names of all sessions, and open the latest."""
        self._state.sessions = await self._library.read(lambda library: library.sessions.all())
        if self._state.sessions:
            await self.open(self._state.sessions[0].id)

    async def open(self, session: int) -> None:
        """Show a session; its latest picture is chosen."""
        found = next((other for other in self._state.sessions if other.id == session), None)
        if found is None:
            raise _gone()
        self._wanted = session
        await self.unfold(found)
        if self._wanted != session:
            return  # another one was asked for meanwhile
        opened = self._state.loaded.get(session)
        if opened is None:
            raise _gone()
        self._state.current = opened
        self._state.choose_latest()
        self._state.changed(Change.SESSION | Change.TREE | Change.PICTURES | Change.CHOICE)

    def start_new(self) -> None:
        """Show an empty session; it is kept once there is something in it."""
        self._wanted = 0
        self._state.current = OpenSession()
        self._state.entry_id = self._state.picture_id = None
        self._state.changed(Change.SESSION | Change.TREE | Change.PICTURES | Change.CHOICE)

    async def fold(self, session: Session, unfold: bool) -> None:
        """Show a session's entries in the history, or only its name."""
        if unfold:
            await self.unfold(session)
        else:
            self._state.unfolded.discard(session.id)
        self._state.changed(Change.TREE)

    async def unfold(self, session: Session) -> None:
        """Read a session, and show its jobs in the history from now on."""
        if session.id not in self._state.loaded:
            await self._library.write(
                lambda library: OpenSession.load(library, session),
                lambda opened: self._state.loaded.setdefault(session.id, opened),
            )
        if session.id in self._state.loaded:
            self._state.unfolded.add(session.id)

    async def read_of(self, entry: Entry) -> None:
        """Read the session of a job; raises `StorageError` when it is not there any more."""
        if entry.session not in self._state.loaded:
            found = next((one for one in self._state.sessions if one.id == entry.session), None)
            if found is None:
                raise _gone()
            await self.unfold(found)

    async def rename(self, session: int, name: str) -> None:
        """Give a session another name."""
        await self._library.write(lambda library: library.sessions.rename(session, name))
        await self.reload()

    async def trash(self, session: int) -> None:
        """Move a session that was read to the trash; where it was shown, the next one is."""
        opened = self._state.loaded.get(session)
        entries = opened.entries if opened is not None else ()
        stopped = [entry for entry in entries if self._state.thread.cancel(entry)]

        def trash(library: Library) -> None:
            give_up(library, stopped)
            library.trash.put_session(session)

        await self._library.write(trash)
        self._state.unfolded.discard(session)
        self._state.loaded.pop(session, None)
        shown = self._state.current.id == session
        if shown:
            self.start_new()
        await self.reload()
        if shown and self._state.sessions:
            await self.open(self._state.sessions[0].id)

    async def reload(self) -> None:
        """Read again what is shown, after somebody else or an undo changed it."""
        asked = frozenset(self._state.loaded)

        def read(library: Library) -> tuple[list[Session], dict[int, OpenSession]]:
            sessions = library.sessions.all()
            shown = (session for session in sessions if session.id in asked)
            return sessions, {one.id: OpenSession.load(library, one) for one in shown}

        await self._library.write(read, lambda found: self._replace(*found, asked))

    def _replace(
        self, sessions: list[Session], loaded: dict[int, OpenSession], asked: frozenset[int]
    ) -> None:
        present = {session.id for session in sessions}
        # Those that were opened while these were read are as new.
        since = {
            number: opened
            for number, opened in self._state.loaded.items()
            if number in present and number not in asked
        }
        self._state.sessions = sessions
        self._state.loaded = loaded | since
        self._state.unfolded &= set(self._state.loaded)
        before = self._state.current
        self._state.current = self._state.loaded.get(
            before.id, OpenSession() if before.id else before
        )
        if self._state.entry is None and self._state.picture is None:
            self._state.choose_latest()
        self._state.changed(Change.ALL)

    async def search(self, query: str) -> None:
        """Show in the history what matches; everything again for an empty query."""
        if not query.strip():
            self._state.found = None
            self._state.changed(Change.TREE)
            return
        entries = await self._library.read(lambda library: library.search.find(query))
        by_session: dict[int, list[Entry]] = {}
        for entry in entries:
            by_session.setdefault(entry.session, []).append(entry)
        present = {session.id: session for session in self._state.sessions}
        self._state.found = []
        for number, found in by_session.items():
            if number in present:
                self._state.found.append(HistoryRow(present[number], open=True))
                self._state.found += OpenSession(present[number], found[::-1]).rows()
        self._state.changed(Change.TREE)

    async def go_to(self, entry: Entry) -> None:
        """Choose a job of any session, which is then shown."""
        if entry.session != self._state.current.id:
            await self.open(entry.session)
        if entry.session == self._state.current.id:
            self._state.choose_entry(entry.id)

    async def current_or_new(self, prompt: str) -> int:
        """The session on the screen; a new one is created and named after the prompt."""
        await self._state.begun.wait()
        # Whoever runs a second prompt meanwhile means the same new session.
        async with self._creating:
            if self._state.current.session is not None:
                return self._state.current.id
            name, before = session_name(prompt), self._state.current

            def show(session: Session) -> None:
                self._state.sessions.insert(0, session)
                opened = self._state.loaded[session.id] = OpenSession(session)
                self._state.unfolded.add(session.id)
                if self._state.current is before:  # else a person went elsewhere meanwhile
                    self._state.current = opened
                self._state.changed(Change.SESSION)

            session = await self._library.write(lambda library: library.sessions.create(name), show)
            return session.id


def give_up(library: Library, stopped: Iterable[int]) -> None:
    """Note that jobs are cancelled which the model's thread was told to stop.

    It may still be at work on one of them, which could not go to the trash before it has stopped.
    """
    for entry in stopped:
        library.entries.set_state(entry, "cancelled")


def _gone() -> StorageError:
    return StorageError("That session is not there any more.")


def session_name(prompt: str) -> str:
    """A name for a session: the first words of its first prompt, not ending in the middle."""
    words = prompt.split()[:NAME_WORDS]
    while len(words) > 1 and words[-1].lower() in _LOOSE_ENDS:
        words.pop()
    return " ".join(words)[:80].rstrip(",.;:") or "Pictures"
