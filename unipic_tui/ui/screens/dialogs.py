"""Small windows over the screen: a question with a few answers, a line to fill in, a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from unipic_tui.text import one_line, printable
from unipic_tui.ui.widgets.line import Line


class QuestionDialog(ModalScreen[str]):
    """A question and its answers as buttons; Esc gives the last one.

    Args:
        title: a few words.
        text: one or a few sentences.
        answers: what each button says, by what the dialog then comes back with; the first has the
            focus, the last changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Leave", show=False),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, title: str, text: str, answers: Mapping[str, str]) -> None:
        super().__init__()
        self._title = title
        self._text = printable(text, newlines=True)
        self._answers = answers

    def compose(self) -> ComposeResult:
        """Title, text, buttons."""
        with Vertical(classes="dialog"):
            yield Label(self._title, classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-text", can_focus=False):
                yield Static(self._text, markup=False)
            with Horizontal(classes="dialog-buttons"):
                for answer, label in self._answers.items():
                    yield Button(label, id=f"answer-{answer}", compact=True)

    def on_mount(self) -> None:
        """The first answer is at hand."""
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was given."""
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def action_leave(self) -> None:
        """The answer that changes nothing."""
        self.dismiss(list(self._answers)[-1])


class TextDialog(ModalScreen[str | None]):
    """One line to fill in; Enter takes it, Esc leaves all as it was.

    Args:
        title: a few words.
        value: what is there already.
        help_text: one sentence under the line.
        check: a sentence about what is wrong with a text, or ``None``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "dismiss(None)", "Leave", show=False)
    ]

    def __init__(
        self,
        title: str,
        value: str = "",
        help_text: str = "",
        check: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._title = title
        self._value = printable(value)
        self._help = help_text
        self._check = check

    def compose(self) -> ComposeResult:
        """Title, line, help."""
        with Vertical(classes="dialog"):
            yield Label(self._title, classes="dialog-title", markup=False)
            yield Line(self._value, classes="dialog-line")
            yield Static(self._help, classes="dialog-help", markup=False)
            yield Static("Enter accepts · Esc leaves it", classes="dialog-keys", markup=False)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        wrong = self._check(event.value)
        helper = self.query_one(".dialog-help", Static)
        helper.update(wrong or self._help)
        helper.set_class(wrong is not None, "-wrong")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._check(event.value) is None:
            self.dismiss(event.value)


class ChoiceDialog(ModalScreen[int | None]):
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
