"""Things to put into a library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.fakes import gradient
from unipic_tui.events import Picture
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.records import Entry, StoredPicture

HOSTILE = "\x1b[31mred\x1b[0m \u202egnp.exe\u202c ../../<b>[bold]x[/bold]</b>\r\n&amp;\x00\x07"


def finished(prompt: str, seed: int = 1, index: int = 0) -> Picture:
    """What the engine hands over for a picture."""
    job = GenerateJob(prompt=prompt, seed=seed, width=64, height=64, guidance=3.0, iterations=8)
    return Picture(index, gradient(64, 64, f"{prompt} {seed}"), job, "fake", 0.5)


def draw(
    library: Library, session: int, prompt: str = "a red fox", seed: int = 1, count: int = 1
) -> tuple[Entry, list[StoredPicture]]:
    """A job that was run to its end, with its pictures."""
    entry = library.entries.add(session, GenerateJob(prompt=prompt, seed=seed, count=count))
    library.entries.set_state(entry.id, "running")
    pictures = [
        library.pictures.add(entry.id, finished(prompt, seed + index, index))
        for index in range(count)
    ]
    return library.entries.set_state(entry.id, "done", seconds=1.5), pictures


def edit(
    library: Library, source: StoredPicture, prompt: str = "make it blue", seed: int = 9
) -> tuple[Entry, StoredPicture]:
    """An edit of a picture that was run to its end."""
    job = EditJob(prompt=prompt, seed=seed, source=str(source.path))
    entry = library.entries.add(source.session, job, source.id)
    image = gradient(64, 64, f"{prompt} {seed}")
    picture = library.pictures.add(entry.id, Picture(0, image, job, "fake", 0.5))
    return library.entries.set_state(entry.id, "done"), picture


def ask(
    library: Library, source: StoredPicture, question: str = "What is it?", answer: str = "A fox."
) -> Entry:
    """A question about a picture with its answer."""
    job = DescribeJob(source=str(source.path), prompt=question)
    entry = library.entries.add(source.session, job, source.id)
    return library.entries.set_state(entry.id, "done", answer=answer)


def png(path: Path, texts: dict[str, str] | None = None, key: str = "x", side: int = 64) -> Path:
    """A PNG file with texts in it."""
    chunks = PngInfo()
    for name, text in (texts or {}).items():
        chunks.add_itxt(name, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    gradient(side, side, key).save(path, pnginfo=chunks)
    return path


def files(folder: Path) -> set[str]:
    """All files under a folder but the database, locks and thumbnails, by their relative paths."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and not path.relative_to(folder).parts[0].startswith(("library.db", "locks", "cache"))
    }


def everything(library: Library) -> list[Any]:
    """All that an app shows of a library, in its order."""
    shown: list[Any] = []
    for session in library.sessions.all():
        shown += [
            session,
            library.entries.of_session(session.id),
            library.pictures.of_session(session.id),
        ]
    shown += [
        library.queue.entries(),
        [(t.id, t.pictures, t.bytes) for t in library.trash.deletions()],
    ]
    return shown


def noise(width: int, height: int) -> Image.Image:
    """A picture that does not compress."""
    return Image.effect_noise((width, height), 90).convert("RGB")


def seeds(pictures: Sequence[StoredPicture]) -> list[int]:
    return [picture.job.seed for picture in pictures]
