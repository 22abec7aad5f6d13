"""Sessions, pictures and the queue, kept on disk."""

from unipic_tui.library.library import Library

__all__ = ["Library"]
