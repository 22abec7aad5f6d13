"""Reading and writing whole files: a write is there completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from unipic_tui.errors import StorageError
from unipic_tui.text import one_line

TEMPORARY_PREFIX = ".unipic-tui-"
TEMPORARY_SUFFIX = ".part"

_REASONS = {
    errno.ENOENT: "the folder does not exist: create it first, or choose another one",
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
    if isinstance(error, ValueError):
        reason = "that is not a name this system can use: choose another one"
    elif error.errno == errno.ENOENT and action in {"read", "open"}:
        reason = "there is no such file: check the path"
    else:
        said = f"the system says {(error.strerror or str(error)).lower()!r}: try another place"
        reason = _REASONS.get(error.errno or 0, said)
    return StorageError(f"Cannot {action} {shown_path(path)}: {reason}.")


def shown_path(path: str | Path) -> str:
    """A path as it may be printed: harmless, and cut when it is absurdly long."""
    return one_line(str(path), 300)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is what an interrupted `write_atomic` left behind."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def write_atomic(path: str | Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write all of a file at once; see `whole_file`."""
    with whole_file(path, overwrite=overwrite) as file:
        file.write(data)


@contextlib.contextmanager
def whole_file(
    path: str | Path, *, overwrite: bool = True, action: str = "write"
) -> Iterator[BinaryIO]:
    """A file to write, which is there completely afterwards; or everything is as it was.

    The bytes go to a hidden file beside it (see `is_temporary`), reach the disk, and take the
    name in one step; afterwards, a crash or a power cut no longer loses them.

    Args:
        path: the file; its folder must exist.
        overwrite: whether a file of that name may be replaced.
        action: what is done, for the message.

    Raises:
        StorageError: the file cannot be written, or is there and may not be replaced.
    """
    target = Path(path)
    temporary = temporary_beside(target)
    try:
        _check_target(target, action)
        with _new_file(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, target)  # noqa: PTH105 (pathlib's own calls this)
        else:
            _take_free_name(temporary, target)
    except FileExistsError as error:
        raise StorageError(
            f"{shown_path(target)} is there already and was not overwritten: choose another name."
        ) from error
    except OSError as error:
        ours = error.filename in {None, str(temporary), temporary}
        raise storage_error(error, target if ours else error.filename, action) from error
    finally:
        _remove(temporary)
    sync_folder(target.parent)


def check_writable(folder: str | Path) -> None:
    """Find out whether files can be made in a folder; raises `StorageError` where they cannot.

    A file is made and removed, since permissions alone do not tell.
    """
    place = Path(folder)
    temporary = temporary_beside(place / "any")
    try:
        if not place.is_dir():
            raise OSError(errno.ENOTDIR if place.exists() else errno.ENOENT, "no folder")
        _new_file(temporary).close()
    except (OSError, ValueError) as error:
        raise storage_error(error, place, "write to") from error
    finally:
        _remove(temporary)


def _check_target(target: Path, action: str) -> None:
    """Refuse what a rename would destroy: folders, devices, pipes."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except ValueError as error:
        raise storage_error(error, target, action) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise StorageError(f"{shown_path(target)} is not an ordinary file: name another one.")


def temporary_beside(target: Path) -> Path:
    """A name for what is to become ``target``, which `is_temporary` knows."""
    return target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"


def _new_file(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


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
