"""The queue: order, states, one owner, and what a crash leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.library.samples import draw, finished
from unipic_tui.errors import StorageError
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library


def queued(library: Library, session: int, *prompts: str) -> list[int]:
    return [library.entries.add(session, GenerateJob(prompt=prompt)).id for prompt in prompts]


def in_queue(library: Library) -> list[str]:
    return [entry.job.prompt for entry in library.queue.entries()]


def test_jobs_wait_in_the_order_they_came_across_sessions(library: Library) -> None:
    first, second = library.sessions.create("1"), library.sessions.create("2")
    queued(library, first.id, "a")
    queued(library, second.id, "b")
    queued(library, first.id, "c")
    assert in_queue(library) == ["a", "b", "c"]


def test_waiting_jobs_are_moved(library: Library) -> None:
    session = library.sessions.create("x")
    numbers = queued(library, session.id, "a", "b", "c", "d")
    library.queue.move(numbers[3], -2)
    assert in_queue(library) == ["a", "d", "b", "c"]
    library.queue.move(numbers[0], 1)
    assert in_queue(library) == ["d", "a", "b", "c"]
    library.queue.move(numbers[3], 99)
    assert in_queue(library) == ["a", "b", "c", "d"]
    library.queue.move(numbers[3], -99)
    assert in_queue(library) == ["d", "a", "b", "c"]


def test_moving_passes_a_running_job_by(library: Library) -> None:
    session = library.sessions.create("x")
    numbers = queued(library, session.id, "a", "b", "c")
    library.entries.set_state(numbers[0], "running")
    library.queue.move(numbers[2], -5)
    assert in_queue(library) == ["a", "c", "b"]
    with pytest.raises(StorageError, match="does not wait in the queue any more"):
        library.queue.move(numbers[0], 1)


def test_states_answers_and_errors_are_kept(library: Library) -> None:
    session = library.sessions.create("x")
    (entry,) = queued(library, session.id, "a")
    library.entries.set_state(entry, "running", answer="so")
    library.entries.set_state(entry, "running", answer="so far")
    assert library.entries.get(entry).answer == "so far"
    failed = library.entries.set_state(
        entry, "failed", error="The device ran out of memory.", seconds=2.5
    )
    assert failed == library.entries.get(entry)
    assert (failed.state, failed.error, failed.answer, failed.seconds) == (
        *("failed", "The device ran out of memory.", "so far", 2.5),
    )
    assert library.queue.entries() == []


def test_a_retried_job_goes_to_the_end(library: Library) -> None:
    session = library.sessions.create("x")
    numbers = queued(library, session.id, "a", "b", "c")
    library.entries.set_state(numbers[0], "failed", error="no")
    retried = library.entries.set_state(numbers[0], "queued")
    assert retried.error == ""
    assert in_queue(library) == ["b", "c", "a"]
    # One that merely waited keeps its place.
    library.entries.set_state(numbers[1], "paused")
    library.entries.set_state(numbers[1], "queued")
    assert in_queue(library) == ["b", "c", "a"]


def test_what_ran_when_the_library_was_left_is_offered_again(folder: Path) -> None:
    library = Library.open(folder)
    session = library.sessions.create("x")
    running, _ = queued(library, session.id, "a", "b")
    library.entries.set_state(running, "running")
    library.pictures.add(running, finished("a"))
    library.close()
    library = Library.open(folder)
    assert [entry.state for entry in library.queue.entries()] == ["interrupted", "queued"]
    assert len(library.pictures.of_entry(running)) == 1
    assert library.queue.owner() is None
    library.close()


def test_the_first_window_owns_the_queue(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    (entry,) = queued(library, session.id, "a")
    second = Library.open(folder)
    try:
        assert library.queue.claim()
        assert library.queue.claim()
        assert not second.queue.claim()
        owner, seen = library.queue.owner(), second.queue.owner()
        assert owner is not None
        assert seen is not None
        assert (owner.here, seen.here, seen.pid) == (True, False, os.getpid())
        library.entries.set_state(entry, "running")
        with pytest.raises(StorageError, match="Another window runs this library's queue"):
            second.entries.set_state(entry, "running")
        # Looking at the queue from there does not disturb the running job.
        assert [each.state for each in second.queue.entries()] == ["running"]
        library.close()
        assert second.queue.owner() is None
        assert [each.state for each in second.queue.entries()] == ["interrupted"]
        assert second.queue.claim()
    finally:
        second.close()


def test_a_second_window_sees_what_the_first_does(library: Library, folder: Path) -> None:
    second = Library.open(folder)
    try:
        seen = second.changes()
        assert seen == library.changes()
        session = library.sessions.create("x")
        assert second.changes() > seen
        entry, pictures = draw(library, session.id)
        assert second.pictures.of_session(session.id) == pictures
        seen = library.changes()
        second.pictures.set_favourite(pictures[0].id, True)
        assert library.changes() > seen
        assert library.pictures.get(pictures[0].id).favourite
        seen = library.changes()
        second.sessions.rename(session.id, "y")
        assert library.pictures.of_session(session.id)[0].path.is_file()
        # What nobody looks at makes no noise.
        seen = second.changes()
        library.snapshots.save(entry.id, b"1")
        assert second.changes() == seen
    finally:
        second.close()


OTHER_WINDOW = """
import sys, time
from pathlib import Path
from unipic_tui.library import Library
from tests.library.samples import draw
library = Library.open(Path(sys.argv[1]))
session = library.sessions.create("theirs")
entry, pictures = draw(library, session.id, "theirs")
library.entries.set_state(entry.id, "running")
print("ready", flush=True)
for number in range(12):
    draw(library, session.id, f"theirs {number}")
    library.trash.put_picture(pictures[0].id)
    library.trash.undo()
print("done", flush=True)
time.sleep(60)
"""


def test_two_processes_write_side_by_side_and_one_dies(library: Library, folder: Path) -> None:
    session = library.sessions.create("mine")
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_WINDOW, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "ready\n"
        assert not library.queue.claim()
        entry = library.entries.add(session.id, GenerateJob(prompt="mine"))
        for number in range(8):
            picture = library.pictures.add(entry.id, finished("mine", number))
            library.trash.put_picture(picture.id)
            library.trash.undo()
        assert other.stdout.readline() == "done\n"
        owner = library.queue.owner()
        assert owner is not None
        assert owner.pid == other.pid
    finally:
        other.kill()
        other.wait()
    assert library.queue.claim()
    theirs = next(each for each in library.sessions.all() if each.name == "theirs")
    assert len(library.pictures.of_session(theirs.id)) == 13
    assert len(library.pictures.of_session(session.id)) == 8
    assert [each.job.prompt for each in library.queue.entries() if each.state == "interrupted"] == [
        "theirs"
    ]
    assert all(each.path.is_file() for each in library.pictures.of_session(theirs.id))


def test_many_threads_may_use_one_library(library: Library) -> None:
    session = library.sessions.create("x")
    faults: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(8):
                _, (picture,) = draw(library, session.id, f"{name} {number}")
                library.pictures.set_tags(picture.id, [name])
                library.search.find(name)
                library.thumbnails.get(picture.id, 16)
                if number % 2:
                    library.trash.put_picture(picture.id)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert library.sessions.get(session.id).pictures == 16
    names = [
        picture.path.name.partition("-")[0] for picture in library.pictures.of_session(session.id)
    ]
    assert len(set(names)) == 16
    tagged = [
        sum(picture.tags == (f"t{n}",) for picture in library.pictures.of_session(session.id))
        for n in range(4)
    ]
    assert tagged == [4] * 4


def test_a_sampler_state_is_kept_until_it_is_dropped(library: Library, folder: Path) -> None:
    session = library.sessions.create("x")
    (entry,) = queued(library, session.id, "a")
    assert library.snapshots.load(entry) is None
    library.snapshots.save(entry, b"\0first")
    library.snapshots.save(entry, b"\0second")
    library.close()
    library = Library.open(folder)
    assert library.snapshots.load(entry) == b"\0second"
    library.snapshots.drop(entry)
    library.snapshots.drop(entry)
    assert library.snapshots.load(entry) is None
    with pytest.raises(StorageError, match="has no entry 99"):
        library.snapshots.save(99, b"x")
    library.close()


def test_a_closed_library_says_so(library: Library) -> None:
    library.close()
    library.close()
    with pytest.raises(StorageError, match="The library is closed"):
        library.sessions.all()
