"""Importing pictures from anywhere."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from unipic_tui.errors import UnipicError
from unipic_tui.files import read_bytes
from unipic_tui.jobs import DrawingJob
from unipic_tui.library.entries import Entries
from unipic_tui.library.pictures import Pictures
from unipic_tui.library.pixels import content_hash, png_size
from unipic_tui.library.provenance import OWN, read_making
from unipic_tui.library.records import StoredPicture, lenient_job
from unipic_tui.library.sidecars import PictureSidecar
from unipic_tui.library.storage import Storage
from unipic_tui.metadata import encode_picture
from unipic_tui.pictures import SUFFIXES, is_picture_file, load_image, open_image

MAX_BYTES = 256 << 20
"""Largest picture file that is imported."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file: the picture it is now, or the sentence why it is none.

    Attributes:
        path: the file.
        picture: the picture in the library; for a duplicate, the one that was there already.
        duplicate: whether the library had a picture that shows exactly the same.
        problem: why it was not imported, or "".
    """

    path: Path
    picture: StoredPicture | None = None
    duplicate: bool = False
    problem: str = ""


class Importing:
    """Imports files into a library."""

    def __init__(self, storage: Storage, entries: Entries, pictures: Pictures) -> None:
        self._database = storage.database
        self._entries = entries
        self._pictures = pictures

    def file(self, session: int, path: Path, image: Image | None = None) -> StoredPicture:
        """Import a picture, which may be loaded already, into the session, as an entry of its own.

        What its file says about how it was made (our own job, or another tool's prompt, seed and
        settings) becomes its job. The file itself stays as it is.

        Raises:
            InputError: the file is no picture, is damaged or too large.
            StorageError: it cannot be read, or the library not be written.
        """
        image = image or load_image(path)
        return self._import(lambda: session, path, image, content_hash(image))

    def paths(
        self,
        session: Callable[[], int],
        paths: Sequence[Path],
        left_out: list[Path] | None = None,
    ) -> Iterator[Imported]:
        """Import pictures and folders of pictures, one after the other, as they are iterated.

        Folders are searched to any depth, in order of their names; links in them are not followed.
        A picture that the library has already is passed over. One bad file does not stop the rest.

        Args:
            session: gives the session they go into; called only where there is a picture for it.
            paths: pictures and folders.
            left_out: what the folders hold besides pictures is appended here: other files, hidden
                ones, and links to folders.
        """
        for path in paths:
            for file in _files(path, [] if left_out is None else left_out):
                yield self._import_or_say_why(session, file)

    def _import_or_say_why(self, session: Callable[[], int], path: Path) -> Imported:
        try:
            image = load_image(path)
            digest = content_hash(image)
            row = self._database.row(
                "SELECT id FROM pictures WHERE hash = ? AND trash IS NULL LIMIT 1", (digest,)
            )
            if row is not None:
                return Imported(path, self._pictures.get(row["id"]), duplicate=True)
            return Imported(path, self._import(session, path, image, digest))
        except UnipicError as error:
            return Imported(path, problem=error.message)

    def _import(
        self, session: Callable[[], int], path: Path, image: Image, digest: str
    ) -> StoredPicture:
        data, picture, text = read_making(path, digest=digest)
        own = data.origin == OWN
        file = _png(path, image, picture, own, text)
        title = (data.job["prompt"], picture.seed) if own else (path.stem, None)
        into = session()
        with self._database.write():
            entry = self._entries.insert(into, data)
            number = self._pictures.insert(entry, picture, file, image.size, title)
            return self._pictures.get(number)


def _files(path: Path, left_out: list[Path]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        left_out += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and _is_picture(file):
                yield file
            else:
                left_out.append(file)


def _is_picture(file: Path) -> bool:
    """Whether a file is imported, or named where it cannot be read."""
    try:
        named = file.suffix.lower() in SUFFIXES and file.is_file()
    except OSError:
        return False
    return named or is_picture_file(file)


def _png(
    path: Path, image: Image, picture: PictureSidecar, own: bool, text: tuple[str, str] | None
) -> bytes:
    """The file as it is, if it is a PNG, or the picture as one, with what the file tells."""
    with open_image(path) as opened:
        plain = opened.format == "PNG" and getattr(opened, "n_frames", 1) == 1
    if plain and png_size(path) is not None:
        return read_bytes(path, MAX_BYTES)
    if own:
        job = lenient_job(dict(picture.job))
        assert isinstance(job, DrawingJob)
        return encode_picture(image, job, picture.model)
    chunks = PngInfo()
    if text is not None:
        chunks.add_text(*text)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()
