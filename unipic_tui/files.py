"""Reading and writing whole files: a write is there completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from unipic_tui.errors import StorageError
from unipic_tui.text import one_line

TEMPORARY_PREFIX = ".unipic-tui-"
TEMPORARY_SUFFIX = ".part"

_REASONS = {
    errno.ENOSPC: "the disk is full: make room and try again",
    errno.EDQUOT: "your disk quota is used up: make room and try again",
    errno.EACCES: "permission is denied: choose another place, or change its permissions",
    errno.EPERM: "the system does not permit it: choose another place",
    errno.EROFS: "the disk is read-only: choose another place",
    errno.ENOTDIR: "part of that path is a file, not a folder: choose another path",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.EISDIR: "it is a folder: name a file",
    errno.EFBIG: "the file would be larger than this disk allows: choose another place",
    errno.EIO: "the disk reports an error: check it, or choose another place",
    errno.ELOOP: "its symbolic links go in circles: name the file itself",
    errno.EMFILE: "too many files are open: close some programs and try again",
    errno.ENFILE: "too many files are open: close some programs and try again",
}


def storage_error(error: OSError | ValueError, path: str | Path, action: str) -> StorageError:
    """The sentence for a failed file operation.

    Args:
        error: what the operating system said; a `ValueError` stands for a name no system takes.
        path: the file or folder it was about.
        action: what was tried, to follow "Cannot": ``write``, ``read``, ``open``.
    """
    reason = "that is not a name this system can use: choose another one"
    if isinstance(error, OSError):
        reason = _REASONS.get(error.errno or 0, "")
        if error.errno == errno.ENOENT:
            writing = action not in {"read", "open"}
            reason = (
                "the folder does not exist: create it first, or choose another one"
                if writing
                else "there is no such file: check the path"
            )
        if not reason:
            reason = (
                f"the system says {(error.strerror or str(error)).lower()!r}: try another place"
            )
    return StorageError(f"Cannot {action} {shown_path(path)}: {reason}.")


def shown_path(path: str | Path) -> str:
    """A path as it may be printed: harmless, and cut when it is absurdly long."""
    return one_line(str(path), 300)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is what an interrupted `write_atomic` left behind."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def write_atomic(path: str | Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a whole file, or leave everything as it was.

    The bytes go to a hidden file beside it (see `is_temporary`), reach the disk, and take the
    name in one step; when this returns, a crash or a power cut no longer loses them.

    Args:
        path: the file; its folder must exist.
        data: all of its contents.
        overwrite: whether a file of that name may be replaced.

    Raises:
        StorageError: the file cannot be written, or is there and may not be replaced.
    """
    target = Path(path)
    temporary = _temporary_beside(target)
    try:
        _check_target(target)
        _write_new(temporary, data)
        if overwrite:
            os.replace(temporary, target)  # noqa: PTH105 (pathlib's own calls this)
        else:
            _take_free_name(temporary, target)
    except FileExistsError as error:
        _remove(temporary)
        raise StorageError(
            f"{shown_path(target)} is there already and was not overwritten: choose another name."
        ) from error
    except (OSError, ValueError) as error:
        _remove(temporary)
        raise storage_error(error, target, "write") from error
    except BaseException:
        _remove(temporary)
        raise
    sync_folder(target.parent)


def check_writable(folder: str | Path) -> None:
    """Find out whether files can be made in a folder; raises `StorageError` where they cannot.

    A file is made and removed, since permissions alone do not tell.
    """
    place = Path(folder)
    temporary = _temporary_beside(place / "any")
    try:
        if not place.is_dir():
            missing = errno.ENOTDIR if place.exists() else errno.ENOENT
            raise OSError(missing, "no folder")
        _write_new(temporary, b"")
    except (OSError, ValueError) as error:
        raise storage_error(error, place, "write to") from error
    finally:
        _remove(temporary)


def _check_target(target: Path) -> None:
    """Refuse what a rename would destroy: folders, devices, pipes."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise StorageError(f"{shown_path(target)} is not an ordinary file: name another one.")


def _temporary_beside(target: Path) -> Path:
    name = f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    return target.parent / name


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(temporary: Path) -> None:
    """Take away a temporary file, which may never have come to be."""
    with contextlib.suppress(OSError, ValueError):
        temporary.unlink()


def _take_free_name(temporary: Path, target: Path) -> None:
    """Give the file its name unless the name is taken, without a moment between the two."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, "exists") from None
        temporary.rename(target)
    else:
        temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Have a folder's entries reach the disk; systems that cannot do so are left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_ordinary(path: str | Path) -> BinaryIO:
    """A file opened for reading that is neither a folder, nor a device, nor a pipe.

    Raises:
        StorageError: it is missing, unreadable, or not an ordinary file (a pipe would wait for
            ever).
    """
    source = Path(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(source, flags)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
    except (OSError, ValueError) as error:
        raise storage_error(error, source, "read") from error
    raise StorageError(f"{shown_path(source)} is not an ordinary file: name another one.")


def read_bytes(path: str | Path, limit: int) -> bytes:
    """All of an ordinary file of at most ``limit`` bytes.

    Raises:
        StorageError: as `open_ordinary` does, or the file is larger than ``limit``.
    """
    try:
        with open_ordinary(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise storage_error(error, path, "read") from error
    if len(data) > limit:
        raise StorageError(f"{shown_path(path)} is larger than the {limit:,} bytes allowed here.")
    return data
