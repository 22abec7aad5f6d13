"""Names from benchmarks' files, which become paths of ours."""

from __future__ import annotations

from pathlib import Path

from unipic_tui.errors import InputError
from unipic_tui.files import shown_path
from unipic_tui.text import one_line

_LONGEST = 200
_FORBIDDEN = set('/\\:*?"<>|')


def checked_name(value: object) -> str:
    """A value as the name of a file or folder; raises `InputError` where it is none."""
    name = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if (
        not name.strip(". ")
        or len(name.encode(errors="replace")) > _LONGEST
        or not name.isprintable()
        or _FORBIDDEN & set(name)
    ):
        raise InputError(f"Its name {one_line(str(value), 60)!r} cannot be that of a file.")
    return name


def inside(folder: Path, relative: str) -> Path:
    """A path within a folder; raises `InputError` where it would lead out of it."""
    try:
        path = (folder / relative).resolve()
    except (OSError, ValueError):
        path = folder.parent
    if not path.is_relative_to(folder.resolve()):
        raise InputError(
            f"Its source {one_line(relative, 60)!r} lies outside {shown_path(folder)}."
        )
    return path
