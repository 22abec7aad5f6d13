"""The words that search looks in: prompt, answer, tags and notes of an entry."""

from __future__ import annotations

import re

from unipic_tui.library.database import Transaction

# Scripts written without spaces: each sign is indexed as a word, and searched for as a phrase.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


def spaced(text: str) -> str:
    """The text with the signs of scripts that use no spaces set apart."""
    return _UNSPACED.sub(r" \g<0> ", text)


def index_entry(transaction: Transaction, entry: int) -> None:
    """Make search find an entry by what its rows say now."""
    transaction.execute("DELETE FROM words WHERE rowid = ?", (entry,))
    row = transaction.execute(
        "SELECT prompt, answer, trash FROM entries WHERE id = ?", (entry,)
    ).fetchone()
    if row is None:
        return
    tags = transaction.execute(
        """SELECT group_concat(tag, ' ') FROM tags JOIN pictures p ON p.id = picture
        WHERE p.entry = ?""",
        (entry,),
    ).fetchone()[0]
    notes = transaction.execute(
        "SELECT group_concat(note, ' ') FROM pictures WHERE entry = ? AND note <> ''", (entry,)
    ).fetchone()[0]
    transaction.execute(
        "INSERT INTO words (rowid, prompt, answer, tags, notes) VALUES (?, ?, ?, ?, ?)",
        (entry, *(spaced(text or "") for text in (row["prompt"], row["answer"], tags, notes))),
    )
