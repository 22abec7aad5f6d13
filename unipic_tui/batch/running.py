"""Running tasks, as a generator of what happens."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from unipic_tui.batch.folder import Result, ResultFolder
from unipic_tui.batch.tasks import Task
from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.events import Backend, Event, Failed, Finished, Picture

_WINDOW = 64
"""Tasks handed to the backend at once: more than it runs at once."""


@dataclass(frozen=True, slots=True)
class Working:
    """Something happened within a task's job."""

    task: Task
    event: Event


@dataclass(frozen=True, slots=True)
class Done:
    """A task's result is on the disk; ``fresh`` where it was made just now."""

    task: Task
    fresh: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A task could not be done; the message is a sentence."""

    task: Task
    message: str


def check_foreign(folder: ResultFolder, tasks: Iterable[Task]) -> None:
    """See that no file would be overwritten that is not these tasks' own.

    Raises:
        StorageError: one would be.
    """
    foreign = [task for task in tasks if folder.state(task) == "foreign"]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise StorageError(
            f"{foreign[0].record}{more} in {folder.root}, or a picture of that name, belongs to "
            "another prompt, source or model, or to other settings: choose another folder, or give "
            "--force to overwrite."
        )


def run_tasks(
    backend: Backend, tasks: Iterable[Task], folder: ResultFolder
) -> Generator[Working | Done | Problem, None, None]:
    """Run the tasks that are not done, and save each result as soon as it is whole.

    Tasks that follow one another may be run at once, as the backend sees fit. Ends every task in
    `Done` or `Problem`. To stop iterating is to cancel.

    Args:
        backend: a backend that is loaded.
        tasks: which may run; results of theirs that are not done are overwritten.
        folder: where the results go.

    Raises:
        StorageError: a result cannot be written, and neither could the next one.
    """
    todo: list[Task] = []
    for task in tasks:
        if folder.state(task) == "done":
            yield Done(task, fresh=False)
            continue
        todo.append(task)
        if len(todo) == _WINDOW:
            yield from _run(backend, todo, folder)
            todo = []
    yield from _run(backend, todo, folder)


def _run(
    backend: Backend, tasks: list[Task], folder: ResultFolder
) -> Generator[Working | Done | Problem, None, None]:
    pictures: dict[int, list[Picture]] = {place: [] for place in range(len(tasks))}
    try:
        with contextlib.closing(backend.run_together([task.job for task in tasks])) as events:
            for place, event in events:
                task = tasks[place]
                if isinstance(event, Failed):
                    del pictures[place]
                    yield Problem(task, event.message)
                    continue
                if isinstance(event, Picture):
                    pictures[place].append(event)
                yield Working(task, event)
                if isinstance(event, Finished):
                    folder.save(task, Result(tuple(pictures.pop(place)), event.text))
                    yield Done(task, fresh=True)
    except StorageError:
        raise
    except UnipicError as error:
        for place in pictures:
            yield Problem(tasks[place], error.message)
