"""Keys are dealt with one after another, however quickly they come.

A slow line, a script or a paste without marks delivers many keys at once. Textual hands each to a
widget's queue, and looks for a command only when it has come back from there: text that follows a
command would be typed before it, and letters that belong into a dialog would be commands of what
lies under it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.worker import Worker

KEY_SECONDS: Final = 0.5
"""A key waits at most so long for what the one before it began."""
_COMMANDS: Final = {"commands", "screen", "queue", "quit"}
"""Groups of the workers that keys start."""

Typed = events.Key | events.Paste


class KeyOrder:
    """Hands on the next key when what the one before it asked for is done, or asks in turn.

    Args:
        app: whose keys they are.
        hand_on: gives a key to the app, as it would have got it.
    """

    def __init__(self, app: App[Any], hand_on: Callable[[Typed], Awaitable[None]]) -> None:
        self._app = app
        self._hand_on = hand_on
        self._waiting: asyncio.Queue[Typed] = asyncio.Queue()
        self._left = 0

    @property
    def idle(self) -> bool:
        """Whether all that was typed is dealt with."""
        return not self._left

    def put(self, typed: Typed) -> None:
        """Take a key or a paste."""
        self._left += 1
        self._waiting.put_nowait(typed)

    async def run(self) -> None:
        """Hand on what is typed, as long as the app runs."""
        while True:
            typed = await self._waiting.get()
            screen, workers = self._app.screen, set(self._app.workers)
            focused = self._app.focused or screen
            await self._hand_on(typed)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEY_SECONDS):
                    for node in focused.ancestors_with_self:  # the way a key takes
                        await _drained(node)
                    await self._answered(screen, workers)
            self._left -= 1

    async def _answered(self, screen: MessagePump, before: set[Worker[Any]]) -> None:
        """Wait until the commands that it started are through, or a dialog is in front."""
        for worker in set(self._app.workers) - before:
            while (
                worker.group in _COMMANDS and not worker.is_finished and self._app.screen is screen
            ):
                await asyncio.sleep(0.001)
        if self._app.screen is not screen:
            await _drained(self._app.screen)  # it has the focus where it wants it


async def _drained(node: MessagePump) -> None:
    """Wait until a node has handled all messages that are in its queue now."""
    arrived = asyncio.Event()
    if node.call_later(arrived.set):
        await arrived.wait()
