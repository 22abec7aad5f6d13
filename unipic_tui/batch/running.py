"""Running tasks one after the other, as a generator of what happens."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from unipic_tui.batch.folder import Result, ResultFolder
from unipic_tui.batch.tasks import Task
from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.events import Backend, Event, Failed, Finished, Picture


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

    Ends every task in `Done` or `Problem`. To stop iterating is to cancel.

    Args:
        backend: a backend that is loaded.
        tasks: which may run; results of theirs that are not done are overwritten.
        folder: where the results go.

    Raises:
        StorageError: a result cannot be written, and neither could the next one.
    """
    for task in tasks:
        if folder.state(task) == "done":
            yield Done(task, fresh=False)
        else:
            yield from _run(backend, task, folder)


def _run(
    backend: Backend, task: Task, folder: ResultFolder
) -> Generator[Working | Done | Problem, None, None]:
    pictures: list[Picture] = []
    events = backend.run(task.job)
    answer = ""
    try:
        for event in events:
            match event:
                case Picture():
                    pictures.append(event)
                case Finished():
                    answer = event.text
                case Failed():
                    yield Problem(task, event.message)
                    return
                case _:
                    pass
            yield Working(task, event)
    except UnipicError as error:
        yield Problem(task, error.message)
        return
    finally:
        events.close()
    folder.save(task, Result(tuple(pictures), answer))
    yield Done(task, fresh=True)
