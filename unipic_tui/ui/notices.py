"""What is said in a notice at the corner of the screen, and what goes to the log."""

from __future__ import annotations

import contextlib
import logging.handlers
from pathlib import Path
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


def log_to_file(path: Path) -> None:
    """Send what is logged to a file, since the terminal is the screen; without one, nowhere."""
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
