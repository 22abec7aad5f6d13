"""Commands of the prompt editor and of running."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from unipic_tui.errors import InputError
from unipic_tui.jobs import KINDS, DescribeJob, EditJob, GenerateJob
from unipic_tui.ui.draft import plan_jobs
from unipic_tui.ui.fields import all_fields, field_of, read
from unipic_tui.ui.iterate import random_seed, split_settings
from unipic_tui.ui.screens.queue import QueueScreen
from unipic_tui.ui.wording import amount

if TYPE_CHECKING:
    from unipic_tui.ui.screens.main import Handler, MainScreen


class PromptActions:
    """What the commands of these groups do; each is run by `MainScreen.perform`."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._random = random.Random()
        self.handlers: dict[str, Handler] = {
            "run": self._run,
            "cancel": self._cancel,
            "mode": self._next_mode,
            "mode.draw": lambda: self._go_to_mode(GenerateJob.mode),
            "mode.edit": lambda: self._go_to_mode(EditJob.mode),
            "mode.describe": lambda: self._go_to_mode(DescribeJob.mode),
            "prompt.previous": lambda: self._step(1),
            "prompt.next": lambda: self._step(-1),
            "prompt.clear": self._clear,
            "settings.more": self._more,
            "settings.seed": self._seed,
            "settings.reset": self._reset,
            "queue": self._queue,
            "queue.pause": self._pause,
            "retry": self._retry,
            "branch": self._branch,
        }

    async def _typed(self) -> None:
        """Wait until every key pressed before has reached the editor.

        A slow line, or a paste, delivers text and the run key at once. Keys of commands are handled
        by the app while text still waits in the queues on its way to the editor.
        """
        screen = self._screen
        await _drained(screen.app)
        await _drained(screen)
        if screen.app.focused is not None:
            await _drained(screen.app.focused)  # the greeting passes keys on
        await _drained(screen.composer.prompt)

    async def _run(self) -> None:
        await self._typed()
        screen = self._screen
        composer = screen.composer
        draft = composer.draft()
        planned = plan_jobs(draft, composer.defaults, self._random)
        composer.prompt.remember(composer.prompt.text)
        entries = await screen.studio.run(planned)
        if draft.kind.needs_source:
            composer.prompt.show("")
        elif draft.region is not None:
            # Once more of the same is what Remix does with the result.
            composer.use_region(None, None)
        for note in planned.notes:
            screen.notify(note, markup=False)
        if len(entries) > 1:
            screen.notify(f"{amount(len(entries), 'job')} in the queue.", markup=False)
        if screen.studio.load_failure is not None:
            screen.unipic.complain(
                "No model is loaded", "The job waits until a checkpoint is loaded (Ctrl+P)."
            )

    async def _cancel(self) -> None:
        self._screen.studio.cancel_running()

    async def _next_mode(self) -> None:
        modes = list(KINDS)
        place = modes.index(self._screen.composer.mode)
        await self._go_to_mode(modes[(place + 1) % len(modes)])

    async def _go_to_mode(self, mode: str) -> None:
        self._screen.composer.mode = mode

    async def _step(self, direction: int) -> None:
        self._screen.composer.prompt.step_history(direction)
        self._screen.composer.prompt.focus()

    async def _clear(self) -> None:
        composer = self._screen.composer
        composer.prompt.show("")
        composer.use_region(None, None)
        composer.prompt.focus()

    async def _more(self) -> None:
        settings = self._screen.composer.settings
        settings.advanced = not settings.advanced
        if settings.advanced:
            settings.focus_advanced()
        else:
            self._screen.composer.prompt.focus()

    async def _seed(self) -> None:
        composer = self._screen.composer
        texts = composer.settings.texts
        if texts["seed"]:
            composer.settings.put({"seed": ""})
            self._screen.notify("Each picture gets a new seed.", markup=False)
            return
        picture = self._screen.studio.picture
        job = picture.job if picture else None
        seed = job.seed if job is not None and job.draws else 0
        composer.settings.put({"seed": str(seed)})
        self._screen.notify(f"The seed is locked at {seed}.", markup=False)

    async def _reset(self) -> None:
        texts = {field.key: field.empty for field in all_fields()}
        self._screen.composer.settings.put(texts)

    async def _queue(self) -> None:
        self._screen.app.push_screen(QueueScreen(self._screen.studio))

    async def _pause(self) -> None:
        self._screen.studio.pause()
        paused = self._screen.studio.thread.paused
        words = "The queue is paused: no further job starts." if paused else "The queue goes on."
        self._screen.notify(words, markup=False)

    async def _retry(self) -> None:
        entry = self._screen.studio.entry
        if entry is None or entry.state not in {"failed", "cancelled", "interrupted"}:
            self._screen.notify("Choose a job that failed or was cancelled.", markup=False)
            return
        await self._screen.studio.retry(entry)

    async def _branch(self) -> None:
        screen = self._screen
        entry = screen.studio.entry
        if entry is None:
            raise InputError("Choose a job first: one that is being drawn or was stopped.")
        draft = screen.composer.draft()
        prompt, assigned = split_settings(draft.prompt, GenerateJob)
        field = field_of(GenerateJob.mode, "seed")
        seed = read(field, assigned.get("seed", draft.text(field.key)))[0]
        if not isinstance(seed, int):
            seed = random_seed(self._random)
        await screen.studio.branch(entry, prompt.strip() or entry.job.prompt, seed)


async def _drained(node: MessagePump) -> None:
    """Wait until a node has handled all messages that are in its queue now."""
    arrived = asyncio.Event()
    if node.call_later(arrived.set):
        await arrived.wait()
