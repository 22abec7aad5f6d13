"""What a batch leaves beside its results: the manifest and the contact sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from unipic_tui import __version__
from unipic_tui.batch.folder import ResultFolder, to_json
from unipic_tui.batch.tasks import Task
from unipic_tui.library.contact import CELL, contact_sheet
from unipic_tui.pictures import load_image

MANIFEST = "manifest.json"
SHEET = "contact-sheet.png"
LOST = (
    "Its result is not in the folder: were all processes given the same folder, on a disk that "
    "the machines share?"
)


def finish(
    folder: ResultFolder,
    tasks: Sequence[Task],
    problems: Mapping[int, str],
    *,
    sheet: bool,
) -> dict[int, str]:
    """Write the manifest, and a contact sheet of the pictures; take away what crashes left.

    Args:
        folder: with all results.
        tasks: all of them, of every process.
        problems: for each index without a result, why.
        sheet: whether to write the sheet.

    Returns:
        The problems, with those of results that should be there and are not.

    Raises:
        StorageError: one of the two cannot be written.
    """
    tasks = [folder.with_seed(task) for task in tasks]
    done = [task for task in tasks if folder.state(task) == "done"]
    there = {task.index for task in done}
    lost = {task.index: LOST for task in tasks if task.index not in there}
    failed = {
        index: message
        for index, message in sorted({**lost, **problems}.items())
        if index not in there
    }
    entries = {task.index: _entry(folder, task) for task in done}
    entries |= {index: {"index": index, "error": message} for index, message in failed.items()}
    manifest = {
        "version": __version__,
        "model": folder.model,
        "done": len(done),
        "failed": len(failed),
        "items": [entries[index] for index in sorted(entries)],
    }
    folder.write(MANIFEST, to_json(manifest))
    drawn = [task for task in done if task.files]
    if sheet and drawn:
        folder.write(SHEET, _sheet(folder, drawn))
    folder.remove_leftovers()
    return failed


def _entry(folder: ResultFolder, task: Task) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "index": task.index,
        "mode": task.job.mode,
        "prompt": task.job.prompt,
        "seed": task.job.seed,
        "record": task.record,
    }
    if task.files:
        entry["files"] = [file.path for file in task.files]
    else:
        entry["answer"] = folder.answer(task)
    return entry


def _sheet(folder: ResultFolder, tasks: Sequence[Task]) -> bytes:
    def pictures() -> Iterator[tuple[Image.Image, str]]:
        for task in tasks:
            # The last file of several is the one that shows them all.
            path = folder.root / task.files[-1].path
            yield load_image(path, 2 * CELL), f"{task.index} {task.job.prompt}"

    buffer = io.BytesIO()
    contact_sheet(pictures(), len(tasks)).save(buffer, "PNG")
    return buffer.getvalue()
