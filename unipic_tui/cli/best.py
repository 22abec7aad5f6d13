"""What `generate --best-of` tells of the model's choice."""

from __future__ import annotations

from unipic_tui.cli.report import Reporter
from unipic_tui.events import Event, Judged


class Choice:
    """Collects what the model said of each picture, and tells it when all are judged.

    Args:
        count: how many pictures are saved.
        reporter: is told what was chosen, and why.
    """

    def __init__(self, count: int, reporter: Reporter) -> None:
        self._count = count
        self._reporter = reporter
        self._judged: list[Judged] = []

    def note(self, event: Event) -> None:
        """Keep a verdict."""
        if isinstance(event, Judged):
            self._judged.append(event)

    def tell(self) -> None:
        """Tell the ranking, if there was a choice."""
        if not self._judged:
            return
        ranking = sorted(self._judged, key=lambda judged: -judged.mark)
        record = {
            "event": "chosen",
            "kept": self._count,
            "ranking": [
                {
                    "seed": judged.seed,
                    "worth": round(judged.mark, 4),
                    "description": judged.description,
                    "answers": dict(judged.answers),
                }
                for judged in ranking
            ],
        }
        shown = ", ".join(f"seed {judged.seed} {judged.mark:.2f}" for judged in ranking)
        self._reporter.remark(record, f"Saved the best {self._count} of these: {shown}.")
