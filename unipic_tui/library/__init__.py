"""Sessions, pictures and the queue, kept on disk."""
