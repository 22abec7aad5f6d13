"""What is said in a notice at the corner of the screen."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.widget import Widget

from unipic_tui.text import printable


def complain(node: App[Any] | Widget, title: str, message: str) -> None:
    """Say in a notice what went wrong."""
    node.notify(
        printable(message, newlines=True),
        title=printable(title),
        severity="error",
        timeout=8,
        markup=False,
    )
