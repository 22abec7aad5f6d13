"""Where things lie on this computer. Nothing is created by asking."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import platformdirs

from unipic_tui.errors import StorageError

_NAME = "unipic-tui"

CONFIG_VARIABLE = "UNIPIC_CONFIG"
"""Names the settings file, in place of the usual one."""
DATA_VARIABLE = "UNIPIC_DATA"
"""Names one folder for all that the program writes by itself: library and log."""
CHECKPOINT_VARIABLE = "UNIPIC_CHECKPOINT"
"""Names the checkpoint to use where no ``--checkpoint`` is given."""

_ADDRESS = re.compile(r"file:(?://(?:localhost)?)?(/[^/].*|/)", re.IGNORECASE | re.DOTALL)

EMBEDDED_CHECKPOINT = Path(__file__).parent / "nano" / "checkpoint"
"""The small checkpoint inside the package."""


def from_environment(variable: str) -> Path | None:
    """The absolute path an environment variable names; ``None`` where it is unset or empty."""
    value = os.environ.get(variable, "").strip()
    return absolute(value) if value else None


def absolute(path: str | Path, base: Path | None = None) -> Path:
    """The path with ``~`` filled in, absolute, links left alone.

    Args:
        path: a path as a person writes it, or a ``file://`` address.
        base: what a relative path starts from; the current folder by default.

    Raises:
        StorageError: the path is relative, and the current folder was deleted.
    """
    address = _ADDRESS.fullmatch(path) if isinstance(path, str) else None
    if address:
        # Not split at "?" and "#", which some programs leave unescaped in names.
        return Path(os.path.normpath(os.fsdecode(unquote_to_bytes(address[1]))))
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:  # no home folder is known: then "~" is a name like any other
        expanded = Path(path)
    if not expanded.is_absolute():
        expanded = (base or current()) / expanded
    return Path(os.path.normpath(expanded))


def current() -> Path:
    """The current folder; raises `StorageError` where it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise StorageError(
            "The current folder was deleted: change to another one, or give absolute paths."
        ) from None


def beginning() -> Path:
    """Where to begin to look for files: the current folder, the root folder if it was deleted."""
    leave_deleted()
    return current()


def leave_deleted() -> None:
    """Change to the root folder where the current one was deleted.

    Once every path is absolute: libraries end the whole process in a folder that is not there.
    """
    try:
        current()
    except StorageError:
        os.chdir(Path(__file__).anchor)


def config_file() -> Path:
    """The settings file, whether or not it is there."""
    return from_environment(CONFIG_VARIABLE) or (
        Path(platformdirs.user_config_dir(_NAME, appauthor=False)) / "settings.toml"
    )


def data_dir() -> Path:
    """The folder of the library: sessions, pictures and their database."""
    return from_environment(DATA_VARIABLE) or Path(
        platformdirs.user_data_dir(_NAME, appauthor=False)
    )


def log_dir() -> Path:
    """The folder of the app's log."""
    data = from_environment(DATA_VARIABLE)
    return data / "log" if data else Path(platformdirs.user_log_dir(_NAME, appauthor=False))
