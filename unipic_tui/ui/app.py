"""The app: it joins the screen, the library and the model's thread, and knows how to begin and end.

Importing this module loads neither torch nor transformers; the backend factory does so, on the
model's thread, after the first paint.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hits, Provider
from textual.screen import Screen
from textual.system_commands import SystemCommandsProvider

from unipic_tui import paths
from unipic_tui.errors import UnipicError
from unipic_tui.events import BackendFactory, BackendOptions, Failed, Notice
from unipic_tui.jobs import USUAL_QUALITY
from unipic_tui.library import Library
from unipic_tui.library.records import Entry
from unipic_tui.settings import Settings
from unipic_tui.terminal.capabilities import detect_protocol, terminal_answers
from unipic_tui.terminal.dropped import may_name_files
from unipic_tui.terminal.paste import take_pastes_whole
from unipic_tui.text import amount, one_line, printable
from unipic_tui.ui.commands import (
    PROGRAM,
    chosen_keys,
    declared,
    key_bindings,
    keys_of,
    remapping,
    shown_key,
)
from unipic_tui.ui.controller import Controller
from unipic_tui.ui.key_order import KeyOrder, Typed
from unipic_tui.ui.library_access import LibraryAccess, Recorder
from unipic_tui.ui.main_screen import ACTIONS, MainScreen
from unipic_tui.ui.messages import Stored, Trouble, Worked
from unipic_tui.ui.notices import complain, log_to_file
from unipic_tui.ui.screens.contact_sheet import SheetScreen, SheetView
from unipic_tui.ui.screens.dialogs import LeaveDialog, QuestionDialog
from unipic_tui.ui.screens.help import LOG_NAME, HelpScreen
from unipic_tui.ui.screens.queue_screen import QueueScreen
from unipic_tui.ui.screens.viewer import ViewerScreen
from unipic_tui.ui.state import AppState
from unipic_tui.ui.themes import DARK, LIGHT, usual_theme
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.history import HistoryTree, SearchInput
from unipic_tui.ui.widgets.picture_view import PictureView
from unipic_tui.ui.wording import entry_title
from unipic_tui.worker import LoadFailed, ModelThread, Ready

LOOK_SECONDS = 1.5
"""How often the library is asked whether another window changed it."""
SNAPSHOT_SECONDS = 2.0
"""How often the state of a drawing is kept, to go on from after a crash."""
LEAVE_SECONDS = 20.0
"""How long leaving waits for the running job to stop."""
HUNG_UP = 129
"""Exit code after SIGHUP, which comes when the terminal is closed."""
LOADING_SECONDS = 0.5
"""How long leaving waits for a checkpoint that is being loaded."""

_log = logging.getLogger(__name__)


class CommandPalette(SystemCommandsProvider):
    """What `UnipicApp.get_system_commands` gives, in that order."""

    async def discover(self) -> Hits:
        """All of them; Textual would sort them by their titles."""
        for title, words, run, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(title, run, title, words)


class UnipicApp(App[int]):
    """The app.

    Args:
        settings: what the person has chosen once for all runs.
        backend_factory: makes what runs the jobs.
        options: what to make first.
        library: folder of the library; the settings' or the usual one by default.
    """

    TITLE = "unipic-tui"
    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = [
        "styles/main.tcss",
        "styles/dialogs.tcss",
    ]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {CommandPalette}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (150, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-normal"), (48, "-tall")]  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        *,
        settings: Settings,
        backend_factory: BackendFactory,
        options: BackendOptions,
        library: Path | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self._remapped, self._complaints = remapping(settings.keys, ALL_COMMANDS)
        folder = library or settings.library or paths.data_dir()
        self.library = LibraryAccess(lambda: Library.open(folder, metadata=settings.metadata))
        if options.snapshot_seconds is None:
            options = dataclasses.replace(options, snapshot_seconds=SNAPSHOT_SECONDS)
        self.recorder = Recorder(self.library, self.post_message)
        self.thread = ModelThread(backend_factory, options, self.recorder)
        self.state = AppState(self.thread, options)
        self.controller = Controller(self.state, self.library, self.recorder)
        self._main: MainScreen | None = None
        self._leaving = False
        self._keys = KeyOrder(self, super().on_event)
        self._good_options: BackendOptions | None = None

    # Beginning

    def on_mount(self) -> None:
        """Show the screen; everything slow comes after it is painted."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = self._theme_name()
        self.set_keymap(self._remapped)
        self.run_worker(self._keys.run(), group="keys")
        self._main = MainScreen(
            self.controller,
            ALL_COMMANDS,
            protocol=detect_protocol(self.settings.images),
            text_first=self.settings.text_first or self.settings.images == "none",
            prompt=terminal_answers().typed,
            texts={"quality": self.settings.quality or USUAL_QUALITY, **self._first_seed()},
        )
        self.push_screen(self._main)
        self.call_after_refresh(self._begin)

    def _theme_name(self) -> str:
        wanted = self.settings.theme
        if wanted is None:
            return usual_theme()
        if wanted not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            self._complaints.append(
                f"There is no theme {one_line(wanted, 40)!r}: the settings can name {known}."
            )
            return usual_theme()
        return wanted

    def _first_seed(self) -> dict[str, str]:
        return {"seed": "0"} if self.settings.seed == "locked" else {}

    def _begin(self) -> None:
        if self._leaving:
            return
        self.thread.start()
        self._open_library()
        for complaint in self._complaints:
            complain(self, "Settings", complaint)

    @work(group="begin")
    async def _open_library(self) -> None:
        try:
            interrupted = await self.controller.begin()
        except UnipicError as error:
            await self.push_screen_wait(
                QuestionDialog(error.title, error.message, {"leave": "Leave"})
            )
            self.exit(error.exit_code, return_code=error.exit_code)
            return
        prompts = await self.library.read(lambda library: library.search.prompts())
        assert self._main is not None
        if not self._main.is_attached:
            return  # left already
        self._main.begin(prompts)
        self.run_worker(self._keep_looking(), group="look")
        if interrupted:
            await self._offer_again(interrupted)

    async def _offer_again(self, interrupted: list[Entry]) -> None:
        titles = "\n".join(f"· {one_line(entry_title(entry), 60)}" for entry in interrupted[:5])
        more = f"\n· and {len(interrupted) - 5} more" if len(interrupted) > 5 else ""
        answer = await self.push_screen_wait(
            QuestionDialog(
                f"{amount(len(interrupted), 'job')} did not finish last time",
                f"{titles}{more}",
                {
                    "run": "Run again",
                    "hold": "Leave paused",
                    "drop": "Discard",
                    "later": "Ask me next time",
                },
            )
        )
        for entry in interrupted:
            try:
                match answer:
                    case "run":
                        await self.controller.queue.retry(entry)
                    case "hold":
                        await self.controller.queue.retry(entry, held=True)
                    case "drop":
                        await self.controller.queue.cancel(entry)
            except UnipicError as error:  # deleted elsewhere while this was asked
                complain(self, error.title, error.message)

    async def _keep_looking(self) -> None:
        """Follow what other windows do; a look that takes long is not cut off by the next."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.controller.look_for_changes()
            except UnipicError as error:
                _log.warning("The library could not be read: %s", error.message)

    async def on_event(self, event: events.Event) -> None:
        """Take keys and pastes in their order, and all else as it comes."""
        if isinstance(event, Typed) and not event.is_forwarded:
            self._keys.put(event)
        else:
            await super().on_event(event)

    # Telling

    def on_worked(self, message: Worked) -> None:
        """The model's thread reports."""
        self.state.worked(message)
        match message.event:
            case Failed(title, words):
                complain(self, title, words)
            case Notice(words):
                self.notify(printable(words), markup=False)
            case LoadFailed() as failure if not self._leaving:
                self.run_worker(self._load_failed(failure), group="load-failed", exclusive=True)
            case Ready():
                self._good_options = self.state.options

    async def _load_failed(self, failure: LoadFailed) -> None:
        answers = {"again": "Try again", "other": "Load another"}
        good = self._good_options
        if good is not None and good != failure.options:
            answers = {"back": "Back to the previous one", **answers}
        elif failure.options.checkpoint is not None:
            answers["small"] = "Use the small model"
        answers["later"] = "Later"
        answer = await self.push_screen_wait(
            QuestionDialog(failure.title, failure.message, answers)
        )
        match answer:
            case "again":
                self.controller.load(failure.options)
            case "back" if good is not None:
                self.controller.load(good)
            case "small":
                self.controller.load(dataclasses.replace(failure.options, checkpoint=None))
            case "other":
                self.run_command("model")

    def on_stored(self, message: Stored) -> None:
        """Something is on the disk."""
        self.state.stored(message)

    def on_trouble(self, message: Trouble) -> None:
        """Something went wrong off the event loop."""
        complain(self, message.title, message.message)

    def on_paste(self, event: events.Paste) -> None:
        """Something was dropped on a screen in front of the main one."""
        if self._main is None or not may_name_files(event.text):
            return
        if isinstance(self.screen, ViewerScreen | QueueScreen | SheetScreen | HelpScreen):
            self.screen.dismiss(None)
            self._main.paste(event.text)
        else:
            self.notify("Close the dialog first, then drop the file again.", markup=False)

    # Commands

    def run_command(self, identifier: str) -> None:
        """Run a command of the palette."""
        own = next((entry for entry in declared(UnipicApp) if entry.id == identifier), None)
        if own is not None:
            self.run_worker(self.run_action(own.action), group="quit", exclusive=True)
        elif self._main is not None:
            self._main.perform(identifier)

    @PROGRAM.command("palette", "ctrl+p", "All commands", place="app")
    def action_command_palette(self) -> None:
        """Find a command by its name."""
        super().action_command_palette()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The main screen's commands and those that act everywhere; the choice of a theme."""
        for entry in declared(*ACTIONS, UnipicApp) if isinstance(screen, MainScreen) else ():
            if entry.id != "palette":
                keys = keys_of(entry, chosen_keys(self))
                key = f" ({shown_key(keys[0])})" if keys else ""
                run = partial(self.run_command, entry.id)
                yield SystemCommand(entry.title, f"{entry.help}{key}", run)
        yield SystemCommand("Choose a theme", "Change the colours.", self.search_themes)

    # Leaving

    @PROGRAM.command("quit", "ctrl+q", "Quit", place="app")
    async def action_quit(self) -> None:
        """Leave; sessions and the queue are kept."""
        if self._leaving or any(isinstance(one, LeaveDialog) for one in self.screen_stack):
            return
        if self.state.running is None:
            self._leave()
            return
        self.run_worker(self._ask_to_leave(), group="quit", exclusive=True)

    async def _ask_to_leave(self) -> None:
        waiting = amount(self.state.waiting, "job")
        behind = f" The queue ({waiting}) is kept too." if self.state.waiting else ""
        answer = await self.push_screen_wait(
            LeaveDialog(
                "Leave while a job runs?",
                f"It is stopped, and you can run it again at the next start.{behind}",
                {"leave": "Leave", "stay": "Stay"},
            )
        )
        if answer == "leave":
            self._leave()

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    def leave_at(self, number: int) -> None:
        """Leave without a question, as a signal of this number demands."""
        if not self._leaving:
            # Half a screen cannot be taken down.
            self.call_after_refresh(self._leave, 128 + number)

    def _leave(self, code: int = 0) -> None:
        self._leaving = True
        self.recorder.leaving = True
        self.thread.close(0)  # begins to stop; `wind_up` waits for it
        self.exit(code, return_code=code)

    def wind_up(self) -> None:
        """Stop the running job and finish all writes; called once the screen is given back."""
        self.recorder.leaving = True
        # A checkpoint that is being loaded has nothing to save, so it is not waited for.
        patience = LEAVE_SECONDS if self.thread.running is not None else LOADING_SECONDS
        if not self.thread.close(patience):
            _log.warning("The model's thread did not end in time")
        self.library.close()


_DECLARING: tuple[type, ...] = (*ACTIONS, UnipicApp, Gallery, HistoryTree, SearchInput, PictureView)
_DECLARING += (ViewerScreen, QueueScreen, SheetView, SheetScreen)
ALL_COMMANDS = declared(*_DECLARING)
"""All commands there are."""


def run_app(
    *,
    settings: Settings,
    backend_factory: BackendFactory,
    options: BackendOptions,
    library: Path | None = None,
) -> int:
    """Run the app until it is left.

    Returns:
        The exit code.
    """
    log_to_file(paths.log_dir() / LOG_NAME)
    app = UnipicApp(
        settings=settings, backend_factory=backend_factory, options=options, library=library
    )
    take_pastes_whole()
    try:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            with contextlib.suppress(NotImplementedError, AttributeError):  # Windows
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    loop.add_signal_handler(number, app.leave_at, number)
            code = app.run(loop=loop)
    finally:
        if app.return_code == HUNG_UP:
            # Both the system and the shell tell that a terminal is gone; once is enough.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        app.wind_up()
    return code or app.return_code or 0
