"""A benchmark as one thing: its items read, its plan made, its folder scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from unipic_tui.batch.items import Item
from unipic_tui.batch.tasks import Common, Plan
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.evaluation import drawing, editing
from unipic_tui.evaluation.scoring import EDITS, Scoring, drawn_edits, scoring_of
from unipic_tui.files import shown_path, write_atomic
from unipic_tui.jobs import MAX_COUNT


@dataclass(slots=True)
class Benchmark:
    """A benchmark that is to be drawn.

    Attributes:
        name: ``geneval``, ``dpg``, ``gedit`` or ``imgedit``.
        items: those that are drawn.
        samples: pictures of each prompt.
        common: what holds for all of them.
        sources: folder of the pictures that are edited.
        planned: the plan that was made last.
        side: of one picture of that plan, in pixels; 0 for edits.
    """

    name: str
    items: list[Item]
    samples: int
    common: Common
    sources: Path
    planned: Plan = field(default_factory=Plan)
    side: int = 0

    def plan(self, defaults: Defaults) -> Plan:
        """What is to be done, by a checkpoint's defaults; raises `InputError`."""
        make = {
            "geneval": partial(drawing.plan_geneval, self.items, self.samples),
            "dpg": partial(drawing.plan_dpg, self.items, self.samples),
            "gedit": partial(editing.plan_gedit, self.items, self.sources),
            "imgedit": partial(editing.plan_imgedit, self.items, self.sources),
        }[self.name]
        self.planned = make(self.common, defaults)
        if self.name in _DRAWN and self.planned.tasks:
            self.side = drawing.sides(self.planned.tasks[0], defaults)[0]
        return self.planned

    def scoring(self, folder: Path, notes: Path) -> Scoring:
        """How to score the folder; writes what the scorer needs to the notes."""
        if self.name == "imgedit":
            write_atomic(notes / EDITS, drawn_edits(self.planned.tasks))
        return scoring_of(
            self.name, folder, notes, sources=self.sources, side=self.side, samples=self.samples
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
    if name not in _DRAWN:
        prompts = editing.metadata_of(prompts)
        sources = sources or prompts.parent
        if not sources.is_dir():
            raise InputError(
                f"The folder of sources {shown_path(sources)} is not there: check the path."
            )
    read = {"geneval": drawing.read_geneval, "dpg": drawing.read_dpg}.get(name, editing.read_edits)
    items = read(prompts)[:limit]
    return Benchmark(name, items, samples, common, sources or prompts.parent)


_DRAWN = {"geneval", "dpg"}
