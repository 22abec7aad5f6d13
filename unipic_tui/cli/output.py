"""Where drawn pictures go: one file, numbered files, new names in a folder, or standard output."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from unipic_tui.errors import InputError, StorageError
from unipic_tui.files import check_writable, shown_path, storage_error, write_atomic
from unipic_tui.metadata import Format
from unipic_tui.text import slug

_FORMATS: dict[str, Format] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
}
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Output:
    """A place for the pictures of one job.

    Attributes:
        folder: where they go.
        name: the file's name where the person chose it; ``None`` for names after the prompt.
        force: whether the chosen file may be overwritten.
        files: how many there will be.
        to_stdout: write the one picture's bytes to the standard output instead.
    """

    folder: Path
    name: str | None
    force: bool
    files: int
    to_stdout: bool = False

    @property
    def format(self) -> Format:
        """The format of the files."""
        return "PNG" if self.name is None else _FORMATS[Path(self.name).suffix.lower()]

    def save(self, data: bytes, index: int, prompt: str, seed: int) -> Path:
        """Write one picture.

        Args:
            data: the bytes of the file.
            index: its place in the job, from 0.
            prompt, seed: what its name is made of where the person chose none.

        Returns:
            The file's path.

        Raises:
            StorageError: it cannot be written, or is there already.
        """
        if self.to_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            return Path(STDOUT)
        if self.name is not None:
            path = self.folder / self._numbered(index)
            write_atomic(path, data, overwrite=self.force)
            return path
        return self._save_new(data, f"{slug(prompt)}-s{seed}")

    def _numbered(self, index: int) -> str:
        assert self.name is not None
        if self.files == 1:
            return self.name
        chosen = Path(self.name)
        return f"{chosen.stem}-{index + 1:0{len(str(self.files))}d}{chosen.suffix}"

    def _save_new(self, data: bytes, stem: str) -> Path:
        number = 1
        while True:
            path = self.folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
            number += 1
            if os.path.lexists(path):
                continue
            try:
                write_atomic(path, data, overwrite=False)
            except StorageError as error:
                if isinstance(error.__cause__, FileExistsError):
                    continue  # somebody else took the name just now
                raise
            return path

    def chosen_files(self) -> list[Path]:
        """The files whose names the person chose."""
        if self.name is None:
            return []
        return [self.folder / self._numbered(index) for index in range(self.files)]


def plan_output(text: str | None, *, files: int, force: bool, json: bool) -> Output:
    """Decide where pictures go, and find out before drawing what would stop them there.

    Args:
        text: what ``--output`` says; ``None`` for new names in the current folder.
        files: how many files there will be.
        force: whether a chosen file may be overwritten.
        json: whether the standard output is taken by JSON.

    Raises:
        InputError: the place makes no sense.
        StorageError: the folder is missing or cannot be written to, or a file is there already.
    """
    if text == STDOUT:
        return _plan_stdout(files, json)
    output = _plan_files(text, files, force)
    check_writable(output.folder)
    for file in output.chosen_files():
        try:
            file.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, file, "write") from error
        if not force:
            raise StorageError(
                f"{shown_path(file)} is there already: choose another name, "
                "or give --force to overwrite it."
            )
    return output


def _plan_stdout(files: int, json: bool) -> Output:
    if json:
        raise InputError("--output - and --json both need the standard output: leave out one.")
    if files > 1:
        raise InputError("Only one picture fits the standard output: leave out --count.")
    if sys.stdout.isatty():
        raise InputError(
            "The bytes of a picture would upset the terminal: redirect them, as in -o - > a.png."
        )
    return Output(Path(), None, force=False, files=1, to_stdout=True)


def _plan_files(text: str | None, files: int, force: bool) -> Output:
    if text is None:
        return Output(Path(), None, force, files)
    if not text or "\0" in text:
        raise InputError("The output is not a path: name a file or a folder.")
    path = Path(text).expanduser() if text.startswith("~") else Path(text)
    try:
        is_folder = path.is_dir()
        if text.endswith(("/", os.sep)) and not is_folder:
            path.mkdir()
            is_folder = True
    except OSError as error:
        raise storage_error(error, path, "create") from error
    if is_folder:
        return Output(path, None, force, files)
    if not path.suffix and not os.path.lexists(path):
        path = path.with_name(f"{path.name}.png")
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"The output {shown_path(path)} has no ending of a picture: use .png, .jpg or .webp, "
            "or name a folder that exists."
        )
    return Output(path.parent, path.name, force, files)
