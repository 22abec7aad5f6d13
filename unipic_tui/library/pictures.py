"""Pictures: what an entry drew or a file brought, on the disk and in the rows."""

from __future__ import annotations

from collections.abc import Sequence

from unipic_tui.events import Picture
from unipic_tui.files import write_atomic
from unipic_tui.job_json import job_to_dict
from unipic_tui.library.entries import Entries
from unipic_tui.library.inserting import insert_picture
from unipic_tui.library.layout import SESSIONS, picture_name
from unipic_tui.library.pixels import content_hash
from unipic_tui.library.records import SELECT_PICTURES, StoredPicture, clean, job_of, picture_of
from unipic_tui.library.search import index_entry
from unipic_tui.library.sessions import Sessions
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar
from unipic_tui.library.storage import Storage
from unipic_tui.metadata import encode_picture


class Pictures:
    """The pictures of a library."""

    def __init__(self, storage: Storage, sessions: Sessions, entries: Entries) -> None:
        self._storage = storage
        self._database = storage.database
        self._sessions = sessions
        self._entries = entries

    def add(self, entry: int, picture: Picture) -> StoredPicture:
        """Write the picture and its row; when this returns, both are on the disk."""
        job = picture.job
        data = PictureSidecar(
            place=picture.index,
            job=job_to_dict(job),
            seed=job.seed,
            model=clean(picture.model),
            seconds=picture.seconds,
            hash=content_hash(picture.image),
            note="" if picture.mark is None else f"Mark {picture.mark:.2f}",
        )
        file = encode_picture(picture.image, job, picture.model, embed=self._storage.metadata)
        with self._database.write():
            number = self.insert(entry, data, file, picture.image.size, (job.prompt, job.seed))
            if data.note:
                index_entry(self._database, entry)
            row = self._database.execute(SELECT_PICTURES + "WHERE p.id = ?", (number,)).fetchone()
            # The entry may be in the trash by now; then its picture is, too.
            return picture_of(row, self._storage.folder)

    def insert(
        self,
        entry: int,
        data: PictureSidecar,
        file: bytes,
        size: tuple[int, int],
        title: tuple[str, int | None],
    ) -> int:
        """Write a picture's file, of these bytes, to its entry's session's folder, and its row.

        The ``title``, a prompt or name and a seed, is for the file's name; ``size`` is width and
        height, in pixels.
        """
        row = self._database.row(
            """SELECT e.session, e.trash, s.folder, s.next_number FROM entries e
            JOIN sessions s ON s.id = e.session WHERE e.id = ?""",
            (entry,),
        )
        if row is None:
            raise self._storage.missing("entry", entry)
        folder, number = f"{SESSIONS}/{row['folder']}", row["next_number"]
        while (path := self._storage.path(f"{folder}/{picture_name(number, *title)}")).exists():
            number += 1
        self._database.undo(lambda: path.unlink(missing_ok=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, file, overwrite=False)
        picture = insert_picture(self._database, data, entry, f"{folder}/{path.name}", size)
        self._database.execute(
            "UPDATE pictures SET trash = ? WHERE id = ?", (row["trash"], picture)
        )
        self._database.touch(entry)
        self._sessions.mark_used(row["session"])
        return picture

    def get(self, picture: int) -> StoredPicture:
        """One picture; raises `StorageError` when it is not there or in the trash."""
        row = self._database.row(SELECT_PICTURES + "WHERE p.id = ? AND p.trash IS NULL", (picture,))
        if row is None:
            raise self._storage.missing("picture", picture)
        return picture_of(row, self._storage.folder)

    def of_session(self, session: int) -> list[StoredPicture]:
        """The pictures of a session in the order they were made."""
        return self.page(session, 0, -1)

    def page(self, session: int, offset: int, limit: int) -> list[StoredPicture]:
        """Pictures ``offset`` to ``offset + limit`` of a session in the order they were made.

        Args:
            limit: how many at most; negative for all that follow.
        """
        rows = self._database.rows(
            SELECT_PICTURES
            + "WHERE p.session = ? AND p.trash IS NULL ORDER BY p.id LIMIT ? OFFSET ?",
            (session, limit, offset),
        )
        return [picture_of(row, self._storage.folder) for row in rows]

    def of_entry(self, entry: int) -> list[StoredPicture]:
        """The pictures of an entry, by their place in the job."""
        rows = self._database.rows(
            SELECT_PICTURES + "WHERE p.entry = ? AND p.trash IS NULL ORDER BY p.place, p.id",
            (entry,),
        )
        return [picture_of(row, self._storage.folder) for row in rows]

    def set_favourite(self, picture: int, favourite: bool) -> StoredPicture:
        """Mark a picture as a favourite, or no longer."""
        return self._change(picture, "favourite", int(favourite))

    def set_note(self, picture: int, note: str) -> StoredPicture:
        """Keep a note about a picture; an empty one removes it."""
        return self._change(picture, "note", clean(note.strip()))

    def set_tags(self, picture: int, tags: Sequence[str]) -> StoredPicture:
        """Give a picture exactly these tags; they are words or short phrases, in small letters."""
        wanted = {clean(" ".join(tag.lstrip("#").split()).casefold())[:100] for tag in tags} - {""}
        with self._database.write():
            entry = self.get(picture).entry
            self._database.execute("DELETE FROM tags WHERE picture = ?", (picture,))
            self._database.executemany(
                "INSERT INTO tags VALUES (?, ?)", [(picture, tag) for tag in sorted(wanted)]
            )
            self._database.touch(entry)
            index_entry(self._database, entry)
            return self.get(picture)

    def _change(self, picture: int, column: str, value: object) -> StoredPicture:
        with self._database.write():
            entry = self.get(picture).entry
            self._database.execute(
                f"UPDATE pictures SET {column} = ? WHERE id = ?", (value, picture)
            )
            self._database.touch(entry)
            index_entry(self._database, entry)
            return self.get(picture)

    def move(self, picture: int, session: int) -> StoredPicture:
        """Move a picture to another session, with the edits and descriptions made from it.

        Its entry comes along if it has no other picture; otherwise the picture gets an entry of
        its own there. It keeps its link to the picture it was made from. No file changes its place.
        """
        with self._database.write():
            found = self.get(picture)
            if found.session == session:
                return found
            self._sessions.get(session)
            entries = self._entries.under(picture)
            siblings = self._database.number(
                "SELECT count(*) FROM pictures WHERE entry = ?", (found.entry,)
            )
            if siblings == 1:
                entries.append(found.entry)
            else:
                self._split(picture, session)
            for entry in entries:
                for table, key in (("entries", "id"), ("pictures", "entry")):
                    self._database.execute(
                        f"UPDATE {table} SET session = ? WHERE {key} = ?", (session, entry)
                    )
                self._database.touch(entry)
            self._sessions.mark_used(session)
            return self.get(picture)

    def _split(self, picture: int, session: int) -> None:
        """Give a picture an entry of its own, like the one it had."""
        row = self._database.execute(
            """SELECT e.*, p.job AS own FROM entries e JOIN pictures p ON p.entry = e.id
            WHERE p.id = ?""",
            (picture,),
        ).fetchone()
        data = EntrySidecar(
            job=job_to_dict(job_of(row["own"])),
            state="done",
            created=row["created"],
            origin=row["origin"],
        )
        entry = self._entries.insert(session, data, row["parent"])
        self._database.execute(
            "UPDATE pictures SET entry = ?, session = ? WHERE id = ?", (entry, session, picture)
        )
        self._database.touch(row["id"])
        for changed in (row["id"], entry):
            index_entry(self._database, changed)
