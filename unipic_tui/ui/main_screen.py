"""The main screen: history, pictures, prompt, status. It shows the app's state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from PIL.Image import Image
from textual import events, on, work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, TextArea

from unipic_tui.errors import UnipicError
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.dropped import may_name_files, named_files
from unipic_tui.text import printable
from unipic_tui.ui.actions.actions import ActingScreen, Actions
from unipic_tui.ui.actions.picture_actions import PictureActions
from unipic_tui.ui.actions.prompt_actions import PromptActions
from unipic_tui.ui.actions.screen_actions import ScreenActions
from unipic_tui.ui.actions.session_actions import SessionActions
from unipic_tui.ui.commands import (
    Command,
    Place,
    bindings,
    chosen_keys,
    declared,
    hints,
    keys_of,
)
from unipic_tui.ui.controller import Controller
from unipic_tui.ui.notices import complain
from unipic_tui.ui.state import Change
from unipic_tui.ui.widgets.bars import KeyHints, StatusLine, TitleBar, status_of
from unipic_tui.ui.widgets.composer import Composer
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.greeting import Greeting, Starters
from unipic_tui.ui.widgets.history import HistoryTree, SearchInput, Sidebar
from unipic_tui.ui.widgets.picture_view import PictureView
from unipic_tui.ui.widgets.prompt_area import MOST_PASTED, PromptArea
from unipic_tui.ui.widgets.workspace import Workspace

ACTIONS: tuple[type[Actions], ...] = (
    *(PromptActions, PictureActions, SessionActions, ScreenActions),
)
"""Where the commands of the main screen are declared."""
THUMBNAIL_SIDES = (64, 128, 256)
"""Sizes, in pixels, in which small versions of pictures are kept."""

SEARCH_SECONDS = 0.06
"""How long typing has to rest before the history is searched."""
LIVE_SECONDS = 0.1
"""Shortest time between two looks at a job's progress."""


def _keys(place: Place) -> list[BindingType]:
    return bindings(entry for entry in declared(*ACTIONS) if entry.place == place)


class Browser(Horizontal):
    """History and pictures: here single letters are commands."""

    BINDINGS: ClassVar[list[BindingType]] = [*_keys("browser")]


class MainScreen(ActingScreen):
    """The one screen that is always there.

    Args:
        controller: does what commands want, and changes the state that is shown.
        commands: all commands there are, for the help.
        protocol: how pictures are shown.
        text_first: whether words take the place of pictures.
        prompt: what the prompt editor begins with.
        texts: what the settings' fields begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # What was selected with the mouse is copied first; only then is Ctrl+C for cancelling.
        Binding("ctrl+c,super+c", "screen.copy_text", "Copy", show=False),
        *_keys("main"),
    ]
    AUTO_FOCUS = "PromptArea"

    def __init__(
        self,
        controller: Controller,
        commands: Sequence[Command],
        *,
        protocol: str,
        text_first: bool,
        prompt: str,
        texts: dict[str, str],
    ) -> None:
        super().__init__()
        self.controller = controller
        self.state = controller.state
        self.sidebar = Sidebar()
        self.workspace = Workspace(protocol, self._small)
        self.composer = Composer(texts)
        self._begins_text_first = text_first
        self._first_prompt = prompt
        self._pending = Change(0)
        self._shown = 0.0
        parts = (self, controller, self.workspace, self.composer, self.sidebar, commands)
        self._commands = {entry.id: entry for entry in declared(*ACTIONS)}
        for kind in ACTIONS:
            actions = kind(*parts)
            for entry in declared(kind):
                self.handlers[entry.id] = partial(getattr(actions, entry.method), *entry.args)

    def compose(self) -> ComposeResult:
        """Title, body, prompt, status, keys."""
        yield TitleBar()
        with Browser(id="body"):
            yield self.sidebar
            yield self.workspace
        yield self.composer
        yield StatusLine()
        yield KeyHints()

    @property
    def history(self) -> HistoryTree:
        """The list of sessions and jobs."""
        return self.sidebar.history

    # Commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Single letters are no commands while text is typed."""
        if action == "command" and parameters:
            entry = self._commands[str(parameters[0])]
            if entry.place == "browser" and isinstance(self.focused, Input | TextArea):
                return False
        return super().check_action(action, parameters)

    def action_command(self, identifier: str) -> None:
        """Run a command by its id, as keys and hints name it."""
        if identifier == "cancel" and self.state.running is None:
            raise SkipAction
        self.perform(identifier)

    # Showing the state

    def state_changed(self, change: Change) -> None:
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
        state = self.state
        if Change.SESSION in change:
            self.query_one(TitleBar).session = self._session_name()
        if change & (Change.TREE | Change.SESSION):
            self._show_tree()
        elif Change.ENTRIES in change:
            for entry in state.touched.values():
                self.history.change_entry(entry)
        state.touched.clear()
        if change & (Change.PICTURES | Change.SESSION):
            self.workspace.show_pictures(state.current, state.picture_id)
        elif Change.CHOICE in change:
            self.workspace.point_at(state.picture_id)
        if change & (Change.CHOICE | Change.PICTURES | Change.SESSION | Change.LIVE):
            only_live = not change & (Change.CHOICE | Change.PICTURES | Change.SESSION)
            self.workspace.show_choice(state, only_live=only_live)
        if change & (Change.CHOICE | Change.SESSION):
            self._show_chosen()
        if Change.MODEL in change:
            self._show_model()
        self.query_one(StatusLine).status = status_of(state)
        if change & (Change.QUEUE | Change.CHOICE | Change.SESSION):
            self._show_hints()

    def _session_name(self) -> str:
        session = self.state.current.session
        return session.name if session else "new session"

    def _show_tree(self) -> None:
        empty = "Nothing yet." if self.state.found is None else "Nothing is found."
        self.history.set_rows(self.state.rows(), self.state.current.id, empty)
        self._point_history()

    def _show_chosen(self) -> None:
        picture = self.state.picture
        turns = self.state.current.turns(picture.id) if picture else ()
        self.composer.use_source(picture, turns)
        self._point_history()

    def _point_history(self) -> None:
        if self.state.entry_id is not None and self.focused is not self.history:
            self.history.point_at(self.state.entry_id, self.state.picture_id)

    def _show_model(self) -> None:
        info = self.state.info
        self.query_one(TitleBar).model = info.model if info else ""
        if info is not None and self.composer.defaults != info.defaults:
            self.composer.use_defaults(info.defaults)
        self.workspace.greeting.show_model(info)

    def _show_hints(self) -> None:
        found = hints(self._hinted(), chosen_keys(self))
        # Whoever knows no key needs Help, so it always has room, at the end.
        self.query_one(KeyHints).hints = sorted(found, key=lambda hint: hint.words == "Help")

    def _hinted(self) -> Iterator[Command]:
        focused = self.focused
        typing = not isinstance(focused, HistoryTree | Gallery | PictureView)
        inner = declared(type(focused)) if focused is not None else []
        if focused is self.history and not self.history.rows:
            inner = []
        yield from inner
        if isinstance(focused, PictureView):
            return
        keymap = chosen_keys(self)
        taken = {key for entry in inner for key in keys_of(entry, keymap)}
        there = {"": True, "job": self.state.running is not None}
        there["picture"] = self.state.picture is not None
        for entry in self._commands.values():
            here = entry.id in {"cancel", "help"} or (entry.place == "browser") != typing
            if here and there[entry.needs] and not taken.intersection(keys_of(entry, keymap)):
                yield entry

    def begin(self, prompts: Sequence[str]) -> None:
        """The library is open."""
        for prompt in self.query(PromptArea):  # none while the app is being left
            prompt.set_history(prompts)
            # Whoever has begun to type, or went elsewhere, stays there.
            if self.state.entry is None and self.focused is prompt and not prompt.text:
                self.query(Starters).focus()

    def _small(self, picture: StoredPicture, side: int) -> Image:
        """A small version of a picture, kept on the disk in few sizes; not for the event loop."""
        size = next((size for size in THUMBNAIL_SIDES if size >= side), THUMBNAIL_SIDES[-1])
        return self.controller.library.opened.thumbnails.get(picture.id, size)

    # What the widgets say

    def on_mount(self) -> None:
        """Show what is there."""
        self.state.listeners.append(self.state_changed)
        self.watch(self.workspace, "text_first", self._text_first_changed, init=False)
        self.workspace.text_first = self._begins_text_first
        self.composer.prompt.show(self._first_prompt)
        self.state_changed(Change.ALL)

    def on_unmount(self) -> None:
        """Show nothing more."""
        self.state.listeners.remove(self.state_changed)

    def _text_first_changed(self) -> None:
        self.state_changed(Change.CHOICE)

    def on_descendant_focus(self) -> None:
        """Other keys matter where the focus is now."""
        self._show_hints()

    @on(Gallery.Selected)
    def _picture_selected(self, event: Gallery.Selected) -> None:
        self.state.choose_picture(event.picture.id)

    @on(Gallery.Opened)
    def _picture_opened(self, event: Gallery.Opened) -> None:
        self.state.choose_picture(event.picture.id)
        self.perform("picture.view")

    @on(Workspace.PictureClicked)
    def _picture_clicked(self) -> None:
        self.perform("picture.view")

    @on(PictureView.RegionChosen)
    def _region_chosen(self, event: PictureView.RegionChosen) -> None:
        self.composer.use_region(self.workspace.region_of, event.region)
        self.composer.mode = GenerateJob.mode
        self.composer.prompt.focus()

    @on(PictureView.RegionCancelled)
    def _region_cancelled(self) -> None:
        self.workspace.gallery.focus()

    @on(HistoryTree.Highlighted)
    def _row_highlighted(self, event: HistoryTree.Highlighted) -> None:
        entry, picture = event.row.entry, event.row.picture
        if entry is None or entry.session != self.state.current.id:
            return
        if picture is not None:
            self.state.choose_picture(picture.id)
        else:
            self.state.choose_entry(entry.id)

    @on(HistoryTree.Opened)
    def _row_opened(self, event: HistoryTree.Opened) -> None:
        row = event.row
        if row.run is not None and row.entry and row.entry.session == self.state.current.id:
            self.state.turn(row.run.id)
        elif row.entry is not None:
            self.soon(self.controller.sessions.go_to(row.entry))
        elif row.session.id != self.state.current.id:
            self.soon(self.controller.sessions.open(row.session.id))
        else:
            self.soon(self.controller.sessions.fold(row.session, not row.open))

    @on(HistoryTree.Folded)
    def _row_folded(self, event: HistoryTree.Folded) -> None:
        row = event.row
        if row.run is None:
            self.soon(self.controller.sessions.fold(row.session, event.unfold))
        elif row.open != event.unfold:
            self.state.turn(row.run.id)

    @on(Input.Changed, "#search")
    @work(group="search", exclusive=True)
    async def _search_changed(self, event: Input.Changed) -> None:
        await asyncio.sleep(SEARCH_SECONDS)  # whoever types on wants only the last
        try:
            await self.controller.sessions.search(event.value)
        except UnipicError as error:
            complain(self, error.title, error.message)

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

    def on_paste(self, event: events.Paste) -> None:
        """Something was pasted or dropped outside a field: pictures to open, or a prompt."""
        event.stop()
        self.paste(event.text)

    def paste(self, text: str) -> None:
        """Open the pictures that a text names; any other text goes to the prompt editor."""
        if may_name_files(text):
            self.soon(self._open_named(text))
        else:
            self._type_pasted(text)

    def _type_pasted(self, text: str) -> None:
        if len(text) <= MOST_PASTED:
            self.composer.prompt.type_in(printable(text, newlines=True))
        else:
            words = f"Its {len(text):,} characters are more than the {MOST_PASTED:,} allowed here."
            complain(self, "The text is too long", words)

    async def _open_named(self, text: str) -> None:
        paths = await asyncio.to_thread(named_files, text)
        if paths is None:
            self._type_pasted(text)
            return
        opened = await self.controller.open_files(paths, partial(complain, self))
        if opened:
            if self.composer.mode == GenerateJob.mode:
                self.composer.mode = EditJob.mode
            self.composer.prompt.focus()
