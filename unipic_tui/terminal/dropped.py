"""What terminals write when files are dropped on them, or a file manager's copy is pasted."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from unipic_tui.paths import absolute
from unipic_tui.pictures import SUFFIXES, is_picture_file

_LONGEST = 200_000
_START = r"(?:file:/|~?/|\.{1,2}/|[A-Za-z]:[\\/])"
_BARE = re.compile(r"[^\n]{1,200}\.\w{1,5}['\"]?")
_BEGINS = re.compile(_START, re.IGNORECASE)
_MAY_BEGIN = re.compile(rf"['\"]?{_START}", re.IGNORECASE)
_BETWEEN = re.compile(rf"\s+(?={_START})", re.IGNORECASE)


def may_name_files(text: str) -> bool:
    """Whether it is worth the disk access of `named_files`."""
    text = text.strip()
    return len(text) <= _LONGEST and bool(_MAY_BEGIN.match(text) or _BARE.fullmatch(text))


def named_files(text: str) -> list[Path] | None:
    """The files that a pasted text names, and nothing but names.

    Each line is one path as it stands, or several as a shell reads them: quoted, with backslashes,
    as ``file://`` addresses. A path must be absolute or begin with ``~/``, ``./`` or ``../``; the
    bare name of a picture in the current folder counts as well. Where a line can be read in more
    than one way, the files that exist decide, so this reads the disk.

    Returns:
        Absolute paths, also of files that are not there; ``None`` where the text is something else.
    """
    found: list[Path] = []
    for line in filter(None, map(str.strip, re.split(r"[\r\n]", text))):
        paths = _of_line(line)
        if paths is None:
            return None
        found += paths
    return found or None


def _of_line(line: str) -> list[Path] | None:
    readings = [names for names in _readings(line) if all(map(_BEGINS.match, names))]
    for names in readings:
        paths = [absolute(name) for name in names]
        if all(map(_exists, paths)):
            return paths
    for names in readings:
        if all(map(_is_meant, names)):
            return [absolute(name) for name in names]
    bare = next((names[0] for names in _readings(line) if len(names) == 1), line)
    return [absolute(bare)] if _BARE.fullmatch(line) and is_picture_file(absolute(bare)) else None


def _readings(line: str) -> Iterator[list[str]]:
    """The ways to read a line, the most likely first."""
    with contextlib.suppress(ValueError):  # a lone quote, as in a name with an apostrophe
        yield shlex.split(line)
    yield [line]
    yield _BETWEEN.split(line)


def _is_meant(name: str) -> bool:
    """Whether a name that begins as a path does can hardly be anything else."""
    if re.match("file:/", name, re.IGNORECASE) or Path(name).suffix.lower() in SUFFIXES:
        return True
    return not re.search(r"\s", name) and (name.count("/") > 1 or name[0] in "~.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or one that no file can have
        return False
