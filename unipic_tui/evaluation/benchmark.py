"""A benchmark as one thing: its items read, its plan made, its folder scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from unipic_tui.batch.items import Item, read_items
from unipic_tui.batch.tasks import Common, Plan
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.evaluation import drawing, editing
from unipic_tui.evaluation.scoring import EDITS, Scoring, drawn_edits, scoring_of
from unipic_tui.files import shown_path, write_atomic
from unipic_tui.jobs import MAX_COUNT


class _Kind(NamedTuple):
    """How a benchmark's file is read and its plan made; whether it edits pictures of a folder."""

    read: Callable[[Path], list[Item]]
    plan: Callable[[list[Item], Any, Common, Defaults], Plan]
    edits: bool


_KINDS = {
    "geneval": _Kind(read_items, drawing.plan_geneval, edits=False),
    "dpg": _Kind(drawing.read_dpg, drawing.plan_dpg, edits=False),
    "gedit": _Kind(editing.read_edits, editing.plan_gedit, edits=True),
    "imgedit": _Kind(editing.read_edits, editing.plan_imgedit, edits=True),
}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark that is to be drawn.

    Attributes:
        name: ``geneval``, ``dpg``, ``gedit`` or ``imgedit``.
        items: those that are drawn.
        samples: pictures of each prompt.
        common: what holds for all of them.
        sources: folder of the pictures that are edited.
    """

    name: str
    items: list[Item]
    samples: int
    common: Common
    sources: Path

    def plan(self, defaults: Defaults) -> Plan:
        """What is to be done, by a checkpoint's defaults; raises `InputError`."""
        kind = _KINDS[self.name]
        given = self.sources if kind.edits else self.samples
        return kind.plan(self.items, given, self.common, defaults)

    def scoring(self, plan: Plan, defaults: Defaults, folder: Path, notes: Path) -> Scoring:
        """How to score the folder of a plan; writes what the scorer needs to the notes."""
        drawn = plan.tasks and not _KINDS[self.name].edits
        side = drawing.sides(plan.tasks[0], defaults)[0] if drawn else 0
        if self.name == "imgedit":
            write_atomic(notes / EDITS, drawn_edits(plan.tasks))
        return scoring_of(
            self.name, folder, notes, sources=self.sources, side=side, samples=self.samples
        )


def read_benchmark(
    name: str,
    prompts: Path,
    common: Common,
    *,
    sources: Path | None = None,
    limit: int | None = None,
    samples: int = drawing.SAMPLES,
) -> Benchmark:
    """Read a benchmark's file or folder of prompts; the rest is as in `Benchmark`.

    Args:
        sources: that of the metadata where left out.
        limit: draw only the first items, so many.

    Raises:
        InputError: it is not the benchmark's, or a number is out of range.
        StorageError: it cannot be read.
    """
    if limit is not None and limit < 1:
        raise InputError(f"The limit {limit} is not positive: give at least 1.")
    if not 1 <= samples <= MAX_COUNT:
        raise InputError(f"The number of samples {samples} is out of range: use 1 to {MAX_COUNT}.")
    kind = _KINDS[name]
    if kind.edits:
        prompts = editing.metadata_of(prompts)
        sources = sources or prompts.parent
        if not sources.is_dir():
            raise InputError(
                f"The folder of sources {shown_path(sources)} is not there: check the path."
            )
    items = kind.read(prompts)[:limit]
    return Benchmark(name, items, samples, common, sources or prompts.parent)
