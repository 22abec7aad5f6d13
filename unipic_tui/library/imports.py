"""Taking in pictures from anywhere."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from unipic_tui.errors import StorageError, UnipicError
from unipic_tui.files import open_ordinary, read_bytes
from unipic_tui.library.content import content_hash, png_size
from unipic_tui.library.provenance import OWN, Making, read_making
from unipic_tui.library.records import StoredPicture
from unipic_tui.library.trash import Trash
from unipic_tui.metadata import encode_png
from unipic_tui.picturefiles import HEAD, is_picture
from unipic_tui.pictures import load_image, open_image

MAX_BYTES = 256 << 20
"""Largest picture file that is taken in."""
SUFFIXES = frozenset(
    {
        ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm",
        ".avif", ".heic", ".heif", ".jp2",
    }
)  # fmt: skip
"""Endings of the files in a folder that are looked at, and named when they cannot be read.

Files with other endings, or none, are looked at where their content is a picture's.
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file: the picture it is now, or the sentence why it is none.

    Attributes:
        path: the file.
        picture: the picture in the library; for a duplicate, the one that was there already.
        duplicate: whether the library had a picture that shows exactly the same.
        problem: why it was not taken in, or "".
    """

    path: Path
    picture: StoredPicture | None = None
    duplicate: bool = False
    problem: str = ""


class Imports(Trash):
    """The part of the library that takes in files."""

    def import_file(self, session: int, path: Path) -> StoredPicture:
        """Take a picture from anywhere into the session, as an entry of its own.

        What its file says about how it was made (our own job, or another tool's prompt, seed and
        settings) becomes its job. The file itself stays as it is.

        Raises:
            InputError: the file is no picture, is damaged or too large.
            StorageError: it cannot be read, or the library not be written.
        """
        image = load_image(path)
        return self._take_in(session, path, image, content_hash(image))

    def _take_in(self, session: int, path: Path, image: Image, digest: str) -> StoredPicture:
        making = read_making(path, path.stem)
        data = _png(path, image, making)
        with self.database.write() as transaction:
            entry = self._insert_entry(
                transaction, session, making.job, None, state="done", origin=making.origin
            )
            picture = self._insert_picture(
                entry,
                data,
                making.job,
                size=image.size,
                digest=digest,
                model=making.model,
                name=None if making.origin == OWN else path.stem,
            )
        return self.picture(picture)

    def import_paths(
        self, session: int, paths: Sequence[Path], left_out: list[Path] | None = None
    ) -> Iterator[Imported]:
        """Take in pictures and folders of pictures, one after the other, as they are iterated.

        Folders are searched to any depth, in order of their names; links in them are not followed.
        A picture that the library has already is passed over. One bad file does not stop the rest.

        Args:
            session: the session they go into.
            paths: pictures and folders.
            left_out: what the folders hold besides pictures is appended here: other files, hidden
                ones, and links to folders.
        """
        for path in paths:
            for file in _files(path, [] if left_out is None else left_out):
                yield self._import_one(session, file)

    def _import_one(self, session: int, path: Path) -> Imported:
        try:
            image = load_image(path)
            digest = content_hash(image)
            row = self.database.row(
                "SELECT id FROM pictures WHERE hash = ? AND trash IS NULL LIMIT 1", (digest,)
            )
            if row is not None:
                return Imported(path, self.picture(row["id"]), duplicate=True)
            return Imported(path, self._take_in(session, path, image, digest))
        except UnipicError as error:
            return Imported(path, problem=error.message)

    # duplicates

    def duplicates(self) -> list[list[StoredPicture]]:
        """Groups of pictures that show exactly the same, each with the oldest first."""
        self._hash_all()
        groups: dict[str, list[int]] = {}
        for row in self.database.rows(
            """SELECT id, hash FROM pictures WHERE trash IS NULL AND hash IN (
                SELECT hash FROM pictures WHERE trash IS NULL AND hash IS NOT NULL
                GROUP BY hash HAVING count(*) > 1) ORDER BY id"""
        ):
            groups.setdefault(row["hash"], []).append(row["id"])
        return [[self.picture(number) for number in group] for group in groups.values()]

    def _hash_all(self) -> None:
        """Hash pictures that an earlier version kept without; a damaged one has no hash."""
        for row in self.database.rows("SELECT id, path FROM pictures WHERE hash IS NULL"):
            try:
                digest = content_hash(load_image(self.folder / row["path"]))
            except UnipicError:
                continue
            with self.database.write() as transaction:
                transaction.execute(
                    "UPDATE pictures SET hash = ? WHERE id = ?", (digest, row["id"])
                )


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
    try:
        if not file.is_file():
            return False
        if file.suffix.lower() in SUFFIXES:
            return True
        with open_ordinary(file) as opened:
            return is_picture(opened.read(HEAD))
    except (OSError, StorageError):
        return False


def _png(path: Path, image: Image, making: Making) -> bytes:
    """The file as it is, if it is a PNG, or the picture as one, with what the file tells."""
    with open_image(path) as opened:
        plain = opened.format == "PNG" and getattr(opened, "n_frames", 1) == 1
    if plain and png_size(path) is not None:
        return read_bytes(path, MAX_BYTES)
    if making.origin == OWN:
        return encode_png(image, making.job, making.model)
    chunks = PngInfo()
    if making.text is not None:
        chunks.add_text(*making.text)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()
