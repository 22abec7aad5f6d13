"""Taking in pictures from anywhere."""

from __future__ import annotations

from pathlib import Path

from unipic_tui.library.pngs import open_picture
from unipic_tui.library.records import StoredPicture
from unipic_tui.library.trash import Trash


class Imports(Trash):
    """The part of the library that takes in files."""

    def import_file(self, session: int, path: Path) -> StoredPicture:
        """Take a picture from anywhere into the session, as an entry of its own.

        What its file says about how it was made (our own job, or another tool's prompt, seed and
        settings) becomes its job. The file itself stays as it is.

        Raises:
            StorageError: the file is no picture, damaged, too large, or cannot be read.
        """
        found = open_picture(path)
        with self.database.write() as transaction:
            entry = self._insert_entry(
                transaction, session, found.job, None, state="done", origin=found.origin
            )
            picture = self._insert_picture(
                entry,
                found.data,
                found.image,
                found.job,
                place=0,
                model=found.model,
                seconds=0.0,
                name=path.stem,
                note=found.note,
            )
        return self.picture(picture)
