"""Beside the picture: its prompt, its settings, and what was asked about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from unipic_tui.library.records import Entry, StoredPicture
from unipic_tui.text import printable
from unipic_tui.ui.open_session import Live, OpenSession
from unipic_tui.ui.wording import (
    MUTED,
    STATE_WORDS,
    duration,
    entry_title,
    mode_glyph,
    mode_word,
    moment,
    picture_settings,
    picture_title,
    progress,
    settings,
    when,
)

_NAME_WIDTH = 13
"""Cells of the names of settings; longer ones take more."""
Span = tuple[str, str]


class Details(VerticalScroll, can_focus=True):
    """Everything there is to know of the chosen picture or job."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="details-text", markup=False)

    def show(
        self,
        session: OpenSession,
        entry: Entry | None,
        picture: StoredPicture | None,
        live: Live | None,
        *,
        follow: bool,
        text_first: bool,
    ) -> None:
        """Say what is known.

        Args:
            session: where what was asked about the picture and made from it is.
            entry: the chosen job.
            picture: the chosen picture; ``None`` while its job is still to draw it.
            live: what is known of the chosen job while it runs.
            follow: keep the end of a growing answer in sight.
            text_first: say in words what is otherwise seen.
        """
        asked = entry is not None and not entry.job.draws
        conversation = session.conversation(picture.id) if picture else ()
        talk = _talk(conversation, entry if asked else None, live)
        if picture is not None:
            parts = _picture(picture, session.labels().get(picture.id, ""), text_first)
            further = _facts(picture, session.edits(picture.id), text_first)
        else:
            parts, further = _entry(entry, live) if entry is not None else [], []
        # Whoever asked wants to see the answer first, and the picture's numbers last.
        parts = [*talk[1:], ("\n", ""), *parts] if asked and talk else [*parts, *talk]
        self.query_one("#details-text", Static).update(Content.assemble(*parts, *further))
        if not follow:
            self.scroll_home(animate=False)


def _picture(picture: StoredPicture, label: str, text_first: bool) -> list[Span]:
    """What it is, and what people wrote about it."""
    star = "★ " if picture.favourite else ""
    parts: list[Span] = [(star, "$accent"), (picture_title(picture), "bold")]
    if label:
        parts.append((f"\n{label}", "$accent"))
    made = mode_word(picture.job, picture.origin)
    by = f" by {printable(picture.model)}" if picture.model else ""
    parts.append((f"\n{made}{by} {moment(picture.created, datetime.now(UTC))}\n", MUTED))
    if picture.tags:
        parts.append((f"\n# {', '.join(printable(tag) for tag in picture.tags)}\n", "$secondary"))
    if picture.note:
        parts.append((f"\n{printable(picture.note, newlines=True)}\n", "italic"))
    if text_first:
        parts.append((f"\n{printable(str(picture.path))}\n", MUTED))
    return parts


def _facts(picture: StoredPicture, edits: Sequence[Entry], text_first: bool) -> list[Span]:
    parts = _table(picture_settings(picture))
    if not text_first:
        parts.append((f"\n\n{printable(picture.path.name)}", MUTED))
    if edits:
        parts.append(("\n\nMade from it", MUTED))
        parts += [(f"\n{mode_glyph(edit.job)} {entry_title(edit)}", "") for edit in edits]
    return parts


def _entry(entry: Entry, live: Live | None) -> list[Span]:
    parts: list[Span] = [(entry_title(entry), "bold")]
    state = STATE_WORDS[entry.state]
    colour = {"failed": "$error", "running": "$accent"}.get(entry.state, MUTED)
    parts.append((f"\n{state}\n", colour))
    if entry.error:
        parts.append((f"\n{printable(entry.error)}\n", "$error"))
    if live is not None:
        if live.progress is not None:
            parts.append((f"\n{progress(live.progress)}\n", ""))
        parts += [(f"\n{printable(notice)}\n", "$warning") for notice in live.notices]
    return parts + _table(settings(entry.job))


def _table(rows: Sequence[tuple[str, str]]) -> list[Span]:
    parts: list[Span] = []
    width = max([_NAME_WIDTH, *(len(name) + 1 for name, _ in rows)])
    for name, value in rows:
        parts.append((f"\n{name:<{width}}", MUTED))
        parts.append((value, ""))
    return parts


def _talk(conversation: Sequence[Entry], chosen: Entry | None, live: Live | None) -> list[Span]:
    """Questions and answers."""
    parts: list[Span] = []
    for entry in conversation:
        question_style = "bold $primary" if entry is chosen else "$primary"
        parts += [("\n", ""), (f"› {entry_title(entry)}\n", question_style)]
        running = live is not None and entry.state == "running"
        answer = live.text if live is not None and running else entry.answer
        parts.append((printable(answer.strip(), newlines=True), ""))
        if entry.state == "done":
            took = f", {duration(entry.seconds)}" if entry.seconds else ""
            parts.append((f"  {when(entry.created, datetime.now(UTC))}{took}\n", MUTED))
        elif entry.error:
            parts.append((f"{printable(entry.error)}\n", "$error"))
        else:
            parts.append((f" {STATE_WORDS[entry.state]} …\n", MUTED))
    return parts
