"""How quick a library of many pictures is: opening, searching, scrolling, adding."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw

from unipic_tui.events import Picture
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.inserting import insert_entry, insert_picture
from unipic_tui.library.layout import ENTRIES, SESSIONS, entry_name, picture_name
from unipic_tui.library.pixels import content_hash
from unipic_tui.library.search import index_entry
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar, encode, entry_sidecar
from unipic_tui.metadata import encode_picture

PAGE = 60
"""Pictures a screen of the gallery asks for."""
_SESSIONS = 40
_KINDS = ("lighthouse", "harbour", "cat", "fox", "castle", "forest", "lamp", "whale", "garden")
_LOOKS = ("red", "blue", "tiny", "ancient", "glowing", "wooden", "misty", "quiet", "broken")
_PLACES = ("by the sea", "at night", "in the snow", "on a hill", "under water", "at dawn")

QUERIES = (
    "lighthouse",
    "l",
    "red lighthouse sea",
    '"quiet whale"',
    "mode:edit fox",
    "fav: tag:t10",
    "size:64 seed:4242",
    "after:2020 -castle model:bench",
    "nothinglikethis",
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, over several times; in seconds."""

    name: str
    times: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one of the times."""
        return statistics.median(self.times)

    @property
    def worst(self) -> float:
        """The longest of the times."""
        return max(self.times)


def bench(pictures: int, folder: Path | None = None) -> Iterator[Timing]:
    """Fill a library with pictures and measure it; results come as they are measured.

    Args:
        pictures: how many, at least 1.
        folder: an empty folder to use and keep; by default a temporary one.
    """
    if folder is not None:
        yield from _bench(folder, pictures)
        return
    with tempfile.TemporaryDirectory(prefix="unipic-tui-bench-") as place:
        yield from _bench(Path(place), pictures)


def _bench(folder: Path, pictures: int) -> Iterator[Timing]:
    library = Library.open(folder)
    try:
        yield _timed("fill with pictures (all, in bulk)", lambda _: _fill(library, pictures), 1)
        largest = max(library.sessions.all(), key=lambda session: session.pictures)
        library.close()

        def reopen(_: int) -> None:
            Library.open(folder).close()

        yield _timed("open and close", reopen, 10)
        library = Library.open(folder)
        yield _timed("list the sessions", lambda _: library.sessions.all(), 20)
        yield _timed("ask for changes", lambda _: library.changes(), 200)
        for query in QUERIES:
            yield _timed(f"search {query}", partial(_search, library, query), 10)
        yield _timed("prompts, for the history", lambda _: library.search.prompts(), 5)
        count = largest.pictures
        chance = random.Random(1)

        def page(_: int) -> None:
            library.pictures.page(largest.id, chance.randrange(count), PAGE)

        yield _timed(f"scroll: a page of {PAGE} of {count}", page, 50)
        shown = library.pictures.page(largest.id, count // 2, PAGE)

        def thumbnails(_: int) -> None:
            for picture in shown:
                library.thumbnails.get(picture.id, 64)

        yield _timed(f"scroll: {PAGE} thumbnails, new", thumbnails, 1)
        yield _timed(f"scroll: {PAGE} thumbnails, kept", thumbnails, 10)
        yield _timed(
            "list the whole largest session", lambda _: library.entries.of_session(largest.id), 3
        )
        yield _timed("insert: a job with a 1024 px picture", _inserter(library, largest.id), 20)
        favourite = shown[0].id
        yield _timed(
            "mark as favourite", lambda n: library.pictures.set_favourite(favourite, n % 2 == 0), 20
        )
        yield _timed("trash and undo", lambda _: _trash(library, favourite), 10)
    finally:
        library.close()


def _timed(name: str, act: Callable[[int], object], times: int) -> Timing:
    taken = []
    for number in range(times):
        start = time.perf_counter()
        act(number)
        taken.append(time.perf_counter() - start)
    return Timing(name, tuple(taken))


def _search(library: Library, query: str, _: int) -> None:
    library.search.find(query)


def _trash(library: Library, picture: int) -> None:
    library.trash.put_picture(picture)
    library.trash.undo()


def _inserter(library: Library, session: int) -> Callable[[int], None]:
    image = Image.effect_noise((128, 128), 90).resize((1024, 1024)).convert("RGB")

    def insert(number: int) -> None:
        job = GenerateJob(prompt=f"inserted {number}", seed=number, width=1024, height=1024)
        entry = library.entries.add(session, job)
        library.entries.set_state(entry.id, "running")
        library.pictures.add(entry.id, Picture(0, image, job, "bench", 1.0))
        library.entries.set_state(entry.id, "done", seconds=1.0)

    return insert


def _fill(library: Library, pictures: int) -> None:
    """Half of the pictures in one session, the rest in many; without waiting for the disk."""
    chance = random.Random(0)
    sessions = [library.sessions.create(f"Session {n}") for n in range(_SESSIONS)]
    image = Image.new("RGB", (64, 64))
    draw = ImageDraw.Draw(image)
    database = library.database
    with database.write():
        for number in range(pictures):
            session = sessions[0 if number % 2 else number // 2 % _SESSIONS]
            folder = f"{SESSIONS}/{session.folder.name}"
            prompt = f"a {chance.choice(_LOOKS)} {chance.choice(_KINDS)} {chance.choice(_PLACES)}"
            job = (
                EditJob(prompt=prompt, seed=number, source="?")
                if chance.random() < 0.2
                else GenerateJob(prompt=prompt, seed=number, width=64, height=64)
            )
            draw.rectangle(
                (chance.randrange(32), chance.randrange(32), 63, 63), fill=chance.randrange(1 << 24)
            )
            name = picture_name(number + 1, prompt, number)
            (library.folder / folder / name).write_bytes(encode_picture(image, job, "bench"))
            data = EntrySidecar(
                job=job_to_dict(job), state="done", position=float(number), seconds=1.0
            )
            entry = insert_entry(database, data, session.id, folder=folder)
            picture = PictureSidecar(
                job=job_to_dict(job), seed=number, model="bench", seconds=1.0,
                favourite=number % 20 == 0, tags=(f"t{number % 50}",), hash=content_hash(image),
            )  # fmt: skip
            insert_picture(database, picture, entry, f"{folder}/{name}", (64, 64))
            index_entry(database, entry)
            # Written here, as the transaction would wait for the disk.
            database.touched.clear()
            file = library.folder / folder / ENTRIES / entry_name(entry)
            file.parent.mkdir(exist_ok=True)
            if (kept := entry_sidecar(database, entry)) is not None:
                file.write_bytes(encode(asdict(kept)))
