"""What the app is doing: the session on the screen, the choice in it, the queue and the model."""

from unipic_tui.ui.studio.reports import Studio
from unipic_tui.ui.studio.state import Change

__all__ = ["Change", "Studio"]
