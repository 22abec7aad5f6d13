"""What an empty session shows: three prompts to begin with, and which model is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from unipic_tui.events import BackendInfo
from unipic_tui.text import printable
from unipic_tui.ui.wording import MUTED

PROMPTS = (
    "a red circle left of a blue square",
    "three green stars on a black background",
    "a purple ring and a yellow cross",
)
"""Prompts that the embedded model was trained for."""

DOWNLOAD = "hf download Skywork/Skywork-UniPic-1.5B --local-dir UniPic-1.5B"


class Starters(OptionList):
    """The prompts; typing anything goes to the prompt editor instead."""

    @dataclass
    class Typed(Message):
        """A character was typed that was meant for the editor."""

        text: str

    def on_key(self, event: events.Key) -> None:
        """Hand characters on."""
        if event.is_printable and event.character and event.character not in "/?":
            event.stop()
            event.prevent_default()
            self.post_message(self.Typed(event.character))


class Greeting(Vertical):
    """Where to begin."""

    @dataclass
    class Chosen(Message):
        """One of the prompts is to be drawn."""

        prompt: str

    def compose(self) -> ComposeResult:
        """A heading, the prompts, the model."""
        yield Static("What should it draw?", id="greeting-title", markup=False)
        yield Starters(*(Option(prompt) for prompt in PROMPTS), id="starters", markup=False)
        yield Static(id="greeting-model", markup=False)

    def on_mount(self) -> None:
        """Begin without a model."""
        self.show_model(None)

    def show_model(self, info: BackendInfo | None) -> None:
        """Say which model is loaded, and how to get the big one."""
        self.query_one("#greeting-model", Static).update(_model_words(info))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A prompt was chosen."""
        event.stop()
        self.post_message(self.Chosen(PROMPTS[event.option_index]))


def _model_words(info: BackendInfo | None) -> Content:
    begin = "Enter draws one of these; or type your own below and press Ctrl+R.\n\n"
    if info is None:
        words = [("The model is being loaded.", "")]
    elif not info.embedded:
        size = f"{info.parameters / 1e9:.1f} billion parameters"
        words = [(f"{printable(info.model)} is loaded ({size}).", "")]
    else:
        size = f"{info.parameters / 1e6:.1f} million parameters"
        side = f"{info.defaults.width}×{info.defaults.height} pixels"
        about = f"Loaded is the small model that comes with the program ({size}): coloured shapes"
        words = [
            (f"{about} on a plain ground, {side}. The big one draws anything:\n", ""),
            (DOWNLOAD, "bold"),
            ("\nthen open it with the command “Load a checkpoint” (Ctrl+P).", ""),
        ]
    return Content.assemble((begin, MUTED), *words)
