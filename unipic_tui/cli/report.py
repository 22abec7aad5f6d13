"""What a command says while it works: for a person, or as JSON for a program.

For a person, the standard output holds results alone (paths of pictures, answers); progress and
remarks go to the standard error. With ``--json`` every event is one object a line on the standard
output, with ``event`` as its kind.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

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
_print = partial(print, flush=True)


def write_json(record: dict[str, Any]) -> None:
    """One line of JSON, in ASCII, on the standard output."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def tell(
    args: argparse.Namespace,
    line: str,
    record: dict[str, Any] | None = None,
    show: Callable[[str], None] = _print,
) -> None:
    """Tell a person a line, or with ``--json`` a program the record, if there is one.

    Args:
        args: of a command.
        line: printed as it is.
        record: what the line says.
        show: what takes the line: the standard output, or `say` for remarks.
    """
    if not args.json:
        show(line)
    elif record is not None:
        write_json(record)


class Reporter(abc.ABC):
    """Takes what happens and shows it.

    Attributes:
        bar: how far it is; it shows nothing where a program reads.
    """

    def __init__(self, quiet: bool) -> None:
        self.bar = Bar(quiet)

    def started(self, job: Job, info: BackendInfo) -> None:  # noqa: B027 (a person needs no word)
        """The checkpoint is loaded and the job begins."""

    @abc.abstractmethod
    def event(self, event: Event) -> None:
        """Something happened; pictures are told as a `result`."""

    @abc.abstractmethod
    def notice(self, message: str, record: dict[str, Any] | None = None) -> None:
        """A remark that stops nothing, for a program as ``record`` where that says more."""

    @abc.abstractmethod
    def result(self, record: dict[str, Any], *lines: str) -> None:
        """A result: as JSON, or the lines for a person, if there are any."""

    def pause(self) -> contextlib.AbstractContextManager[None]:
        """While it lasts, the terminal is free for other output."""
        return self.bar.away()


@contextlib.contextmanager
def reporting(args: argparse.Namespace) -> Iterator[Reporter]:
    """The reporter that the arguments ask for; its bar is taken down at the end."""
    reporter: Reporter = JsonReporter() if args.json else HumanReporter(args.quiet)
    with contextlib.closing(reporter.bar):
        yield reporter


class JsonReporter(Reporter):
    """One JSON object a line."""

    def __init__(self) -> None:
        super().__init__(quiet=True)

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

    def notice(self, message: str, record: dict[str, Any] | None = None) -> None:
        """Tell it as an event."""
        write_json(record or {"event": "notice", "message": message})

    def result(self, record: dict[str, Any], *lines: str) -> None:  # noqa: ARG002
        """Tell the record."""
        write_json(record)


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


class HumanReporter(Reporter):
    """Results on the standard output; a bar and remarks on the standard error.

    Args:
        quiet: leave out the bar and the remarks, not what went wrong.
    """

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._quiet = quiet
        self._remaining = Remaining()
        self._pictures = self._together = 1
        self._answer = ""
        self._shown = 0

    def notice(self, message: str, record: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """A line on the standard error."""
        if not self._quiet:
            with self.pause():
                say(message)

    def result(self, record: dict[str, Any], *lines: str) -> None:  # noqa: ARG002
        """The lines."""
        for line in lines:
            self._write(f"{printable(line)}\n")

    def event(self, event: Event) -> None:
        """Move the bar, or write a further piece of the answer."""
        if isinstance(event, Final):
            self.bar.pause()
        match event:
            case Loading(stage, fraction) if fraction < 1 and " is " not in stage:
                self.bar.show(printable(event.words), fraction, self._remaining(fraction))
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
