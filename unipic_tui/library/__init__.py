"""Sessions, pictures and the queue, kept on disk."""

from unipic_tui.library.store import Library

__all__ = ["Library"]
