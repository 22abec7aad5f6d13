"""Choosing one of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from unipic_tui.text import one_line, printable


class Choose(ModalScreen[int | None]):
    """Comes back with the place of what was chosen, or ``None``.

    Args:
        title: a few words.
        choices: one line each.
        empty: what to say when there is nothing to choose.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,q", "dismiss(None)", "Leave", show=False)
    ]

    def __init__(self, title: str, choices: Sequence[str], empty: str = "") -> None:
        super().__init__()
        self._title = printable(title)
        self._choices = choices
        self._empty = empty

    def compose(self) -> ComposeResult:
        """Title and list."""
        with Vertical(classes="dialog"):
            yield Label(self._title, classes="dialog-title", markup=False)
            options = [Option(one_line(choice, 60)) for choice in self._choices]
            yield OptionList(*options, compact=True, markup=False)
            yield Static(
                "Enter chooses · Esc leaves it" if options else self._empty,
                classes="dialog-keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """The list is at hand."""
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
