"""What other threads and widgets tell the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.message import Message

from unipic_tui.events import Progress
from unipic_tui.library.records import Entry, StoredPicture
from unipic_tui.worker import WorkerEvent


@dataclass
class Worked(Message):
    """Something happened on the model's thread.

    Only progress of a job takes the place of older progress of the same job that nobody has looked
    at yet; everything else is kept.
    """

    bubble: ClassVar[bool] = False

    ticket: int | None
    event: WorkerEvent

    def can_replace(self, message: Message) -> bool:
        """Whether ``message``, which came later, may take this one's place."""
        return (
            isinstance(message, Worked)
            and message.ticket == self.ticket
            and isinstance(self.event, Progress)
            and isinstance(message.event, Progress)
        )


@dataclass(kw_only=True)
class Stored(Message):
    """A picture or an entry is on the disk in its new form."""

    bubble: ClassVar[bool] = False

    picture: StoredPicture | None = None
    entry: Entry | None = None


@dataclass
class Trouble(Message):
    """Something went wrong off the event loop; the person should read it."""

    bubble: ClassVar[bool] = False

    title: str
    message: str
