"""Taking a session out of the library: a folder, a zip, a web page, a contact sheet."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from unipic_tui import files
from unipic_tui.errors import InputError, StorageError, UnipicError
from unipic_tui.files import shown_path, storage_error
from unipic_tui.job_json import job_to_dict
from unipic_tui.library.contact import contact_sheet
from unipic_tui.library.html import page
from unipic_tui.library.library import Library
from unipic_tui.library.records import Session, StoredPicture
from unipic_tui.pictures import SUFFIXES, load_image

Kind = Literal["folder", "zip", "html", "sheet"]
_BY_SUFFIX: dict[str, Kind] = {".zip": "zip", ".html": "html", ".htm": "html", ".png": "sheet"}
_NOT_WRITTEN = frozenset({
    ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".zst", ".7z", ".rar", ".cbz", ".pdf",
    ".json", *SUFFIXES,
}) - _BY_SUFFIX.keys()  # fmt: skip
"""Endings of files that a folder would hardly be meant to have."""


def kind_of(out: Path) -> Kind:
    """What a name asks for by its ending, a folder where it has none that means a file.

    Raises:
        InputError: it means a file of a kind that is not written.
    """
    suffix = out.suffix.lower()
    if suffix in _NOT_WRITTEN:
        raise InputError(
            f"{shown_path(out)} cannot be written as {suffix}: end the name in .zip, .html, or "
            ".png for a contact sheet, or name a folder."
        )
    return _BY_SUFFIX.get(suffix, "folder")


def export_session(
    library: Library, session: int, out: Path, kind: Kind | None = None, *, force: bool = False
) -> int:
    """Write a session's pictures and jobs to a place outside the library, whole or not at all.

    Args:
        library: an open library.
        session: the session.
        out: the file or folder to write.
        kind: what to write; ``None``: as the ending of ``out`` says.
        force: replace a file that is there. A folder that holds something is never replaced.

    Returns:
        How many pictures were written.

    Raises:
        InputError: ``out`` lies in the library, its ending means a file of another kind, or there
            is no picture for a contact sheet.
        StorageError: ``out`` is there already, or cannot be written.
    """
    found = library.sessions.get(session)
    pictures = library.pictures.of_session(session)
    if out.absolute().is_relative_to(library.folder):
        raise InputError(
            f"{shown_path(out)} lies in the library: name a place outside of it to export to."
        )
    kind = kind or kind_of(out)
    if kind != "folder" and out.exists() and not force:
        raise StorageError(f"{shown_path(out)} is there already: use --force to replace it.")
    if kind == "folder":
        _folder(library, found, pictures, out)
    elif kind == "zip":
        _zip(library, found, pictures, out)
    elif kind == "html":
        with files.whole_file(out, action="export") as file:
            for piece in page(found, library.entries.of_session(session), pictures):
                file.write(piece.encode())
    else:
        _sheet(found, pictures, out)
    return len(pictures)


def manifest(library: Library, session: Session, pictures: Sequence[StoredPicture]) -> bytes:
    """The session's jobs as JSON: what ``session.json`` in a folder or zip holds."""
    names = {picture.id: picture.path.name for picture in pictures}
    of_entry: dict[int, list[dict[str, Any]]] = {}
    for picture in pictures:
        of_entry.setdefault(picture.entry, []).append(
            {
                "file": picture.path.name,
                "job": job_to_dict(picture.job),
                "model": picture.model,
                "favourite": picture.favourite,
                "tags": list(picture.tags),
                "note": picture.note,
            }
        )
    data = {
        "name": session.name,
        "created": session.created.isoformat(),
        "jobs": [
            {
                "job": job_to_dict(entry.job),
                "made_from": names.get(entry.parent or 0),
                "state": entry.state,
                "answer": entry.answer,
                "error": entry.error,
                "created": entry.created.isoformat(),
                "pictures": of_entry.get(entry.id, []),
            }
            for entry in library.entries.of_session(session.id)
        ],
    }
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _folder(
    library: Library, session: Session, pictures: Sequence[StoredPicture], out: Path
) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise StorageError(f"{shown_path(out)} is there already: name a new folder.")
    part = files.temporary_beside(out)
    try:
        part.mkdir()
        for picture in pictures:
            shutil.copyfile(picture.path, part / picture.path.name, follow_symlinks=False)
        files.write_atomic(part / "session.json", manifest(library, session, pictures))
        if out.exists():
            out.rmdir()
        part.rename(out)
        files.sync_folder(out.parent)
    except OSError as error:
        raise storage_error(error, error.filename or out, "export") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _zip(library: Library, session: Session, pictures: Sequence[StoredPicture], out: Path) -> None:
    top = session.folder.name
    with (
        files.whole_file(out, action="export") as file,
        zipfile.ZipFile(file, "w", strict_timestamps=False) as archive,
    ):
        for picture in pictures:
            # PNG is compressed already.
            archive.write(picture.path, f"{top}/{picture.path.name}", zipfile.ZIP_STORED)
        data = manifest(library, session, pictures)
        archive.writestr(f"{top}/session.json", data, zipfile.ZIP_DEFLATED)


def _sheet(session: Session, pictures: Sequence[StoredPicture], out: Path) -> None:
    if not pictures:
        raise InputError("The session has no pictures: there is nothing for a contact sheet.")

    def images() -> Iterator[tuple[Image.Image, str]]:
        for picture in pictures:
            try:
                image = load_image(picture.path, max_side=512)
            except UnipicError:
                image = Image.new("RGB", (64, 64), (96, 0, 0))
            number = picture.path.name.partition("-")[0]
            yield image, f"{number} {picture.job.prompt}"

    sheet = contact_sheet(images(), len(pictures), title=session.name)
    with files.whole_file(out) as file:
        sheet.save(file, "PNG")
