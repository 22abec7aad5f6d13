"""The middle of the screen: the chosen picture, what is known of it, and the session's pictures."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive

from unipic_tui.errors import InputError
from unipic_tui.library.records import StoredPicture
from unipic_tui.sizes import TOKEN_PIXELS
from unipic_tui.ui.open_session import OpenSession
from unipic_tui.ui.state import AppState
from unipic_tui.ui.thumbnail_cache import Loader
from unipic_tui.ui.widgets.details import Details
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.greeting import Greeting
from unipic_tui.ui.widgets.picture_view import PictureView

TILE_WIDTH = 12
"""Cells that a picture of the gallery takes, roughly."""


class Workspace(Vertical):
    """Shows what is chosen: a picture, or a job that is being drawn.

    Args:
        protocol: how pictures are shown.
        load: reads a small version of a picture; not called on the event loop.

    Attributes:
        text_first: whether words take the place of pictures.
        region_of: the picture that a region is chosen on, or was last.
    """

    text_first: reactive[bool] = reactive(False, init=False)

    class PictureClicked(Message):
        """The large picture was clicked."""

    def __init__(self, protocol: str, load: Loader) -> None:
        super().__init__()
        self.view = PictureView()
        self.view.set_reactive(PictureView.protocol, protocol)
        self.details = Details()
        self.gallery = Gallery(load)
        self.greeting = Greeting()
        self.region_of: StoredPicture | None = None
        self._shown: tuple[str, int] | None = None
        self._places: dict[int, int] = {}

    def compose(self) -> ComposeResult:
        """The large picture with its details, the gallery below."""
        yield self.greeting
        with Horizontal(id="look"):
            yield self.view
            yield self.details
        yield self.gallery

    def watch_text_first(self) -> None:
        """The whole screen is laid out another way."""
        self.screen.set_class(self.text_first, "-text")
        self.gallery.text_only = self.text_first

    def on_click(self, event: events.Click) -> None:
        """A click on the picture looks at it closely, unless it chooses a region."""
        if (
            event.widget is not None
            and self.view in event.widget.ancestors_with_self
            and self._shown is not None
            and self._shown[0] == "still"
            and not self.view.can_focus
        ):
            self.post_message(self.PictureClicked())

    def show_pictures(self, session: OpenSession, chosen: int | None) -> None:
        """Show the session's thumbnails."""
        pictures = list(session.pictures.values())
        self._places = {picture.id: place for place, picture in enumerate(pictures)}
        self.gallery.set_pictures(pictures, chosen, session.labels())
        self.gallery.set_class(not pictures, "-empty")
        self.gallery.set_class(len(pictures) * TILE_WIDTH > self.size.width, "-many")

    def point_at(self, picture: int | None) -> None:
        """Put the gallery's cursor on a picture."""
        with self.gallery.prevent(Gallery.Selected):
            self.gallery.cursor = self._places.get(picture or 0, -1)

    def start_region(self, picture: StoredPicture) -> None:
        """Let a region of a picture be chosen, until another picture takes its place.

        Raises:
            InputError: it is not the one that is seen, or has no tokens.
        """
        if self._shown != ("still", picture.id):
            raise InputError(
                "That picture is not the one that is shown: wait until the job is done, or choose "
                "another picture."
            )
        rows, columns = picture.height // TOKEN_PIXELS, picture.width // TOKEN_PIXELS
        if rows < 1 or columns < 1:
            raise InputError("That picture is smaller than one token of 16 pixels.")
        self.region_of = picture
        self.view.focus()
        self.view.start_region(rows, columns)

    def show_choice(self, state: AppState, *, only_live: bool) -> None:
        """Show what is chosen.

        Args:
            only_live: nothing changed but what is known of a running job.
        """
        entry, picture = state.entry, state.picture
        self.set_class(entry is None and picture is None, "-empty")
        live = state.live.get(entry.id) if entry else None
        if only_live and live is None:
            return
        drawing = entry if entry is not None and entry.job.draws else None
        known = None if drawing and not state.current.pictures_of(drawing.id) else picture
        if drawing and live and drawing.state != "done":
            known = None
            if self._shown != ("live", drawing.id):
                self.view.action_leave_region()
                self.view.show_file(None)
            self._shown = ("live", drawing.id)
            if live.preview is not None:
                self.view.show_image(live.preview)
            self.view.show_tokens(live.progress)
        elif not only_live:
            self._show_still(known)
        words = self.text_first
        self.details.show(state.current, entry, known, live, follow=only_live, text_first=words)

    def _show_still(self, picture: StoredPicture | None) -> None:
        shown = ("still", picture.id) if picture else None
        if shown is None or shown != self._shown:
            self.view.action_leave_region()
            self.view.show_tokens(None)
            self.view.show_file(picture.path if picture else None)
        self._shown = shown
