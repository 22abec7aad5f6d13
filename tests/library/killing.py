"""Kills a process that works on a library, again and again, and looks at what is left.

Run as ``python killing.py FOLDER KILLS SEED``; prints a JSON report. Each child is a fork of this
process, which has the library's code loaded but no library open. It says through a pipe what it is
about to do and what the library reported as done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from unipic_tui.errors import StorageError
from unipic_tui.events import Picture
from unipic_tui.files import is_temporary
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library import Library, database
from unipic_tui.library.pixels import content_hash, png_size

LONGEST = 0.07
FSYNC = os.fsync


class Child:
    """Works on the library in a random way until it is killed."""

    def __init__(self, folder: Path, pipe: int, seed: int) -> None:
        self.pipe = pipe
        self.random = random.Random(seed)
        if self.random.random() < 0.5:
            # Most moments are then within a write; else they spread over all that is done.
            os.fsync, database.SYNCHRONOUS = FSYNC, "FULL"
        self.library = Library.open(folder)
        if not self.library.sessions.all():
            self.library.sessions.create("first")

    def say(self, **facts: Any) -> None:
        os.write(self.pipe, (json.dumps(facts) + "\n").encode())

    def run(self) -> None:
        os.write(self.pipe, b"+\n")
        acts = [self.draw] * 6 + [self.mark] * 3 + [self.throw, self.undo] * 2
        acts += [self.move, self.rename, self.purge, self.thumbnail, self.ask]
        while True:
            self.random.choice(acts)()

    def picture(self) -> int | None:
        row = self.library.database.row(
            "SELECT id FROM pictures WHERE trash IS NULL ORDER BY random() LIMIT 1"
        )
        return None if row is None else int(row["id"])

    def draw(self) -> None:
        parent = self.picture() if self.random.random() < 0.4 else None
        session = self.random.choice(self.library.sessions.all()).id
        seed = self.random.randrange(10**6)
        job = (
            GenerateJob(prompt="a thing", seed=seed, count=2)
            if parent is None
            else EditJob(prompt="a change", seed=seed, source="?", count=2)
        )
        entry = self.library.entries.add(session, job, parent)
        self.say(entry=entry.id)
        self.library.entries.set_state(entry.id, "running")
        for index in range(2):
            self.library.snapshots.save(entry.id, self.random.randbytes(2000))
            colour = tuple(self.random.randbytes(3))
            image = Image.new("RGB", (64, 64), colour)
            image.putpixel((self.random.randrange(64), self.random.randrange(64)), (1, 2, 3))
            picture = Picture(index, image, job, "fake", 0.1)
            stored = self.library.pictures.add(entry.id, picture)
            self.say(saved=stored.id, hash=content_hash(image), index=index)
        self.library.entries.set_state(entry.id, "done", seconds=0.2)
        self.library.snapshots.drop(entry.id)
        self.say(done=entry.id)

    def mark(self) -> None:
        picture = self.picture()
        if picture is not None:
            tags = sorted({f"t{self.random.randrange(50)}" for _ in range(3)})
            self.say(tagging=picture, tags=tags)
            self.library.pictures.set_tags(picture, tags)
            self.say(tagged=picture, tags=tags)

    def ask(self) -> None:
        self.library.search.find("thing t1")
        self.library.queue.entries()

    def throw(self) -> None:
        picture = self.picture()
        if picture is None:
            return
        try:
            if self.random.random() < 0.1 and len(self.library.sessions.all()) > 1:
                self.library.trash.put_session(self.library.pictures.get(picture).session)
            else:
                self.library.trash.put_picture(picture)
        except StorageError:
            pass

    def undo(self) -> None:
        self.library.trash.undo()

    def purge(self) -> None:
        found = self.library.trash.deletions()
        if len(found) > 3:
            rows = self.library.database.rows("SELECT id FROM pictures WHERE trash IS NOT NULL")
            self.say(purging=[row["id"] for row in rows])
            self.library.trash.purge(found[-1].id)

    def move(self) -> None:
        picture = self.picture()
        sessions = self.library.sessions.all()
        if len(sessions) < 4:
            sessions.append(self.library.sessions.create(f"Number {len(sessions)}"))
        if picture is not None:
            self.library.pictures.move(picture, self.random.choice(sessions).id)

    def rename(self) -> None:
        session = self.random.choice(self.library.sessions.all())
        self.library.sessions.rename(session.id, f"Name {self.random.randrange(1000)}")

    def thumbnail(self) -> None:
        picture = self.picture()
        if picture is not None:
            self.library.thumbnails.get(picture, 32)


@dataclass
class Parent:
    """Kills the children, and knows what they were told."""

    folder: Path
    saved: dict[int, str] = field(default_factory=dict)
    tags: dict[int, list[list[str]]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    maybe_gone: set[int] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    acts: int = 0

    def kill_one(self, seed: int, seconds: float, wait: bool) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                Child(self.folder, writing, seed).run()
            except BaseException:
                os.write(writing, (json.dumps({"crashed": traceback.format_exc()}) + "\n").encode())
            os._exit(1)
        os.close(writing)
        if wait:
            os.read(reading, 1)  # the first fact that it says: then it works
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as pipe:
            for line in pipe.read().splitlines():
                if line.startswith("{"):
                    self.hear(json.loads(line))

    def hear(self, facts: dict[str, Any]) -> None:
        self.acts += 1
        match facts:
            case {"saved": picture, "hash": digest}:
                self.saved[picture] = digest
            case {"tagging": picture, "tags": tags}:
                self.tags.setdefault(picture, [[]]).append(tags)
            case {"tagged": picture, "tags": tags}:
                self.tags[picture] = [tags]
            case {"done": entry}:
                self.done.add(entry)
            case {"entry": entry}:
                self.entries.add(entry)
            case {"purging": pictures}:
                self.maybe_gone.update(pictures)
            case {"crashed": reason}:
                self.faults.append(f"a child crashed: {reason}")

    def rename_by_hand(self, chance: random.Random) -> None:
        """Give a session's folder another name, as a person may while no program runs."""
        folders = sorted((self.folder / "sessions").iterdir())
        if folders:
            chosen = chance.choice(folders)
            chosen.rename(chosen.with_name(f"by-hand-{chance.randrange(10**9)}"))

    def look(self, thorough: bool) -> None:
        """What must hold after every restart."""
        library = Library.open(self.folder)
        try:
            for row in library.database.rows("PRAGMA integrity_check"):
                if row[0] != "ok":
                    self.faults.append(f"integrity: {row[0]}")
            rows = {row["id"]: row for row in library.database.rows("SELECT * FROM pictures")}
            # All of them now and then, else the latest and some: a file is not changed again.
            known = list(self.saved.items())
            old = known[:-30]
            some = known if thorough else known[-30:] + random.sample(old, min(30, len(old)))
            for picture, digest in some:
                found = rows.get(picture)
                if found is None:
                    if picture not in self.maybe_gone:
                        self.faults.append(f"picture {picture} is gone")
                    del self.saved[picture]
                elif found["hash"] != digest or png_size(self.folder / found["path"]) != (64, 64):
                    self.faults.append(f"picture {picture} is not whole")
                elif picture in self.tags:
                    sql = "SELECT tag FROM tags WHERE picture = ? ORDER BY tag"
                    now = [each["tag"] for each in library.database.rows(sql, (picture,))]
                    if now not in self.tags[picture]:
                        self.faults.append(f"picture {picture} has tags {now}")
                    self.tags[picture] = [now]
            states = dict(
                tuple(row) for row in library.database.rows("SELECT id, state FROM entries")
            )
            self.faults += [f"{e} runs" for e, state in states.items() if state == "running"]
            self.faults += [
                f"{entry} is {states[entry]}, not done"
                for entry in self.done & states.keys()
                if states[entry] != "done"
            ]
            for place, _, names in os.walk(self.folder):
                self.faults += [f"{place}/{name} stays" for name in names if is_temporary(name)]
            if thorough:
                self.faults += [
                    problem.message
                    for problem in library.health.check(deep=True)
                    if not problem.path.startswith("states/")
                ]
        finally:
            library.close()


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    os.fsync, database.SYNCHRONOUS = lambda fd: None, "OFF"
    parent = Parent(folder)
    for number in range(kills):
        seconds = chance.uniform(0.0, LONGEST)
        # Most are killed at work, some while they open the library.
        parent.kill_one(chance.randrange(2**32), seconds, wait=chance.random() < 0.8)
        parent.look(thorough=number % 25 == 24 or number == kills - 1)
        if parent.faults:
            break
        if chance.random() < 0.1:
            parent.rename_by_hand(chance)
    print(
        json.dumps(
            {
                "kills": number + 1,
                "acts": parent.acts,
                "saved": len(parent.saved),
                "done": len(parent.done),
                "faults": parent.faults,
            }
        )
    )


if __name__ == "__main__":
    main()
