"""The row of settings under the prompt; each is checked as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Label

from unipic_tui.defaults import Defaults
from unipic_tui.jobs import GenerateJob
from unipic_tui.ui.fields import Field, all_fields, placeholder, problem
from unipic_tui.ui.widgets.line import Line
from unipic_tui.ui.wording import MUTED


class Choice(Widget, can_focus=True):
    """A value out of a few: the arrow keys, space or a click go to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,down,space,enter", "step(1)", "Next value", show=False),
        Binding("left,up", "step(-1)", "Previous value", show=False),
    ]

    value: reactive[str] = reactive("")

    class Changed(Message):
        """Another value was chosen."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__()
        self.choices = choices
        self.set_reactive(Choice.value, choices[0])

    def render(self) -> Content:
        """The value, and a sign that there are others."""
        return Content.assemble(self.value, (" ↔", "" if self.has_focus else MUTED))

    def watch_value(self) -> None:
        """Tell of the change."""
        self.post_message(self.Changed())

    def action_step(self, places: int) -> None:
        """Go to the next or the previous value, round and round."""
        place = self.choices.index(self.value) if self.value in self.choices else -places
        self.value = self.choices[(place + places) % len(self.choices)]

    def on_click(self) -> None:
        """As the right arrow."""
        self.action_step(1)


class FieldBox(Vertical):
    """A setting: its name, and below it what is typed or chosen."""

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"field-{field.key}")
        self.field = field
        setting = field.setting
        limits = f": {setting.range}" if setting.range else ""
        self.tooltip = f"{setting.help[0].upper()}{setting.help[1:]}{limits}."
        self.styles.width = field.width + 1
        self.editor: Input | Choice = (
            Choice(field.choices)
            if field.choices
            else Line(placeholder=placeholder(field, None, field.modes[0]))
        )
        if isinstance(self.editor, Input):
            self.editor.select_on_focus = True

    def compose(self) -> ComposeResult:
        """The label over the editor."""
        yield Label(self.field.setting.label, markup=False)
        yield self.editor


class SettingsRow(Vertical):
    """The settings of the mode; the less used ones in further lines that can be hidden."""

    class Changed(Message):
        """A setting changed."""

    mode: reactive[str] = reactive(GenerateJob.mode)
    advanced: reactive[bool] = reactive(False)

    def __init__(self) -> None:
        super().__init__()
        self._boxes = {field.key: FieldBox(field) for field in all_fields()}
        self._defaults: Defaults | None = None

    def compose(self) -> ComposeResult:
        """A line of fields, and two of the less used ones: one would not fit 80 columns."""
        with Horizontal(classes="fields"):
            yield from (box for box in self._boxes.values() if not box.field.setting.advanced)
        further = [box for box in self._boxes.values() if box.field.setting.advanced]
        half = (len(further) + 1) // 2
        with Vertical(id="advanced-fields"):
            for part in (further[:half], further[half:]):
                with Horizontal(classes="fields"):
                    yield from part

    def watch_mode(self) -> None:
        """Show the fields of the mode."""
        for box in self._boxes.values():
            box.display = self.mode in box.field.modes
        self._show_defaults()
        self.watch_advanced()

    def watch_advanced(self) -> None:
        """Show or hide the second line, where it is not shown anyhow."""
        boxes = [box for box in self._boxes.values() if box.field.setting.advanced]
        self.set_class(self.advanced and any(box.display for box in boxes), "-advanced")

    def on_mount(self) -> None:
        """Begin with the fields of the mode."""
        self.watch_mode()

    @property
    def texts(self) -> dict[str, str]:
        """What is in each field, by its key."""
        return {name: box.editor.value for name, box in self._boxes.items()}

    def put(self, texts: Mapping[str, str]) -> None:
        """Fill fields."""
        for name, text in texts.items():
            self._boxes[name].editor.value = text

    def use_defaults(self, defaults: Defaults) -> None:
        """Say in the empty fields what the loaded checkpoint does."""
        self._defaults = defaults
        self._show_defaults()
        self._check()

    def _show_defaults(self) -> None:
        for box in self._boxes.values():
            if isinstance(box.editor, Input):
                box.editor.placeholder = placeholder(box.field, self._defaults, self.mode)

    def problems(self) -> dict[str, str]:
        """For each field of the mode that cannot be used, why."""
        found: dict[str, str] = {}
        for name, box in self._boxes.items():
            if self.mode in box.field.modes:
                sentence = problem(box.field, box.editor.value, self._defaults)
                if sentence:
                    found[name] = sentence
        return found

    def focus_advanced(self) -> None:
        """Go to the first of the less used fields; to the first field where there is none."""
        boxes = [box for box in self._boxes.values() if box.display]
        min(boxes, key=lambda box: not box.field.setting.advanced).editor.focus()

    def _check(self) -> None:
        wrong = self.problems()
        for name, box in self._boxes.items():
            box.set_class(name in wrong, "-wrong")

    @on(Input.Changed)
    @on(Choice.Changed)
    def _field_changed(self, event: Message) -> None:
        event.stop()
        self._check()
        self.post_message(self.Changed())
