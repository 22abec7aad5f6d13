"""The folder of results: what is done, and writing more so that a crash harms nothing.

A result's record, which says the job and the hash of each file, is written before the files. So
a result is done when its record says this very job and every file has the hash it names; anything
else that a crash leaves behind is seen to be unfinished, and is no stranger's either.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from unipic_tui import __version__
from unipic_tui.batch.tasks import PictureFile, Task
from unipic_tui.errors import InputError, StorageError
from unipic_tui.events import Picture
from unipic_tui.files import (
    check_writable,
    is_temporary,
    open_ordinary,
    read_bytes,
    storage_error,
    write_atomic,
)
from unipic_tui.job_json import job_from_dict, job_to_dict
from unipic_tui.jobs import DrawingJob, GenerateJob, whole_job
from unipic_tui.metadata import Format, encode_picture
from unipic_tui.pictures import join_grid, load_image

State = Literal["done", "todo", "foreign"]

KEY = "unipic"
"""The record's own part; everything beside it is carried through."""
_RECORD_LIMIT = 100_000_000
_FORMATS: dict[str, Format] = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


class _DamagedError(Exception):
    """A record is empty or cut short."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a task's job gave: pictures, or an answer."""

    pictures: tuple[Picture, ...] = ()
    answer: str = ""


class ResultFolder:
    """A folder of results.

    Args:
        root: made where it is missing.
        model: name of the checkpoint.
        weights: tells its weights from others of that name, as `BackendInfo.weights` does; results
            of another checkpoint count as foreign.
        embed: whether pictures carry the job that makes them again.
        notes: folder of the records and of what else is said of the results; by default the same.

    Raises:
        StorageError: it cannot be made or written to.
    """

    def __init__(
        self,
        root: Path,
        model: str,
        weights: str = "",
        *,
        embed: bool = True,
        notes: Path | None = None,
    ) -> None:
        self.root = root
        self.notes = root if notes is None else notes
        self.model = model
        self._weights = weights
        self._embed = embed
        self._began = time.time()
        for place in (self.root, self.notes):
            make_folder(place)
            check_writable(place)

    def state(self, task: Task) -> State:
        """Whether a task's result is there.

        Returns:
            ``foreign`` where files of these names hold something else.
        """
        try:
            record = _read_record(self.notes / task.record)
        except _DamagedError:
            return "todo"
        except FileNotFoundError:
            names = (*(file.path for file in task.files), *task.texts, *task.copies)
            taken = any(os.path.lexists(self.root / name) for name in names)
            return "foreign" if taken else "todo"
        own = record.get(KEY)
        if not isinstance(own, dict) or _completed(own.get("request")) != self._request(task):
            return "foreign"
        source = _digest(task.job.source)
        if source and own.get("source") != source:
            return "foreign"
        hashes = own.get("files")
        if not isinstance(hashes, dict):
            return "foreign"
        whole = all(self._has(name, digest) for name, digest in hashes.items())
        return "done" if whole else "todo"

    def with_seed(self, task: Task) -> Task:
        """The task with the seed that its record has, where its seed is left to chance."""
        if not task.random:
            return task
        try:
            seed = _read_record(self.notes / task.record)[KEY]["request"]["job"]["seed"]
            return replace(task, job=task.job.replace(seed=seed))
        except (FileNotFoundError, _DamagedError, KeyError, TypeError, InputError):
            return task

    def answer(self, task: Task) -> str | None:
        """The answer of a task that is done; ``None`` for pictures."""
        if task.files:
            return None
        return str(_read_record(self.notes / task.record)[KEY].get("answer", ""))

    def save(self, task: Task, result: Result) -> None:
        """Write a result; when this returns, it is done.

        Raises:
            StorageError: it cannot be written.
        """
        files = {file.path: self._encode(file, task, result) for file in task.files}
        files |= task.texts
        files |= {name: _copy(source) for name, source in task.copies.items()}
        own: dict[str, Any] = {
            "version": __version__,
            "request": self._request(task),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        if source := _digest(task.job.source):
            own["source"] = source
        if isinstance(task.job, DrawingJob):
            chosen = result.pictures[: task.job.count]
            own["jobs"] = [job_to_dict(picture.job) for picture in chosen]
            if isinstance(task.job, GenerateJob):
                own["sent"] = task.job.instruction
            marks = {str(picture.job.seed): picture.mark for picture in result.pictures}
            if None not in marks.values():
                own["marks"] = marks
        else:
            own["answer"] = result.answer
        self._write(self.notes / task.record, to_json({**task.carried, KEY: own}))
        for name, data in files.items():
            self._write(self.root / name, data)

    def write(self, name: str, data: bytes) -> Path:
        """Write a further file beside the records; raises `StorageError`."""
        path = self.notes / name
        self._write(path, data)
        return path

    def remove_leftovers(self) -> None:
        """Take away what writes that were cut short, before this run began, left behind."""
        for place in {self.root, self.notes}:
            for folder, _, names in os.walk(place):
                for name in filter(is_temporary, names):
                    path = Path(folder, name)
                    with contextlib.suppress(OSError):  # its writer has just finished with it
                        if path.lstat().st_mtime < self._began:
                            path.unlink()

    def _request(self, task: Task) -> dict[str, Any]:
        """What determines a result, as JSON gives it back."""
        request = {
            "model": self.model,
            "weights": self._weights,
            "job": job_to_dict(task.job),
            "files": [[file.path, file.first, file.grid] for file in task.files],
            "texts": {name: hashlib.sha256(data).hexdigest() for name, data in task.texts.items()},
        }
        plain: dict[str, Any] = json.loads(json.dumps(request))
        return plain

    def _has(self, name: str, digest: object) -> bool:
        return _digest(self.root / name) == digest

    def _encode(self, file: PictureFile, task: Task, result: Result) -> bytes:
        count = file.grid**2
        pictures = result.pictures[file.first : file.first + count]
        job = pictures[0].job
        image = pictures[0].image
        if file.grid > 1:
            assert isinstance(task.job, DrawingJob)
            whole = replace(task.job, count=count, seed=task.job.seed + file.first)
            job = whole_job(job, whole)
            image = join_grid([picture.image for picture in pictures], file.grid)
        kind = _FORMATS[Path(file.path).suffix]
        return encode_picture(image, job, self.model, kind, embed=self._embed, grid=file.grid)

    def _write(self, path: Path, data: bytes) -> None:
        if path.parent not in {self.root, self.notes}:
            make_folder(path.parent)
        write_atomic(path, data)


def make_folder(path: Path) -> None:
    """Make a folder with those above it; raises `StorageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise storage_error(error, path, "create") from error


def to_json(value: object) -> bytes:
    """Indented JSON, in ASCII so that every text can be written."""
    return (json.dumps(value, indent=2) + "\n").encode("ascii")


def _digest(path: str | Path | None) -> str | None:
    """The hash of a file; ``None`` where there is none that can be read."""
    if path is None:
        return None
    try:
        with open_ordinary(Path(path)) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (StorageError, OSError):
        return None


def _completed(request: object) -> object:
    """A request as this version writes it: one of a version with fewer settings lacks some."""
    try:
        assert isinstance(request, dict)
        job = job_to_dict(job_from_dict(request["job"]))
        return {**request, "job": json.loads(json.dumps(job))}
    except (AssertionError, KeyError, TypeError, InputError):
        return None


def _copy(source: str) -> bytes:
    """The bytes of a picture as PNG; raises `UnipicError` where it cannot be read."""
    buffer = io.BytesIO()
    load_image(source).save(buffer, "PNG")
    return buffer.getvalue()


def _read_record(path: Path) -> dict[str, Any]:
    """A record, {} where the file is none.

    Raises:
        FileNotFoundError: there is no file.
        _DamagedError: it is what a crash may leave of a record.
    """
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    try:
        data = read_bytes(path, _RECORD_LIMIT)
    except StorageError:
        return {}
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        # Some disks keep a file's length and lose its bytes, which then read as zeros.
        rest = data.strip(b"\0 \r\n\t")
        if not rest or rest.startswith(b"{"):
            raise _DamagedError(path) from None
        return {}
    return record if isinstance(record, dict) else {}
