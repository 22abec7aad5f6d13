"""What the model's thread and the disk report."""

from __future__ import annotations

from unipic_tui.events import (
    Cancelled,
    Failed,
    Finished,
    Loading,
    Memory,
    Notice,
    Preview,
    Progress,
    Text,
)
from unipic_tui.ui.desk import Live
from unipic_tui.ui.messages import Stored, Worked
from unipic_tui.ui.studio.state import Change
from unipic_tui.ui.studio.work import Work
from unipic_tui.worker import LoadFailed, Ready, Started


class Studio(Work):
    """What the app is doing, and everything that changes it; no widget and no key is known here."""

    def worked(self, message: Worked) -> None:
        """Take in an event of the model's thread."""
        if message.ticket is None:
            self._model_event(message)
        else:
            self._job_event(message.ticket, message)

    def _model_event(self, message: Worked) -> None:
        match message.event:
            case Loading() as loading:
                self.loading, self.load_failure = loading, None
            case Ready(info):
                self.info, self.loading, self.load_failure = info, None, None
            case LoadFailed() as failure:
                self.load_failure, self.loading, self.info = failure, None, None
            case Memory() as memory:
                self.memory = memory
        self.changed(Change.MODEL)

    def _job_event(self, ticket: int, message: Worked) -> None:
        change = Change.LIVE
        live = self.live.setdefault(ticket, Live())
        match message.event:
            case Started():
                change |= Change.QUEUE
            case Progress() as step:
                if live.progress is not None and live.progress.picture != step.picture:
                    live.preview = None
                live.progress = step
            case Preview(image=image):
                live.preview = image
            case Text(delta):
                live.text += delta
            case Notice(words):
                live.notices.append(words)
            case Finished() | Cancelled() | Failed():
                self.live.pop(ticket, None)
                change |= Change.QUEUE
        self.changed(change)

    def stored(self, message: Stored) -> None:
        """Take in what was written to the disk."""
        if message.picture is not None:
            self._put_picture(message.picture)
        if message.entry is not None:
            self._put_entry(message.entry)
            ended = message.entry.state in {"done", "cancelled", "failed", "interrupted"}
            if ended and message.entry.id == self.entry_id:
                # The reveal is over: what it became is chosen in its place.
                self.choose_entry(message.entry.id)
