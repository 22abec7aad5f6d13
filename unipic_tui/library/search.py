"""Search over prompts, answers, tags and notes, with filters."""

from __future__ import annotations

from unipic_tui.library.imports import Imports
from unipic_tui.library.query import parse
from unipic_tui.library.records import Entry
from unipic_tui.library.rows import ENTRIES, entry_of


class Search(Imports):
    """The part of the library that finds things."""

    def search(self, query: str, limit: int = 500) -> list[Entry]:
        """Entries that match words and filters, the latest first (see `unipic_tui.library.query`).

        Raises:
            InputError: a filter has a value it cannot have.
        """
        condition, values = parse(query)
        rows = self.database.rows(
            f"{ENTRIES} WHERE e.trash IS NULL AND {condition} ORDER BY e.id DESC LIMIT ?",
            (*values, limit),
        )
        return [entry_of(row, self.folder) for row in rows]

    def prompts(self, limit: int = 1000) -> list[str]:
        """Distinct prompts across all sessions, the latest first."""
        rows = self.database.rows(
            """SELECT prompt, max(id) AS latest FROM entries
            WHERE trash IS NULL AND origin = '' GROUP BY prompt ORDER BY latest DESC LIMIT ?""",
            (limit,),
        )
        return [row["prompt"] for row in rows]
