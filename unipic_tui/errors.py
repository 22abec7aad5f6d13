"""The errors a person may see.

Each one carries a short title and one full sentence that says what was wrong, where, and what to
do. The command line prints it on stderr and exits with ``exit_code``; the app shows it in a dialog.
Any other exception is a bug and keeps its traceback.
"""


class UnipicError(Exception):
    """Something went wrong that the person at the keyboard can mend.

    Args:
        message: one sentence: what was wrong, where, and what to do.
        title: a few words to head a dialog; each subclass has its own default.
    """

    title = "Error"
    exit_code = 2

    def __init__(self, message: str, title: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if title is not None:
            self.title = title


class InputError(UnipicError):
    """A prompt, image, size or option that cannot be used as given."""

    title = "Cannot use that"


class CheckpointError(UnipicError):
    """A checkpoint that is missing, incomplete, foreign or hostile."""

    title = "Cannot load the checkpoint"


class DeviceError(UnipicError):
    """A device that is not there, or one that ran out of memory."""

    title = "Device trouble"


class StorageError(UnipicError):
    """A file or folder that cannot be read or written."""

    title = "Cannot read or write"
