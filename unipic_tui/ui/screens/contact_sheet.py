"""The contact sheet of what was made together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from PIL.Image import Image
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.commands import SHEET, chosen_keys, declared, hints, key_bindings
from unipic_tui.ui.widgets.bars import KeyHints
from unipic_tui.ui.widgets.sheet_view import SheetView
from unipic_tui.ui.wording import amount


class SheetScreen(ModalScreen[int | None]):
    """Comes back with the id of the picture that was taken, or ``None``.

    Args:
        pictures: what is on the sheet.
        chosen: id of the picture the cursor begins on.
        load: reads a small version of a picture; called off the event loop.
    """

    def __init__(
        self,
        pictures: Sequence[StoredPicture],
        chosen: int,
        load: Callable[[StoredPicture], Image],
    ) -> None:
        super().__init__()
        self._pictures = pictures
        self._view = SheetView(pictures, chosen, load)

    def compose(self) -> ComposeResult:
        """The sheet."""
        with Vertical(classes="dialog -full"):
            title = f"Contact sheet: {amount(len(self._pictures), 'picture')}"
            yield Label(title, classes="dialog-title", markup=False)
            yield self._view
            yield KeyHints(hints(declared(SheetView, SheetScreen), chosen_keys(self)))

    def on_mount(self) -> None:
        """The arrow keys move."""
        self._view.focus()

    @SHEET.command("sheet.close", "escape,ctrl+c,q,x", "Close", hint="closes", rank=9)
    def action_close(self) -> None:
        """Close the contact sheet."""
        self.dismiss(None)

    BINDINGS: ClassVar[list[BindingType]] = key_bindings(vars())

    @on(SheetView.Taken)
    def _taken(self, event: SheetView.Taken) -> None:
        self.dismiss(event.picture.id)
