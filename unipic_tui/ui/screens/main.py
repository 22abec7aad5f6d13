"""The screen: history, pictures, prompt, status. It shows what the studio holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from PIL.Image import Image
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input, TextArea

from unipic_tui.errors import UnipicError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.actions.library import LibraryActions
from unipic_tui.ui.actions.picture import PictureActions
from unipic_tui.ui.actions.prompt import PromptActions
from unipic_tui.ui.actions.view import ViewActions
from unipic_tui.ui.commands import COMMANDS, bindings, command, keys_of, shown_key
from unipic_tui.ui.screens.queue import QueueScreen
from unipic_tui.ui.stage import Stage
from unipic_tui.ui.status import status_of
from unipic_tui.ui.studio import Change, Studio
from unipic_tui.ui.widgets.bars import Hint, KeyHints, StatusLine, TitleBar
from unipic_tui.ui.widgets.composer import Composer
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.greeting import Greeting, Starters
from unipic_tui.ui.widgets.history import HistoryTree, SearchInput, Sidebar
from unipic_tui.ui.widgets.picture_view import PictureView
from unipic_tui.ui.widgets.prompt import PromptArea

if TYPE_CHECKING:
    from unipic_tui.ui.app import UnipicApp

THUMBNAIL_SIDES = (64, 128, 256)
"""Sizes, in pixels, in which small versions of pictures are kept."""

SEARCH_SECONDS = 0.06
"""How long typing has to rest before the history is searched."""
LIVE_SECONDS = 0.1
"""Shortest time between two looks at a job's progress."""

Handler = Callable[[], Awaitable[None]]


class Browser(Horizontal):
    """History and pictures: here single letters are commands."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("pictures")]


class MainScreen(Screen[None]):
    """The one screen.

    Args:
        studio: what is shown.
        protocol: how pictures are shown.
        text_first: whether words take the place of pictures.
        texts: what the settings' fields begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # What was selected with the mouse is copied first; only then is Ctrl+C for cancelling.
        Binding("ctrl+c,super+c", "screen.copy_text", "Copy", show=False),
        *bindings("anywhere"),
    ]
    AUTO_FOCUS = "#prompt"

    def __init__(
        self, studio: Studio, *, protocol: str, text_first: bool, texts: dict[str, str]
    ) -> None:
        super().__init__()
        self.studio = studio
        self.protocol = protocol
        self._texts = texts
        self._begins_text_first = text_first
        self._pending = Change(0)
        self._shown = 0.0
        self._handlers: dict[str, Handler] = {
            **PromptActions(self).handlers,
            **PictureActions(self).handlers,
            **LibraryActions(self).handlers,
            **ViewActions(self).handlers,
        }

    def compose(self) -> ComposeResult:
        """Title, body, prompt, status, keys."""
        yield TitleBar()
        with Browser(id="body"):
            yield Sidebar(id="sidebar")
            yield Stage(self.protocol, id="stage")
        yield Composer(self._texts, id="composer")
        yield StatusLine()
        yield KeyHints()

    # Parts, by name

    @property
    def unipic(self) -> UnipicApp:
        """The app, with its own type."""
        return self.app  # type: ignore[return-value]

    @property
    def composer(self) -> Composer:
        """Prompt and settings."""
        return self.query_one(Composer)

    @property
    def stage(self) -> Stage:
        """Picture, details, gallery."""
        return self.query_one(Stage)

    @property
    def history(self) -> HistoryTree:
        """The list of sessions and jobs."""
        return self.query_one(HistoryTree)

    @property
    def text_first(self) -> bool:
        """Whether words take the place of pictures."""
        return self.has_class("-text")

    def show_text_first(self, text_first: bool) -> None:
        """Show words in place of pictures, or pictures again."""
        self.set_class(text_first, "-text")
        self.stage.gallery.text_only = text_first
        self.studio_changed(Change.CHOICE)

    # Commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Single letters are no commands while text is typed."""
        if action == "command" and parameters:
            entry = command(str(parameters[0]))
            if entry.scope == "pictures" and isinstance(self.focused, Input | TextArea):
                return False
        return super().check_action(action, parameters)

    def action_command(self, identifier: str) -> None:
        """Run a command from the table."""
        if identifier == "cancel" and self.studio.running is None:
            raise SkipAction
        self.perform(identifier)

    def perform(self, identifier: str) -> None:
        """Run a command; what is wrong is said in a notice."""
        handler = self._handlers[identifier]

        async def guarded() -> None:
            try:
                await handler()
            except UnipicError as error:
                self.unipic.complain(error.title, error.message)

        self.run_worker(guarded(), group="commands")

    def soon(self, work: Coroutine[Any, Any, None], group: str = "screen") -> None:
        """Do something that waits for the disk, in the order it is asked for in its group."""

        async def guarded() -> None:
            try:
                await work
            except UnipicError as error:
                self.unipic.complain(error.title, error.message)

        self.run_worker(guarded(), group=group)

    @property
    def handled(self) -> frozenset[str]:
        """Ids of all commands this screen can run."""
        return frozenset(self._handlers)

    # Showing what the studio holds

    def studio_changed(self, change: Change) -> None:
        """Show a change soon: many at once together, and mere progress only so often."""
        before = self._pending
        self._pending |= change
        if before and (before != Change.LIVE or self._pending == Change.LIVE):
            return  # a look is on its way
        wait = LIVE_SECONDS - (time.monotonic() - self._shown)
        if self._pending == Change.LIVE and wait > 0:
            self.set_timer(wait, self._show_pending)
        else:
            self.call_later(self._show_pending)

    def _show_pending(self) -> None:
        if not self._pending:
            return
        self._shown = time.monotonic()
        change, self._pending = self._pending, Change(0)
        studio = self.studio
        if Change.SESSION in change:
            self.query_one(TitleBar).session = self._session_name()
        if change & (Change.TREE | Change.SESSION):
            self._show_tree()
        elif Change.ENTRIES in change:
            for entry in studio.touched.values():
                self.history.change_entry(entry)
        studio.touched.clear()
        if change & (Change.PICTURES | Change.SESSION):
            self.stage.show_pictures(list(studio.desk.pictures.values()), studio.picture_id)
        elif Change.CHOICE in change:
            self.stage.point_at(studio.picture_id)
        if change & (Change.CHOICE | Change.PICTURES | Change.SESSION | Change.LIVE):
            only_live = not change & (Change.CHOICE | Change.PICTURES | Change.SESSION)
            self.stage.show_choice(studio, only_live=only_live, text_first=self.text_first)
        if change & (Change.CHOICE | Change.SESSION):
            self._show_chosen()
        if Change.MODEL in change:
            self._show_model()
        self.query_one(StatusLine).status = status_of(studio)
        if change & (Change.QUEUE | Change.CHOICE | Change.SESSION):
            self._show_hints()
        if Change.QUEUE in change and isinstance(self.app.screen, QueueScreen):
            self.app.screen.queue_changed()

    def _session_name(self) -> str:
        session = self.studio.desk.session
        return session.name if session else "new session"

    def _show_tree(self) -> None:
        self.history.set_rows(
            self.studio.rows(), frozenset(self.studio.unfolded), self.studio.desk.id
        )
        if self.studio.entry_id is not None and self.focused is not self.history:
            self.history.point_at(self.studio.entry_id)

    def _show_chosen(self) -> None:
        picture = self.studio.picture
        turns = self.studio.desk.turns(picture.id) if picture else ()
        self.composer.use_source(picture, turns)
        if self.studio.entry_id is not None and self.focused is not self.history:
            self.history.point_at(self.studio.entry_id)

    def _show_model(self) -> None:
        info = self.studio.info
        self.query_one(TitleBar).model = info.model if info else ""
        if info is not None and self.composer.defaults != info.defaults:
            self.composer.use_defaults(info.defaults)
        self.query_one(Greeting).show_model(info)

    def _show_hints(self) -> None:
        self.query_one(KeyHints).hints = self._hints()

    def _hints(self) -> list[Hint]:
        typing = not isinstance(self.focused, HistoryTree | Gallery | PictureView)
        running = self.studio.running is not None
        hints = []
        for entry in COMMANDS:
            keys = keys_of(entry, self.unipic.keymap)
            if not (entry.hint and keys) or (entry.need == "job" and not running):
                continue
            if entry.need == "picture" and self.studio.picture is None:
                continue
            if (entry.scope == "pictures") != typing or entry.id in {"cancel", "help"}:
                hints.append(Hint(shown_key(keys[0]), entry.hint, entry.id))
        # Whoever knows no key needs Help, and whoever wants to stop needs it at once.
        return sorted(hints, key=lambda hint: hint.command != "cancel")

    def begin(self, prompts: Sequence[str]) -> None:
        """The library is open."""
        self.composer.prompt.set_history(prompts)
        self.stage.gallery.load = self._small
        if self.studio.entry is None:
            self.query_one(Starters).focus()

    def _small(self, picture: StoredPicture, side: int) -> Image:
        """A small version of a picture, kept on the disk in few sizes; not for the event loop."""
        size = next((size for size in THUMBNAIL_SIDES if size >= side), THUMBNAIL_SIDES[-1])
        return self.studio.store.opened.thumbnails.get(picture.id, size)

    # What the widgets say

    def on_mount(self) -> None:
        """Show what is there."""
        self.show_text_first(self._begins_text_first)
        self.studio_changed(Change.ALL)

    def on_descendant_focus(self) -> None:
        """Other keys matter where the focus is now."""
        self._show_hints()

    @on(Gallery.Selected)
    def _picture_selected(self, event: Gallery.Selected) -> None:
        self.studio.choose_picture(event.picture.id)

    @on(Gallery.Opened)
    def _picture_opened(self, event: Gallery.Opened) -> None:
        self.studio.choose_picture(event.picture.id)
        self.perform("picture.view")

    @on(Stage.PictureClicked)
    def _picture_clicked(self) -> None:
        self.perform("picture.view")

    @on(PictureView.RegionChosen)
    def _region_chosen(self, event: PictureView.RegionChosen) -> None:
        self.composer.use_region(self.studio.picture, event.region)
        self.composer.mode = GenerateJob.mode
        self.composer.prompt.focus()

    @on(PictureView.RegionCancelled)
    def _region_cancelled(self) -> None:
        self.stage.gallery.focus()

    @on(HistoryTree.Highlighted)
    def _row_highlighted(self, event: HistoryTree.Highlighted) -> None:
        entry = event.row.entry
        if entry is not None and entry.session == self.studio.desk.id:
            self.studio.choose_entry(entry.id)

    @on(HistoryTree.Opened)
    def _row_opened(self, event: HistoryTree.Opened) -> None:
        row = event.row
        if row.entry is not None:
            self.soon(self.studio.go_to(row.entry))
        elif row.session.id != self.studio.desk.id:
            self.soon(self.studio.open_session(row.session.id))
        else:
            unfold = row.session.id not in self.studio.unfolded
            self.soon(self.studio.fold(row.session, unfold))

    @on(HistoryTree.Folded)
    def _row_folded(self, event: HistoryTree.Folded) -> None:
        self.soon(self.studio.fold(event.row.session, event.unfold))

    @on(Input.Changed, "#search")
    def _search_changed(self, event: Input.Changed) -> None:
        self.run_worker(self._search(event.value), group="search", exclusive=True)

    async def _search(self, query: str) -> None:
        await asyncio.sleep(SEARCH_SECONDS)  # whoever types on wants only the last
        try:
            await self.studio.search(query)
        except UnipicError as error:
            self.unipic.complain(error.title, error.message)

    @on(Input.Submitted, "#search")
    def _search_submitted(self) -> None:
        self.history.focus()

    @on(SearchInput.Left)
    def _search_left(self) -> None:
        self.composer.prompt.focus()

    @on(Greeting.Chosen)
    def _starter_chosen(self, event: Greeting.Chosen) -> None:
        self.composer.mode = GenerateJob.mode
        self.composer.prompt.show(event.prompt)
        self.composer.prompt.focus()
        self.perform("run")

    @on(Starters.Typed)
    def _starter_typed(self, event: Starters.Typed) -> None:
        self.composer.prompt.type_in(event.text)

    @on(PromptArea.PathPasted)
    def _path_pasted(self, event: PromptArea.PathPasted) -> None:
        self.soon(self._take_pasted(event))

    async def _take_pasted(self, event: PromptArea.PathPasted) -> None:
        try:
            await self.studio.open_file(event.path.expanduser())
        except UnipicError:
            # It was text after all, or will be understood better as such.
            self.composer.prompt.type_in(event.text)
        else:
            if self.composer.mode == GenerateJob.mode:
                self.composer.mode = EditJob.mode
