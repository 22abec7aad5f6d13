"""Pictures on the whole screen: one after another, close up, and two against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer, Static

from unipic_tui.job_settings import caption
from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.geometry import FITTED, Zoom
from unipic_tui.terminal.sources import DifferenceSource, FileSource
from unipic_tui.text import one_line
from unipic_tui.ui.widgets.picture_view import PictureView

Comparison = Literal["none", "side", "flip", "difference"]
ActionName = Literal["remix", "seed", "prompt", "all", "favourite", "trash"]

_ZOOM_STEP = 2**0.5
_PAN_STEP = 0.2
_GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_PROMPT_CELLS = 300


class Pane(Vertical):
    """A picture with its caption below."""

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; }
    Pane > Static { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
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


class ViewerScreen(Screen[int | None]):
    """Shows pictures on the whole screen; comes back with the index of the one seen last.

    Pictures that are removed while it is open keep their index; with none left, it comes back
    with ``None``.

    Args:
        pictures: what can be gone through, not empty.
        index: where to begin.
        protocol: how pictures are shown, as `PictureView.protocol`.
    """

    DEFAULT_CSS = """
    ViewerScreen { background: $background; layers: base; }
    ViewerScreen #viewer-panes { height: 1fr; }
    ViewerScreen #second { display: none; }
    ViewerScreen.-side Pane { margin-right: 1; }
    ViewerScreen.-side #second { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Close", id="viewer.close", key_display="Esc"),
        Binding("left,h,up,k", "back", "Back", id="viewer.back", key_display="←"),
        Binding("right,l,down,j", "on", "On", id="viewer.on", key_display="→"),
        Binding("pageup,N,backspace", "show(-1)", "Previous", show=False, id="viewer.previous"),
        Binding("pagedown,n", "show(1)", "Next", show=False, id="viewer.next"),
        Binding("home", "show(-1000000000)", "First", show=False, id="viewer.first"),
        Binding("end", "show(1000000000)", "Last", show=False, id="viewer.last"),
        Binding("c", "compare", "Compare", id="viewer.compare"),
        Binding("space,f", "flip", "Flip", id="viewer.flip", key_display="space"),
        Binding("d", "difference", "Difference", id="viewer.difference"),
        Binding("b", "side_by_side", "Both", id="viewer.both"),
        Binding("right_square_bracket", "gain(1)", "Amplify", id="viewer.amplify"),
        Binding("left_square_bracket", "gain(-1)", "Weaken", show=False, id="viewer.weaken"),
        Binding("plus,equals_sign", "zoom(1)", "Closer", id="viewer.closer", key_display="+"),
        Binding("minus", "zoom(-1)", "Away", id="viewer.away", key_display="-"),
        Binding("0", "fit", "Whole picture", show=False, id="viewer.whole"),
        Binding("r", "post('remix')", "Remix", id="viewer.remix"),
        Binding("s", "post('seed')", "Seed", id="viewer.seed"),
        Binding("p", "post('prompt')", "Prompt", id="viewer.prompt"),
        Binding("a", "post('all')", "All", id="viewer.all"),
        Binding("full_stop", "post('favourite')", "★", id="viewer.favourite", key_display="."),
        Binding("delete", "post('trash')", "Trash", id="viewer.trash", key_display="Del"),
        Binding("f5", "redraw", "Redraw", show=False, id="viewer.redraw"),
    ]
    AUTO_FOCUS = ""

    comparison: reactive[Comparison] = reactive[Comparison]("none", init=False, bindings=True)
    zoom: reactive[Zoom] = reactive(FITTED, init=False)

    class Action(Message):
        """Something shall be done with a picture; the viewer itself only marks and moves on.

        Attributes:
            name: ``remix``, ``seed``, ``prompt``, ``all`` (recall settings), ``favourite`` (mark,
                or no longer) or ``trash``.
            picture: the picture as it was before.
            viewer: the viewer, to be closed or told what came of it.
        """

        def __init__(self, name: ActionName, picture: StoredPicture, viewer: ViewerScreen) -> None:
            super().__init__()
            self.name = name
            self.picture = picture
            self.viewer = viewer

    def __init__(self, pictures: Sequence[StoredPicture], index: int, protocol: str) -> None:
        super().__init__()
        self._pictures = list(pictures)
        self._indices = list(range(len(self._pictures)))
        self._total = len(self._pictures)
        self._at = min(max(0, index), len(self._pictures) - 1)
        self._against: int | None = None
        self._flipped = False
        self._gain = 4.0
        self._first = Pane(protocol, keep=2)
        self._second = Pane(protocol, keep=1)
        self._second.id = "second"

    @property
    def picture(self) -> StoredPicture:
        """The picture that keys act on."""
        return self._pictures[self._at]

    def compose(self) -> ComposeResult:
        """One pane or two, and the keys."""
        with Horizontal(id="viewer-panes"):
            yield self._first
            yield self._second
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Show the first picture."""
        self._draw()

    def update_picture(self, picture: StoredPicture) -> None:
        """Take in a picture's new state, such as its tags."""
        for at, known in enumerate(self._pictures):
            if known.id == picture.id:
                self._pictures[at] = picture
        self._draw()

    # one after another

    def action_show(self, places: int) -> None:
        """Go on by places, and stop at the ends."""
        at = min(max(0, self._at + places), len(self._pictures) - 1)
        if at == self._at:
            return
        self._at = at
        self._flipped = False
        if not self._compares:
            self.set_reactive(ViewerScreen.zoom, FITTED)
        self._draw()

    def action_back(self) -> None:
        """To the previous picture; close up, to the left or up."""
        self.action_show(-1)

    def action_on(self) -> None:
        """To the next picture; close up, to the right or down."""
        self.action_show(1)

    def on_key(self, event: events.Key) -> None:
        """Close up, the arrow keys move over the picture instead of to another one."""
        ways = {
            "left": (-1, 0), "h": (-1, 0), "right": (1, 0), "l": (1, 0),
            "up": (0, -1), "k": (0, -1), "down": (0, 1), "j": (0, 1),
        }  # fmt: skip
        if self.zoom.factor > 1 and event.key in ways:
            event.stop()
            event.prevent_default()
            right, down = ways[event.key]
            self.zoom = self.zoom.moved(right * _PAN_STEP, down * _PAN_STEP)

    # close up

    def action_zoom(self, steps: int) -> None:
        """Nearer or further away."""
        self.zoom = self.zoom.scaled(_ZOOM_STEP**steps)

    def action_fit(self) -> None:
        """The whole picture."""
        self.zoom = FITTED

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel goes nearer."""
        event.stop()
        self.action_zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel goes further away."""
        event.stop()
        self.action_zoom(-1)

    def watch_zoom(self) -> None:
        """Both panes look at the same part."""
        self._draw()

    # two against each other

    @property
    def _compares(self) -> bool:
        return self.comparison != "none"

    def action_compare(self) -> None:
        """Compare with another picture, or no longer.

        An edit is compared with what it was made from, any other picture with the one before it.
        """
        if self._compares or len(self._pictures) < 2:
            self._against = None
            self.comparison = "none"
            return
        self._against = self._source_of(self.picture)
        if self._against is None:
            self._against = self._at - 1 if self._at else 1
        self.comparison = "side"

    def action_flip(self) -> None:
        """Show the two in the same place, in turns."""
        self._flipped = not self._flipped if self.comparison == "flip" else True
        if self.comparison == "flip":
            self._draw()
        self.comparison = "flip"

    def action_side_by_side(self) -> None:
        """Show the two beside each other."""
        self.comparison = "side"

    def action_difference(self) -> None:
        """Show how the two differ."""
        self.comparison = "difference" if self.comparison != "difference" else "side"

    def action_gain(self, steps: int) -> None:
        """Show smaller differences, or only larger ones."""
        at = min(max(0, _GAINS.index(self._gain) + steps), len(_GAINS) - 1)
        self._gain = _GAINS[at]
        self._draw()

    def watch_comparison(self) -> None:
        """Show it that way."""
        self.set_class(self.comparison == "side", "-side")
        if self.comparison != "flip":
            self._flipped = False
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for comparing are there while comparing."""
        if action in {"flip", "difference", "side_by_side"}:
            return self._compares
        if action == "gain":
            return self.comparison == "difference"
        return super().check_action(action, parameters)

    def _source_of(self, picture: StoredPicture) -> int | None:
        source = getattr(picture.job, "source", None)  # not every kind of job has one
        if source is None:
            return None
        paths = (at for at, other in enumerate(self._pictures) if str(other.path) == source)
        at = next(paths, None)
        return None if at == self._at else at

    # what is done with a picture

    def action_post(self, name: ActionName) -> None:
        """Have something done with the picture that is seen."""
        picture = self.picture
        self.post_message(self.Action(name, picture, self))
        if name == "favourite":
            self.update_picture(dataclasses.replace(picture, favourite=not picture.favourite))
        elif name == "trash":
            self._drop()

    def _drop(self) -> None:
        del self._pictures[self._at], self._indices[self._at]
        if not self._pictures:
            self.dismiss(None)
            return
        self._against = None
        self._at = min(self._at, len(self._pictures) - 1)
        self.set_reactive(ViewerScreen.zoom, FITTED)
        if self._compares:
            self.comparison = "none"
        else:
            self._draw()

    def action_redraw(self) -> None:
        """Send the pictures anew."""
        self._first.view.redraw()
        self._second.view.redraw()

    def action_leave(self) -> None:
        """Stop comparing, or go back to where the viewer was opened."""
        if self._compares:
            self.action_compare()
        else:
            self.dismiss(self._indices[self._at])

    # drawing

    def _draw(self) -> None:
        if not self._first.is_attached:
            return
        against = self._pictures[self._against] if self._against is not None else None
        self._first.view.zoom = self._second.view.zoom = self.zoom
        if against is None or self.comparison == "none":
            self._show(self._first, self.picture)
            self._second.view.show_file(None)
        elif self.comparison == "side":
            self._show(self._first, against, "A ")
            self._show(self._second, self.picture, "B ")
        elif self.comparison == "flip":
            shown = against if self._flipped else self.picture
            self._show(self._first, shown, "A " if self._flipped else "B ")
        else:
            pair = FileSource(against.path), FileSource(self.picture.path)
            self._first.view.show_source(DifferenceSource(*pair, self._gain))
            names = f"A {self._place(against)} and B {self._place(self.picture)}"
            self._first.say(f"Difference ×{self._gain:g} between {names}; black where equal")

    def _show(self, pane: Pane, picture: StoredPicture, prefix: str = "") -> None:
        pane.view.show_file(picture.path)
        zoom = f"{self.zoom.factor:.3g}× " if self.zoom.factor > 1 else ""
        star = "★ " if picture.favourite else ""
        pane.say(f"{prefix}{self._place(picture)}  {zoom}{star}{describe(picture)}")

    def _place(self, picture: StoredPicture) -> str:
        at = next(at for at, known in enumerate(self._pictures) if known.id == picture.id)
        return f"{self._indices[at] + 1}/{self._total}"


def describe(picture: StoredPicture) -> str:
    """The caption: prompt, size and settings on one line."""
    job = picture.job
    facts = [one_line(job.prompt, _PROMPT_CELLS), f"{picture.width}×{picture.height}"]
    facts += caption(job)
    if picture.model:
        facts.append(one_line(picture.model, 40))
    return " · ".join(facts)
