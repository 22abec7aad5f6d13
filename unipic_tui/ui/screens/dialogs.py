"""Small windows over the screen: a question with a few answers, a line to fill in, a list."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from unipic_tui.text import one_line, printable
from unipic_tui.ui.widgets.line import Line

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A title, what it is about, and perhaps lines of help and of keys; Esc changes nothing.

    Args:
        title: a few words.
        help_text: one sentence.
        keys: what the keys do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "leave", "Leave", show=False)]
    SHAPE: ClassVar[str] = ""
    """Its size, as a class of the style sheet."""

    def __init__(self, title: str, *, help_text: str | None = None, keys: str = "") -> None:
        super().__init__()
        self._title = title
        self._help = help_text
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Title, body, help, keys."""
        with Vertical(classes=f"dialog {self.SHAPE}"):
            yield Label(self._title, classes="dialog-title", markup=False)
            yield from self.body()
            if self._help is not None:
                yield Static(self._help, classes="dialog-help", markup=False)
            if self._keys:
                yield Static(self._keys, classes="dialog-keys", markup=False)

    @abc.abstractmethod
    def body(self) -> ComposeResult:
        """What stands under the title; the first that takes keys gets them."""

    def complain(self, sentence: str | None) -> None:
        """Say what is wrong in place of the help, or no longer."""
        for helper in self.query(".dialog-help").results(Static):  # none while it is taken down
            helper.update(sentence or self._help or "")
            helper.set_class(sentence is not None, "-wrong")

    def action_leave(self) -> None:
        """Come back with nothing."""
        self.dismiss(None)


class QuestionDialog(Dialog[str]):
    """A question and its answers as buttons; Esc gives the last one.

    Args:
        title: a few words.
        text: one or a few sentences.
        answers: what each button says, by what the dialog then comes back with; the first has the
            focus, the last changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, title: str, text: str, answers: Mapping[str, str]) -> None:
        super().__init__(title)
        self._text = printable(text, newlines=True)
        self._answers = answers

    def body(self) -> ComposeResult:
        """Text and buttons."""
        with VerticalScroll(classes="dialog-text", can_focus=False):
            yield Static(self._text, markup=False)
        with Horizontal(classes="dialog-buttons"):
            for answer, label in self._answers.items():
                yield Button(label, id=f"answer-{answer}", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was given."""
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def action_leave(self) -> None:
        """The answer that changes nothing."""
        self.dismiss(list(self._answers)[-1])


class LeaveDialog(QuestionDialog):
    """Asks whether to leave the app; there is one at a time."""


class TextDialog(Dialog[str | None]):
    """One line to fill in; Enter takes it, Esc leaves all as it was.

    Args:
        title: a few words.
        value: what is there already.
        help_text: one sentence under the line.
        check: a sentence about what is wrong with a text, or ``None``.
    """

    def __init__(
        self,
        title: str,
        value: str = "",
        help_text: str = "",
        check: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__(title, help_text=help_text, keys="Enter accepts · Esc leaves it")
        self._value = printable(value)
        self._check = check

    def body(self) -> ComposeResult:
        """The line."""
        yield Line(self._value, classes="dialog-line")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self.complain(self._check(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._check(event.value) is None:
            self.dismiss(event.value)


class ChoiceDialog(Dialog[int | None]):
    """Comes back with the place of what was chosen, or ``None``.

    Args:
        title: a few words.
        choices: one line each.
        empty: what to say when there is nothing to choose.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "Leave", show=False)]

    def __init__(self, title: str, choices: Sequence[str], empty: str = "") -> None:
        keys = "Enter chooses · Esc leaves it" if choices else empty
        super().__init__(printable(title), keys=keys)
        self._choices = choices

    def body(self) -> ComposeResult:
        """The list."""
        options = [Option(one_line(choice, 60)) for choice in self._choices]
        yield OptionList(*options, compact=True, markup=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
