"""What a command says while it works: for a person, or as JSON for a program.

For a person, the standard output holds results alone (paths of pictures, answers); progress and
remarks go to the standard error. With ``--json`` every event is one object a line on the standard
output, with ``event`` as its kind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from unipic_tui.cli.bar import Bar, Remaining, duration, say
from unipic_tui.events import (
    BackendInfo,
    Cancelled,
    Event,
    Failed,
    Final,
    Finished,
    Loading,
    Notice,
    Picture,
    Progress,
    Stage,
    Text,
)
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import Job
from unipic_tui.text import printable

_HELD_BACK = {"\u200c", "\u200d", "\r"}


def write_json(record: dict[str, Any]) -> None:
    """One line of JSON, in ASCII, on the standard output."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


class Reporter(Protocol):
    """Takes what happens and shows it."""

    def started(self, job: Job, info: BackendInfo) -> None:
        """The checkpoint is loaded and the job begins."""

    def event(self, event: Event) -> None:
        """Something happened; pictures are told by `saved`."""

    def notice(self, message: str) -> None:
        """A remark that stops nothing."""

    def saved(self, path: Path, record: dict[str, Any]) -> None:
        """A picture is on the disk."""

    def result(self, record: dict[str, Any], line: str) -> None:
        """A further result: as JSON, or the line for a person."""

    def remark(self, record: dict[str, Any], line: str) -> None:
        """A remark of more than a sentence: as JSON, or the line for a person."""

    def pause(self) -> contextlib.AbstractContextManager[None]:
        """While it lasts, the terminal is free for other output."""

    def close(self) -> None:
        """Take down whatever moves on the screen."""


@contextlib.contextmanager
def reporting(args: argparse.Namespace) -> Iterator[Reporter]:
    """The reporter that the arguments ask for; closed at the end."""
    reporter: Reporter = JsonReporter() if args.json else HumanReporter(args.quiet)
    try:
        yield reporter
    finally:
        reporter.close()


class JsonReporter:
    """One JSON object a line."""

    def started(self, job: Job, info: BackendInfo) -> None:
        """Tell the job with its seed, and what runs it."""
        write_json(
            {
                "event": "started",
                "job": job_to_dict(job),
                "model": info.model,
                "device": info.device,
                "embedded": info.embedded,
            }
        )

    def event(self, event: Event) -> None:
        """Tell it; previews and pictures are left out here."""
        record = _json_event(event)
        if record is not None:
            write_json(record)

    def notice(self, message: str) -> None:
        """Tell it as an event."""
        write_json({"event": "notice", "message": message})

    def saved(self, path: Path, record: dict[str, Any]) -> None:
        """Tell the picture with its absolute path."""
        write_json({"event": "picture", "path": str(path.absolute()), **record})

    def result(self, record: dict[str, Any], line: str) -> None:  # noqa: ARG002
        """Tell the record."""
        write_json(record)

    def remark(self, record: dict[str, Any], line: str) -> None:  # noqa: ARG002
        """Tell the record."""
        write_json(record)

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Nothing to pause."""
        yield

    def close(self) -> None:
        """Nothing to close."""


def _json_event(event: Event) -> dict[str, Any] | None:  # noqa: PLR0911 (one a kind of event)
    match event:
        case Loading(stage, fraction):
            return {"event": "loading", "stage": stage, "fraction": round(fraction, 4)}
        case Stage(doing):
            return {"event": "stage", "doing": doing}
        case Progress():
            return {
                "event": "progress",
                "picture": event.picture,
                "pictures": event.pictures,
                "iteration": event.iteration,
                "iterations": event.iterations,
                "tokens_known": sum(event.known),
                "tokens": len(event.known),
                "seconds_left": event.seconds_left,
                "fraction": round(event.fraction, 4),
            }
        case Text(delta):
            return {"event": "text", "delta": delta}
        case Notice(message):
            return {"event": "notice", "message": message}
        case Finished():
            return {"event": "finished", "seconds": round(event.seconds, 3), "text": event.text}
        case Failed(title, message):
            return {"event": "failed", "title": title, "message": message}
        case Cancelled():
            return {"event": "cancelled"}
        case _:
            return None


class HumanReporter:
    """Results on the standard output; a bar and remarks on the standard error.

    Args:
        quiet: leave out the bar and the remarks, not what went wrong.

    Attributes:
        bar: how far it is.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self.bar = Bar(quiet)
        self._remaining = Remaining()
        self._pictures = self._together = 1
        self._answer = ""
        self._shown = 0

    def started(self, job: Job, info: BackendInfo) -> None:
        """Nothing: remarks that are needed come as notices."""

    def notice(self, message: str) -> None:
        """A line on the standard error."""
        if not self._quiet:
            with self.pause():
                say(message)

    def saved(self, path: Path, record: dict[str, Any]) -> None:  # noqa: ARG002
        """The path as a line of its own."""
        self._write(f"{printable(str(path))}\n")

    def result(self, record: dict[str, Any], line: str) -> None:  # noqa: ARG002
        """The line."""
        self._write(f"{printable(line)}\n")

    def remark(self, record: dict[str, Any], line: str) -> None:  # noqa: ARG002
        """The line on the standard error."""
        self.notice(line)

    def event(self, event: Event) -> None:
        """Move the bar, or write a further piece of the answer."""
        if isinstance(event, Final):
            self.bar.pause()
        match event:
            case Loading(stage, fraction) if fraction < 1 and " is " not in stage:
                self.bar.show(_doing(stage), fraction, self._remaining(fraction))
            case Loading():
                self.bar.show("Preparing", None)
            case Stage(doing) if doing != "Decoding" or self._pictures == 1:
                self.bar.show(doing, None)
            case Progress():
                self._pictures, self._together = event.pictures, event.together
                self._drawing(event)
            case Picture(index) if index + 1 < self._pictures and self._together == 1:
                part = (index + 1) / self._pictures
                self.bar.show(f"Picture {index + 2} of {self._pictures}", part)
            case Text(delta):
                self._answer += delta
                self._write(self._next_text(final=False))
            case Notice(message):
                self.notice(message)
            case Finished() if self._answer:
                self._write(self._next_text(final=True) + "\n")
            case Finished(pictures) if pictures:
                what = "the picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
                self.notice(f"Drew {what} in {event.seconds:.1f} s.")
            case Failed() | Cancelled() if self._answer:
                self._write("\n")
            case _:
                pass

    def _drawing(self, event: Progress) -> None:
        label = f"Picture {event.picture + 1} of {event.pictures}"
        if event.together > 1:
            some = "" if event.together == event.pictures else f"{event.together} of "
            label = f"{some}{event.pictures} pictures"
        elif event.pictures == 1:
            label = "Drawing"
        left = "" if event.seconds_left is None else duration(event.seconds_left)
        if event.iteration == event.iterations:  # decoding is no part of the estimate
            label = "Decoding" if event.pictures == 1 else f"{label}, decoding"
            left = "" if event.fraction == 1 else left
        detail = f"{event.iteration}/{event.iterations} {left}".rstrip()
        self.bar.show(label, event.fraction, detail)

    def _next_text(self, final: bool) -> str:
        """What of the answer is new; a character whose meaning hangs on the next one waits."""
        ready = self._answer
        while not final and ready and ready[-1] in _HELD_BACK:
            ready = ready[:-1]
        shown = printable(ready, newlines=True)
        new, self._shown = shown[self._shown :], len(shown)
        return new

    def _write(self, text: str) -> None:
        self.bar.pause()  # it must not come back behind half a line of an answer
        sys.stdout.write(text)
        sys.stdout.flush()

    def pause(self) -> contextlib.AbstractContextManager[None]:
        """Take the bar off the screen for a while."""
        return self.bar.away()

    def close(self) -> None:
        """Take the bar down for good."""
        self.bar.close()


def _doing(stage: str) -> str:
    """A stage of loading as the label of a bar."""
    shown = printable(stage)
    doing = shown.partition(" ")[0].endswith("ing")
    return shown[:1].upper() + shown[1:] if doing else f"Loading {shown}"
