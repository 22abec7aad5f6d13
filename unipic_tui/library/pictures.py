"""Pictures: what an entry drew or a file brought, on the disk and in the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unipic_tui.events import Picture
from unipic_tui.files import write_atomic
from unipic_tui.jobs import DrawingJob
from unipic_tui.library.content import content_hash
from unipic_tui.library.database import Transaction
from unipic_tui.library.entries import Entries
from unipic_tui.library.layout import (
    ENTRIES,
    SESSIONS,
    entry_name,
    inside,
    picture_name,
)
from unipic_tui.library.records import Session, StoredPicture
from unipic_tui.library.rows import PICTURES, clean, job_of, job_text, now, picture_of
from unipic_tui.library.sessions import new_uid
from unipic_tui.library.words import index_entry
from unipic_tui.metadata import encode_png


class Pictures(Entries):
    """The part of the library about pictures."""

    def add_picture(self, entry: int, picture: Picture) -> StoredPicture:
        """Write the picture and its row; when this returns, both are on the disk."""
        data = encode_png(picture.image, picture.job, picture.model, embed=self.metadata)
        number = self._insert_picture(
            entry,
            data,
            picture.job,
            size=picture.image.size,
            digest=content_hash(picture.image),
            place=picture.index,
            model=picture.model,
            seconds=picture.seconds,
        )
        row = self.database.row(PICTURES + "WHERE p.id = ?", (number,))
        if row is None:
            raise self._missing("picture", number)
        return picture_of(row, self.folder)

    def _insert_picture(
        self,
        entry: int,
        data: bytes,
        job: DrawingJob,
        *,
        size: tuple[int, int],
        digest: str,
        model: str,
        place: int = 0,
        seconds: float = 0.0,
        name: str | None = None,
    ) -> int:
        """Write a picture's file, named after ``name`` or its job, and its row."""
        with self.database.write() as transaction:
            row = transaction.execute(
                """SELECT e.session, e.trash, e.file, s.next_number FROM entries e
                JOIN sessions s ON s.id = e.session WHERE e.id = ?""",
                (entry,),
            ).fetchone()
            if row is None:
                raise self._missing("entry", entry)
            # Where its entry lies: in its session, or in the trash if the entry went there since.
            folder = row["file"].rsplit("/", 2)[0]
            title = (job.prompt, job.seed) if name is None else (name, None)
            file, following = self._free_file(folder, row["next_number"], *title)
            path = inside(self.folder, f"{folder}/{file}")
            transaction.undo(lambda: path.unlink(missing_ok=True))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data, overwrite=False)
            number = transaction.insert(
                """INSERT INTO pictures (uid, entry, session, place, path, width, height, seed,
                model, job, created, seconds, hash, trash)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    *(new_uid(), entry, row["session"], place, f"{folder}/{file}"),
                    *(*size, job.seed, clean(model), job_text(job)),
                    *(now(), seconds, digest, row["trash"]),
                ),
            )
            transaction.execute(
                "UPDATE sessions SET next_number = ? WHERE id = ?", (following, row["session"])
            )
            transaction.touch(entry)
            self._use(transaction, row["session"])
        return number

    def _free_file(self, folder: str, number: int, name: str, seed: int | None) -> tuple[str, int]:
        """A file name in a session's folder and the number after it; past files that lie there."""
        while (inside(self.folder, folder) / (file := picture_name(number, name, seed))).exists():
            number += 1
        return file, number + 1

    def picture(self, picture: int) -> StoredPicture:
        """One picture; raises `StorageError` when it is not there or in the trash."""
        row = self.database.row(PICTURES + "WHERE p.id = ? AND p.trash IS NULL", (picture,))
        if row is None:
            raise self._missing("picture", picture)
        return picture_of(row, self.folder)

    def pictures(self, session: int) -> list[StoredPicture]:
        """The pictures of a session in the order they were made."""
        return self.pictures_page(session, 0, -1)

    def pictures_page(self, session: int, offset: int, limit: int) -> list[StoredPicture]:
        """Pictures ``offset`` to ``offset + limit`` of a session in the order they were made.

        Args:
            limit: how many at most; negative for all that follow.
        """
        rows = self.database.rows(
            PICTURES + "WHERE p.session = ? AND p.trash IS NULL ORDER BY p.id LIMIT ? OFFSET ?",
            (session, limit, offset),
        )
        return [picture_of(row, self.folder) for row in rows]

    def pictures_of(self, entry: int) -> list[StoredPicture]:
        """The pictures of an entry, by their place in the job."""
        rows = self.database.rows(
            PICTURES + "WHERE p.entry = ? AND p.trash IS NULL ORDER BY p.place, p.id", (entry,)
        )
        return [picture_of(row, self.folder) for row in rows]

    def picture_count(self, session: int) -> int:
        """How many pictures a session shows."""
        return self.database.number(
            "SELECT count(*) FROM pictures WHERE session = ? AND trash IS NULL", (session,)
        )

    def picture_at(self, path: Path) -> StoredPicture | None:
        """The picture whose file lies at ``path``, or None."""
        try:
            relative = path.resolve().relative_to(self.folder.resolve()).as_posix()
        except (OSError, ValueError):
            return None
        row = self.database.row(PICTURES + "WHERE p.path = ? AND p.trash IS NULL", (relative,))
        return picture_of(row, self.folder) if row is not None else None

    def set_favourite(self, picture: int, favourite: bool) -> StoredPicture:
        """Mark a picture as a favourite, or no longer."""
        with self.database.write() as transaction:
            self._change(transaction, picture, "favourite", int(favourite))
        return self.picture(picture)

    def set_note(self, picture: int, note: str) -> StoredPicture:
        """Keep a note about a picture; an empty one removes it."""
        with self.database.write() as transaction:
            self._change(transaction, picture, "note", clean(note.strip()))
        return self.picture(picture)

    def set_tags(self, picture: int, tags: Sequence[str]) -> StoredPicture:
        """Give a picture exactly these tags; they are words or short phrases, in small letters."""
        wanted = {clean(" ".join(tag.lstrip("#").split()).casefold())[:100] for tag in tags} - {""}
        with self.database.write() as transaction:
            self.picture(picture)
            transaction.execute("DELETE FROM tags WHERE picture = ?", (picture,))
            transaction.executemany(
                "INSERT INTO tags VALUES (?, ?)", [(picture, tag) for tag in sorted(wanted)]
            )
            self._changed(transaction, picture)
        return self.picture(picture)

    def tags(self) -> list[tuple[str, int]]:
        """All tags with how many pictures have them, the most used first."""
        rows = self.database.rows(
            """SELECT tag, count(*) AS times FROM tags JOIN pictures p ON p.id = picture
            WHERE p.trash IS NULL GROUP BY tag ORDER BY times DESC, tag"""
        )
        return [(row["tag"], row["times"]) for row in rows]

    def _change(self, transaction: Transaction, picture: int, column: str, value: object) -> None:
        self.picture(picture)
        transaction.execute(f"UPDATE pictures SET {column} = ? WHERE id = ?", (value, picture))
        self._changed(transaction, picture)

    def _changed(self, transaction: Transaction, picture: int) -> None:
        entry = transaction.execute(
            "SELECT entry FROM pictures WHERE id = ?", (picture,)
        ).fetchone()["entry"]
        transaction.touch(entry)
        index_entry(transaction, entry)

    # moving

    def move_picture(self, picture: int, session: int) -> StoredPicture:
        """Move a picture to another session, with the edits and descriptions made from it.

        Its entry comes along if it has no other picture; otherwise the picture gets an entry of
        its own there. It keeps its link to the picture it was made from.
        """
        found = self.picture(picture)
        if found.session == session:
            return found
        with self._exclusive_moves():
            target = self.session(session)
            siblings = self.database.number(
                "SELECT count(*) FROM pictures WHERE entry = ?", (found.entry,)
            )
            entries = self._descendants(picture)
            if siblings == 1:
                entries.insert(0, found.entry)
            plan = self._plan_move(entries, [] if siblings == 1 else [picture], target)
            with self._relocating([(source, new) for _, _, source, new in plan]) as transaction:
                for table, number, _, new in plan:
                    column = "path" if table == "pictures" else "file"
                    transaction.execute(
                        f"UPDATE {table} SET {column} = ? WHERE id = ?", (new, number)
                    )
                if siblings > 1:
                    self._split(transaction, picture, session)
                for entry in entries:
                    for table, key in (("entries", "id"), ("pictures", "entry")):
                        transaction.execute(
                            f"UPDATE {table} SET session = ? WHERE {key} = ?", (session, entry)
                        )
                    transaction.touch(entry)
                self._use(transaction, session)
        return self.picture(picture)

    def _descendants(self, picture: int) -> list[int]:
        """The entries under a picture, at any depth, in its session and not in the trash."""
        rows = self.database.rows(
            """WITH RECURSIVE below (entry) AS (
                SELECT e.id FROM entries e JOIN pictures p ON p.id = e.parent
                    WHERE p.id = ? AND e.session = p.session
                UNION SELECT e.id FROM below JOIN pictures p ON p.entry = below.entry
                    JOIN entries e ON e.parent = p.id AND e.session = p.session)
            SELECT id FROM below JOIN entries ON id = entry WHERE trash IS NULL ORDER BY id""",
            (picture,),
        )
        return [row["id"] for row in rows]

    def _plan_move(
        self, entries: Sequence[int], pictures: Sequence[int], target: Session
    ) -> list[tuple[str, int, str, str]]:
        """Which row's file goes from where to where: its table, number, source and target."""
        folder = f"{SESSIONS}/{target.folder.name}"
        plan: list[tuple[str, int, str, str]] = []
        moved = list(pictures)
        for entry in entries:
            row = self.database.row("SELECT file FROM entries WHERE id = ?", (entry,))
            if row is not None:
                plan.append(
                    ("entries", entry, row["file"], f"{folder}/{ENTRIES}/{entry_name(entry)}")
                )
            moved += [
                row["id"]
                for row in self.database.rows(
                    "SELECT id FROM pictures WHERE entry = ? AND trash IS NULL ORDER BY id",
                    (entry,),
                )
            ]
        with self.database.write() as transaction:
            number = self.database.number(
                "SELECT next_number FROM sessions WHERE id = ?", (target.id,)
            )
            for picture in moved:
                row = self.database.row("SELECT path FROM pictures WHERE id = ?", (picture,))
                if row is not None:
                    title = row["path"].rpartition("/")[2].partition("-")[2] or "picture.png"
                    while (target.folder / (name := f"{number:04d}-{title}")).exists():
                        number += 1
                    number += 1
                    plan.append(("pictures", picture, row["path"], f"{folder}/{name}"))
            transaction.execute(
                "UPDATE sessions SET next_number = ? WHERE id = ?", (number, target.id)
            )
        return plan

    def _split(self, transaction: Transaction, picture: int, session: int) -> None:
        """Give a picture an entry of its own, like the one it had."""
        row = transaction.execute(
            """SELECT e.*, p.job AS own FROM entries e JOIN pictures p ON p.entry = e.id
            WHERE p.id = ?""",
            (picture,),
        ).fetchone()
        entry = self._insert_entry(
            transaction,
            session,
            job_of(row["own"]),
            row["parent"],
            state="done",
            origin=row["origin"],
        )
        transaction.execute("UPDATE entries SET created = ? WHERE id = ?", (row["created"], entry))
        transaction.execute(
            "UPDATE pictures SET entry = ?, session = ? WHERE id = ?", (entry, session, picture)
        )
        transaction.touch(row["id"])
        for changed in (row["id"], entry):
            index_entry(transaction, changed)
