"""A picture with what is said of it below, as the viewer shows it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from unipic_tui.job_settings import caption as settings_in_words
from unipic_tui.library.records import StoredPicture
from unipic_tui.text import one_line
from unipic_tui.ui.widgets.picture_view import PictureView

_PROMPT_CELLS = 300


class CaptionedPicture(Vertical):
    """A picture with its caption below."""

    DEFAULT_CSS = """
    CaptionedPicture { width: 1fr; height: 1fr; }
    CaptionedPicture > Static {
        height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self, protocol: str, keep: int) -> None:
        super().__init__()
        self.view = PictureView(keep=keep)
        self.view.set_reactive(PictureView.protocol, protocol)
        self._caption = Static("", markup=False)

    def compose(self) -> ComposeResult:
        """The picture, and what is said of it."""
        yield self.view
        yield self._caption

    def say(self, words: str) -> None:
        """Change the caption."""
        self._caption.update(words)


def caption(picture: StoredPicture) -> str:
    """The caption: prompt, size and settings on one line."""
    job = picture.job
    facts = [one_line(job.prompt, _PROMPT_CELLS), f"{picture.width}×{picture.height}"]
    facts += settings_in_words(job, seed_known=picture.seed_known)
    if picture.model:
        facts.append(one_line(picture.model, 40))
    return " · ".join(facts)
