"""The middle of the screen: the chosen picture, what is known of it, and the session's pictures."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.studio import Studio
from unipic_tui.ui.widgets.details import Details
from unipic_tui.ui.widgets.gallery import Gallery
from unipic_tui.ui.widgets.greeting import Greeting
from unipic_tui.ui.widgets.picture_view import PictureView

TILE_WIDTH = 12
"""Cells that a picture of the gallery takes, roughly."""


class Stage(Vertical):
    """Shows the studio's choice: a picture, or a job that is being drawn."""

    class PictureClicked(Message):
        """The large picture was clicked."""

    def __init__(self, protocol: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._protocol = protocol
        self._shown: tuple[str, int] | None = None
        self._places: dict[int, int] = {}

    def compose(self) -> ComposeResult:
        """The large picture with its details, the gallery below."""
        yield Greeting(id="greeting")
        with Horizontal(id="look"):
            view = PictureView(id="picture")
            view.protocol = self._protocol
            yield view
            yield Details(id="details")
        yield Gallery(id="gallery")

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

    @property
    def view(self) -> PictureView:
        """The large picture."""
        return self.query_one(PictureView)

    @property
    def gallery(self) -> Gallery:
        """The session's pictures."""
        return self.query_one(Gallery)

    def show_pictures(self, pictures: Sequence[StoredPicture], chosen: int | None) -> None:
        """Show the session's thumbnails."""
        self._places = {picture.id: place for place, picture in enumerate(pictures)}
        self.gallery.set_pictures(pictures, chosen)
        self.gallery.set_class(not pictures, "-empty")
        self.gallery.set_class(len(pictures) * TILE_WIDTH > self.size.width, "-many")

    def point_at(self, picture: int | None) -> None:
        """Put the gallery's cursor on a picture."""
        with self.gallery.prevent(Gallery.Selected):
            self.gallery.cursor = self._places.get(picture or 0, -1)

    def show_choice(self, studio: Studio, *, only_live: bool, text_first: bool) -> None:
        """Show what is chosen.

        Args:
            only_live: nothing changed but what is known of a running job.
        """
        entry, picture = studio.entry, studio.picture
        self.set_class(entry is None and picture is None, "-empty")
        live = studio.live.get(entry.id) if entry else None
        asks = entry is not None and not entry.job.draws
        drawing = entry is not None and not asks and entry.state != "done"
        fresh = entry is not None and not asks and not studio.desk.pictures_of(entry.id)
        if only_live and live is None:
            return
        reveals = drawing and live is not None
        if reveals and live is not None and entry is not None:
            if self._shown != ("live", entry.id):
                self.view.show_file(None)
            self._shown = ("live", entry.id)
            if live.preview is not None:
                self.view.show_image(live.preview)
            self.view.show_tokens(live.progress)
        elif not only_live:
            self._show_still(None if fresh else picture)
        self.query_one(Details).show(
            picture=None if fresh or reveals else picture,
            entry=entry,
            conversation=studio.desk.conversation(picture.id) if picture and not fresh else (),
            live=live,
            follow=only_live,
            text_first=text_first,
        )

    def _show_still(self, picture: StoredPicture | None) -> None:
        shown = ("still", picture.id) if picture else None
        if shown is None or shown != self._shown:
            self.view.show_tokens(None)
            self.view.show_file(picture.path if picture else None)
        self._shown = shown
