"""The lower part of the screen: mode, prompt and settings of the next job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import TextArea

from unipic_tui.defaults import Defaults
from unipic_tui.job_parts import Region, Turn
from unipic_tui.jobs import KINDS, GenerateJob
from unipic_tui.library.records import StoredPicture
from unipic_tui.text import one_line
from unipic_tui.ui.draft import Draft, outlook
from unipic_tui.ui.widgets.prompt_area import PromptArea
from unipic_tui.ui.widgets.settings import SettingsRow
from unipic_tui.ui.wording import picture_title

_REGION_HINT = "What to draw in the region; empty repeats the picture's own prompt."


class ModeBar(Widget):
    """The three modes, what the chosen one works on, and what running it would make."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "mode--on",
        "mode--off",
        "mode--source",
        "mode--outlook",
        "mode--wrong",
    }

    mode: reactive[str] = reactive(GenerateJob.mode)
    source: reactive[str] = reactive("")
    outlook: reactive[str] = reactive("")
    problem: reactive[str] = reactive("")

    @dataclass
    class Chosen(Message):
        """A mode was clicked."""

        mode: str

    def render(self) -> Text:
        """One line: modes on the left, the rest where there is room."""
        line = Text(no_wrap=True)
        for mode in KINDS:
            name = "mode--on" if mode == self.mode else "mode--off"
            style = self.get_component_rich_style(name)
            line.append(f" {KINDS[mode].wording.title} ", style)
        room = self.size.width - line.cell_len
        right = self.problem or self.outlook
        right_style = "mode--wrong" if self.problem else "mode--outlook"
        end = one_line(right, max(0, room - 2))
        end_text = Text(end, self.get_component_rich_style(right_style))
        room -= end_text.cell_len + 4
        if self.source and room > 12:
            label = one_line(self.source, room)
            line.append(f"  {label}", self.get_component_rich_style("mode--source"))
        gap = self.size.width - line.cell_len - end_text.cell_len
        line.append(" " * max(1, gap))
        line.append_text(end_text)
        return line

    def on_click(self, event: object) -> None:
        """Choose the mode under the mouse."""
        place = getattr(event, "x", 0)
        for mode in KINDS:
            place -= len(KINDS[mode].wording.title) + 2
            if place < 0:
                self.post_message(self.Chosen(mode))
                return


class Composer(Vertical):
    """Everything that goes into the next job."""

    mode: reactive[str] = reactive(GenerateJob.mode)

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self.first_texts = dict(texts)
        """What the settings' fields begin with, where they are not empty."""
        self.defaults: Defaults | None = None
        self.source: StoredPicture | None = None
        self.region_source: StoredPicture | None = None
        self.chosen_region: Region | None = None
        self.turns: tuple[Turn, ...] = ()
        self._prompts: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The mode, the prompt, the settings."""
        yield ModeBar()
        yield PromptArea()
        yield SettingsRow()

    def on_mount(self) -> None:
        """Begin with the settings file's values."""
        self.settings.put(self.first_texts)
        self._show_mode()

    @property
    def prompt(self) -> PromptArea:
        """The editor."""
        return self.query_one(PromptArea)

    @property
    def settings(self) -> SettingsRow:
        """The fields."""
        return self.query_one(SettingsRow)

    def draft(self) -> Draft:
        """The job as it is filled in now."""
        region = self.chosen_region if self.mode == GenerateJob.mode else None
        prompt = self.prompt.text
        source = self.region_source if region else self.source
        if region and source and not prompt.strip():
            prompt = source.job.prompt
        return Draft(self.mode, prompt, self.settings.texts, source, region, self.turns)

    def use_defaults(self, defaults: Defaults) -> None:
        """The checkpoint's own values, to show in empty fields."""
        self.defaults = defaults
        self.settings.use_defaults(defaults)
        self._refresh_bar()

    def use_source(self, picture: StoredPicture | None, turns: Sequence[Turn]) -> None:
        """The picture that edits and questions are about."""
        self.source, self.turns = picture, tuple(turns)
        self._refresh_bar()

    def use_region(self, source: StoredPicture | None, region: Region | None) -> None:
        """Redraw only a region of a picture; ``None`` to draw whole pictures again."""
        self.region_source, self.chosen_region = source, region
        self._show_mode()

    def watch_mode(self, before: str, after: str) -> None:
        """Each mode has a prompt of its own."""
        if not self.children:
            return
        self._prompts[before] = self.prompt.text
        self.prompt.show(self._prompts.get(after, ""))
        self._show_mode()

    def _show_mode(self) -> None:
        self.query_one(ModeBar).mode = self.mode
        self.settings.mode = self.mode
        redraws = self.chosen_region and self.mode == GenerateJob.mode
        hint = _REGION_HINT if redraws else KINDS[self.mode].wording.hint
        self.prompt.placeholder = hint
        self._refresh_bar()

    def _refresh_bar(self) -> None:
        if not self.children:
            return
        bar = self.query_one(ModeBar)
        bar.source = self._source_label()
        bar.problem = next(iter(self.settings.problems().values()), "")
        bar.outlook = outlook(self.draft(), self.defaults)

    def _source_label(self) -> str:
        if self.mode == GenerateJob.mode:
            if self.chosen_region is None or self.region_source is None:
                return ""
            size = f"{self.chosen_region.width}×{self.chosen_region.height} tokens"
            return f"redraws {size} of “{picture_title(self.region_source)}”"
        if self.source is None:
            return "no picture is chosen"
        return f"“{picture_title(self.source)}”"

    @on(TextArea.Changed)
    @on(SettingsRow.Changed)
    def _draft_changed(self, event: Message) -> None:
        event.stop()
        self._refresh_bar()

    @on(ModeBar.Chosen)
    def _mode_chosen(self, event: ModeBar.Chosen) -> None:
        event.stop()
        self.mode = event.mode
