"""What comes from a terminal and is no key: bracketed pastes, and late answers to our questions.

Textual's parser (8.2) looks for escape sequences inside a paste too, and turns those that it does
not know into keys. Text copied from a terminal would then act as if it were typed. Here it never
reaches that parser, which is given the two marks with nothing between them. Answers that come after
the app has started are dropped.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.keys import Keys
from textual.message import Message

from unipic_tui.terminal.probe import QUERY_ID

QUIET_SECONDS = 2.0
"""A paste without an end mark ends when nothing has come for this long."""
MAX_PASTE = 1_000_000
"""How many characters of a paste are kept; the rest is dropped."""
_ANSWER = re.compile(rf"\x1b(\[\?[\d;]*c|\[6;\d+;\d+t|\[\?1;\d+(;\d+)?S|_Gi={QUERY_ID};OK|\\)")


class PasteParser(XTermParser):
    """Textual's parser of what a terminal sends, with pastes taken as plain text."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._pasted: list[str] | None = None
        self._room = 0
        self._tail = ""
        self._heard = 0.0

    def feed(self, data: str) -> Iterable[Message]:
        """Parse what has come; an empty text says that the input has ended."""
        if not data:
            yield from super().feed(data)
        self._heard = self.clock()
        while data:
            inside = self._pasted is not None
            mark = BRACKETED_PASTE_END if inside else BRACKETED_PASTE_START
            seen, known = self._tail + data, len(self._tail)
            place = seen.find(mark)
            self._tail = _begun(seen, mark) if place < 0 else ""
            data = seen[place + len(mark) :] if place >= 0 else ""
            if inside:
                self._keep(seen[: place if place >= 0 else len(seen) - len(self._tail)])
                if place >= 0:
                    yield self._end()
            else:
                # Textual's parser has seen the tail: it cannot wait where Escape is a key.
                yield from super().feed(seen[known : len(seen) - len(data)])
                if place >= 0:
                    self._pasted, self._room = [], MAX_PASTE

    def tick(self) -> Iterable[Message]:
        """Find what has waited long enough: a lone Escape, a paste without an end mark."""
        if self._pasted is None:
            yield from super().tick()
        elif self.clock() - self._heard > QUIET_SECONDS:
            self._keep(self._tail)
            yield self._end()

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """The keys of a sequence, which Textual offers as it grows."""
        if _ANSWER.fullmatch(sequence):
            return [events.Key(Keys.Ignore, sequence)]
        return super()._sequence_to_key_events(sequence, alt)

    def _keep(self, text: str) -> None:
        assert self._pasted is not None
        self._pasted.append(text[: self._room])
        self._room -= len(self._pasted[-1])

    def _end(self) -> events.Paste:
        text = "".join(self._pasted or ()).replace("\0", "")
        self._pasted, self._tail = None, ""
        for _ in super().feed(BRACKETED_PASTE_END):
            pass  # the empty paste between the two marks
        return events.Paste(text)


def _begun(text: str, mark: str) -> str:
    """The beginning of a mark that a text ends with, or nothing."""
    starts = (mark[:length] for length in range(len(mark) - 1, 0, -1))
    return next((start for start in starts if text.endswith(start)), "")


def take_pastes_whole() -> None:
    """Have Textual's drivers, once imported, use `PasteParser`."""
    for name, module in list(sys.modules.items()):
        if name.startswith("textual.drivers.") and hasattr(module, XTermParser.__name__):
            setattr(module, XTermParser.__name__, PasteParser)
