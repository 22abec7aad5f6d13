"""Naming a file or a folder, with completion."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from unipic_tui import paths
from unipic_tui.pictures import SUFFIXES, is_picture_file
from unipic_tui.terminal.dropped import named_files
from unipic_tui.text import printable
from unipic_tui.ui.screens.dialogs import Dialog
from unipic_tui.ui.widgets.line import Line

Kind = Literal["picture", "folder", "any"]
_MOST = 300


def complete(text: str, kind: Kind) -> list[str]:
    """What the last part of the typed path may become; folders, which end in a slash, come first.

    Names with a dot in front are hidden until one is typed. Reads a folder, so it is called off the
    event loop. What cannot be read has no candidates.
    """
    folder, _, start = text.rpartition("/")
    base = paths.absolute(folder + "/" if folder or text.startswith("/") else ".")
    try:
        found = [
            (not path.is_dir(), path.name.lower(), path)
            for path in base.iterdir()
            if path.name.lower().startswith(start.lower())
            and (start.startswith(".") or not path.name.startswith("."))
        ]
    except (OSError, ValueError):
        return []
    fitting = (
        path.name + ("" if is_file else "/")
        for is_file, _, path in sorted(found)
        if not is_file or _fits(path, kind)
    )
    return list(itertools.islice(fitting, _MOST))


def _fits(file: Path, kind: Kind) -> bool:
    by_name = file.suffix.lower() in SUFFIXES
    return kind == "any" or (kind == "picture" and (by_name or is_picture_file(file)))


def common_start(text: str, candidates: list[str]) -> str:
    """The typed path, filled in as far as all candidates agree."""
    folder, slash, start = text.rpartition("/")
    columns = zip(*map(str.lower, candidates), strict=False)
    length = sum(1 for _ in itertools.takewhile(lambda same: len(set(same)) == 1, columns))
    return folder + slash + candidates[0][:length] if length and length >= len(start) else text


class PathLine(Line):
    """A line whose Tab key completes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, priority=True),
        Binding("down", "to_list", "To the list", show=False),
    ]

    def action_complete(self) -> None:
        """Fill in what is certain."""
        screen = self.screen
        if isinstance(screen, PathScreen):
            screen.complete_line()

    def action_to_list(self) -> None:
        """Go to the candidates."""
        options = self.screen.query_one(OptionList)
        options.highlighted = options.highlighted or 0
        options.focus()


class PathScreen(Dialog[Path | None]):
    """Asks for a path.

    Args:
        title: a few words.
        kind: what may be chosen.
        value: what is typed already.
        help_text: one sentence.
        must_exist: whether only what is there can be chosen.
        check: a sentence about what is wrong with a path, or ``None``; may read the disk.
    """

    SHAPE = "-tall"

    def __init__(
        self,
        title: str,
        kind: Kind,
        value: str = "",
        help_text: str = "",
        *,
        must_exist: bool = True,
        check: Callable[[Path], str | None] = lambda _: None,
    ) -> None:
        keys = "Tab completes · ↓ goes to the list · Enter accepts · Esc leaves it"
        super().__init__(title, help_text=help_text, keys=keys)
        self._kind: Kind = kind
        self._value = value
        self._must_exist = must_exist
        self._check = check
        self._folder = ""
        self._candidates: list[str] = []

    def body(self) -> ComposeResult:
        """The line and its candidates."""
        yield PathLine(self._value, classes="dialog-line")
        yield OptionList(id="candidates", compact=True, markup=False)

    def on_mount(self) -> None:
        """Look for the candidates of what is typed already."""
        self._look(self._value)

    @work(exclusive=True, group="screen")
    async def complete_line(self) -> None:
        """Fill in what is certain."""
        text = self.query_one(PathLine).value
        # The candidates in sight may still be those of what was typed before.
        found = await asyncio.to_thread(complete, text, self._kind)
        for line in self.query(PathLine):  # none when the dialog is being taken down
            if line.value == text:
                line.value = common_start(text, found)
                line.cursor_position = len(line.value)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self.complain(None)
        self._look(event.value)

    @work(exclusive=True)
    async def _look(self, text: str) -> None:
        found = await asyncio.to_thread(complete, text, self._kind)
        self._candidates, self._folder = found, "".join(text.rpartition("/")[:2])
        for options in self.query(OptionList):  # none when the dialog is being taken down
            options.clear_options()
            options.add_options(Option(printable(name)) for name in found)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        candidate = self._candidates[event.option_index]
        line = self.query_one(PathLine)
        line.value = self._folder + candidate
        line.cursor_position = len(line.value)
        line.focus()
        if not candidate.endswith("/"):
            self._accept(line.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self._accept(event.value)

    @work(exclusive=True, group="accept")
    async def _accept(self, text: str) -> None:
        if not text.strip():
            self.complain("Type a path, or choose one from the list.")
            return
        named = await asyncio.to_thread(named_files, text)  # it may be pasted, in quotes
        path = named[0] if named and len(named) == 1 else paths.absolute(text.strip())
        wrong = await asyncio.to_thread(self._wrong, path)
        if not self.is_current:
            return  # left while the path was looked at; the screen below must stay
        if wrong is None:
            self.dismiss(path)
        else:
            self.complain(wrong)

    def _wrong(self, path: Path) -> str | None:
        try:
            if self._must_exist and self._kind == "folder" and not path.is_dir():
                return f"There is no folder {printable(str(path))}."
            if self._must_exist and self._kind == "picture" and not path.is_file():
                return f"There is no file {printable(str(path))}."
        except (OSError, ValueError):
            return f"The path {printable(str(path))} cannot be used."
        return self._check(path)
