"""Pictures on the whole screen: one after another, close up, and two against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.screen import Screen

from unipic_tui.library.records import StoredPicture
from unipic_tui.terminal.geometry import FITTED, Zoom
from unipic_tui.terminal.sources import DifferenceSource, FileSource
from unipic_tui.ui.commands import (
    CLOSE_UP,
    VIEWER,
    chosen_keys,
    declared,
    hints,
    key_bindings,
    keys_of,
)
from unipic_tui.ui.widgets.bars import KeyHints
from unipic_tui.ui.widgets.captioned_picture import CaptionedPicture, caption

Comparison = Literal["none", "side", "flip", "difference"]

_ZOOM_STEP = 2**0.5
_PAN_STEP = 0.2
_FAR = 1_000_000_000
_GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class ViewerScreen(Screen[int | None]):
    """Shows pictures on the whole screen; comes back with the index of the one seen last.

    Pictures that are removed while it is open keep their index; with none left, it comes back
    with ``None``.

    Args:
        pictures: what can be gone through, not empty.
        index: where to begin.
        protocol: how pictures are shown, ``kitty``, ``sixel``, ``blocks`` or ``none``.
        act: runs a command of the main screen, by its id, on a picture; the viewer itself only
            marks pictures, moves on and closes.
    """

    DEFAULT_CSS = """
    ViewerScreen { background: $background; layers: base; }
    ViewerScreen #viewer-panes { height: 1fr; }
    ViewerScreen #second { display: none; }
    ViewerScreen.-side CaptionedPicture { margin-right: 1; }
    ViewerScreen.-side #second { display: block; }
    """
    AUTO_FOCUS = ""

    comparison: reactive[Comparison] = reactive[Comparison]("none", init=False, bindings=True)
    zoom: reactive[Zoom] = reactive(FITTED, init=False)

    def __init__(
        self,
        pictures: Sequence[StoredPicture],
        index: int,
        protocol: str,
        act: Callable[[str, StoredPicture], None],
    ) -> None:
        super().__init__()
        self._act = act
        self._pictures = list(pictures)
        self._indices = list(range(len(self._pictures)))
        self._total = len(self._pictures)
        self._at = min(max(0, index), len(self._pictures) - 1)
        self._against: int | None = None
        self._flipped = False
        self._gain = 4.0
        self._first = CaptionedPicture(protocol, keep=2)
        self._second = CaptionedPicture(protocol, keep=1)
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
        yield KeyHints()

    def on_mount(self) -> None:
        """Show the first picture."""
        self._draw()

    def update_picture(self, picture: StoredPicture) -> None:
        """Take in a picture's new state, such as its tags."""
        for at, known in enumerate(self._pictures):
            if known.id == picture.id:
                self._pictures[at] = picture
        self._draw()

    @VIEWER.command("viewer.close", "escape,q,enter", "Close", hint="Close", rank=9)
    def action_leave(self) -> None:
        """Stop comparing, or leave the viewer."""
        if self._compares:
            self.action_compare()
        else:
            self.dismiss(self._indices[self._at])

    # one after another

    @VIEWER.command(
        "viewer.back", "left,h,up,k", "Previous picture", args=(-1,), hint="Browse", rank=1
    )
    @VIEWER.command("viewer.on", "right,l,down,j", "Next picture", args=(1,), hint="Browse", rank=1)
    @VIEWER.command("viewer.previous", "pageup,N,backspace", "Previous picture", args=(-1,))
    @VIEWER.command("viewer.next", "pagedown,n", "Next picture", args=(1,))
    @VIEWER.command("viewer.first", "home", "First", args=(-_FAR,))
    @VIEWER.command("viewer.last", "end", "Last", args=(_FAR,))
    def action_show(self, places: int) -> None:
        """Go to another picture; a comparison keeps the other one."""
        at = min(max(0, self._at + places), len(self._pictures) - 1)
        if at == self._at:
            return
        self._at = at
        self._flipped = False
        if not self._compares:
            self.set_reactive(ViewerScreen.zoom, FITTED)
        self._draw()

    # two against each other

    @property
    def _compares(self) -> bool:
        return self.comparison != "none"

    @VIEWER.command("viewer.compare", "c", "Compare", hint="Compare", rank=2)
    def action_compare(self) -> None:
        """Show the picture next to its source or another one.

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

    @VIEWER.command("viewer.flip", "space,f", "Flip", hint="Flip", rank=3)
    def action_flip(self) -> None:
        """Show the two in the same place, one after the other."""
        self._flipped = not self._flipped if self.comparison == "flip" else True
        if self.comparison == "flip":
            self._draw()
        self.comparison = "flip"

    @VIEWER.command("viewer.difference", "d", "Difference", hint="Difference", rank=3)
    def action_difference(self) -> None:
        """Show how the two differ; black where equal."""
        self.comparison = "difference" if self.comparison != "difference" else "side"

    @VIEWER.command("viewer.both", "b", "Both", hint="Both", rank=3)
    def action_side_by_side(self) -> None:
        """Show the two side by side."""
        self.comparison = "side"

    @VIEWER.command(
        "viewer.amplify", "right_square_bracket", "Amplify", args=(1,), hint="Amplify", rank=4
    )
    @VIEWER.command(
        "viewer.weaken", "left_square_bracket", "Weaken", args=(-1,), hint="Amplify", rank=4
    )
    def action_gain(self, steps: int) -> None:
        """Amplify small differences, or show only large ones."""
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

    # close up

    @VIEWER.command("viewer.closer", "plus,equals_sign", "Zoom in", args=(1,), hint="Zoom", rank=5)
    @VIEWER.command("viewer.away", "minus", "Zoom out", args=(-1,), hint="Zoom", rank=5)
    def action_zoom(self, steps: int) -> None:
        """Zoom in on the picture, or out."""
        self.zoom = self.zoom.scaled(_ZOOM_STEP**steps)

    @CLOSE_UP.command("viewer.pan-left", "left,h", "Left", args=(-1, 0))
    @CLOSE_UP.command("viewer.pan-right", "right,l", "Right", args=(1, 0))
    @CLOSE_UP.command("viewer.pan-up", "up,k", "Up", args=(0, -1))
    @CLOSE_UP.command("viewer.pan-down", "down,j", "Down", args=(0, 1))
    def action_pan(self, right: int, down: int) -> None:
        """Pan over the enlarged picture."""
        self.zoom = self.zoom.moved(right * _PAN_STEP, down * _PAN_STEP)

    def on_key(self, event: events.Key) -> None:
        """In a close-up, keys that pan do not go to another picture."""
        if self.zoom.factor <= 1:
            return
        # Not as bindings: Textual's keymap cannot give a key to two commands of one screen.
        for entry in declared(ViewerScreen):
            if entry.place == "close-up" and event.key in keys_of(entry, chosen_keys(self)):
                event.stop()
                event.prevent_default()
                self.action_pan(*entry.args)

    @VIEWER.command("viewer.whole", "0", "Whole picture")
    def action_fit(self) -> None:
        """See the whole picture again."""
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

    # what is done with a picture

    @VIEWER.command("viewer.remix", "r", "Remix", hint="Remix", rank=6)
    def action_remix(self) -> None:
        """Draw once more with the same prompt and settings and a new seed."""
        self._act("picture.remix", self.picture)

    @VIEWER.command("viewer.seed", "s", "Use its seed", hint="Seed", rank=7)
    def action_seed(self) -> None:
        """Lock the seed of the picture for what is drawn next."""
        self._act("picture.seed", self.picture)

    @VIEWER.command("viewer.prompt", "p", "Use its prompt", hint="Prompt", rank=7)
    def action_prompt(self) -> None:
        """Put the picture's prompt into the editor; your settings stay."""
        self.dismiss(None)
        self._act("picture.prompt", self.picture)

    @VIEWER.command("viewer.all", "a", "Use all its settings", hint="All", rank=7)
    def action_all(self) -> None:
        """Put the picture's prompt, seed and settings into the editor."""
        self.dismiss(None)
        self._act("picture.recall", self.picture)

    @VIEWER.command("viewer.favourite", "full_stop", "Mark as favourite", hint="★", rank=6)
    def action_favourite(self) -> None:
        """Mark the picture as a favourite, or unmark it."""
        self._act("picture.favourite", self.picture)
        self.update_picture(dataclasses.replace(self.picture, favourite=not self.picture.favourite))

    @VIEWER.command("viewer.trash", "delete", "Move to the trash", hint="Trash", rank=7)
    def action_trash(self) -> None:
        """Remove the picture; undo brings it back."""
        self._act("trash", self.picture)
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

    @VIEWER.command("viewer.redraw", "f5", "Redraw")
    def action_redraw(self) -> None:
        """Send the pictures to the terminal again."""
        self._first.view.redraw()
        self._second.view.redraw()

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars(), "viewer")

    # drawing

    def _draw(self) -> None:
        if not self._first.is_attached:
            return
        usable = (
            entry
            for entry in declared(ViewerScreen)
            if self.check_action(entry.method.removeprefix("action_"), entry.args)
        )
        self.query_one(KeyHints).hints = hints(usable, chosen_keys(self))
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

    def _show(self, pane: CaptionedPicture, picture: StoredPicture, prefix: str = "") -> None:
        pane.view.show_file(picture.path)
        zoom = f"{self.zoom.factor:.3g}× " if self.zoom.factor > 1 else ""
        star = "★ " if picture.favourite else ""
        pane.say(f"{prefix}{self._place(picture)}  {zoom}{star}{caption(picture)}")

    def _place(self, picture: StoredPicture) -> str:
        at = next(at for at, known in enumerate(self._pictures) if known.id == picture.id)
        return f"{self._indices[at] + 1}/{self._total}"
