"""What a checkpoint does with the settings that a job leaves open."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from unipic_tui.job_settings import Value, settings_of
from unipic_tui.jobs import EVALUATIONS, DrawingJob, Job, Order, Template, solver_of

_Drawing = TypeVar("_Drawing", bound=DrawingJob)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a checkpoint does with the settings that a job leaves open.

    A value for one kind alone is called ``<mode>_<setting>``. ``batch_template`` is the
    template where pictures are drawn for a file of prompts.
    """

    width: int = 1024
    height: int = 1024
    guidance: float = 3.0
    iterations: int = 32
    head_steps: int = 100
    edit_guidance: float = 3.0
    order: Order = "random"
    batch_template: Template = "plain"

    @property
    def edit_size(self) -> int:
        """The longest side at which edits are made."""
        return max(self.width, self.height)

    @property
    def side(self) -> int:
        """Side of the square that is as large as the usual picture, in pixels."""
        return round(math.sqrt(self.width * self.height))

    def of(self, kind: type[Job], field: str) -> Any:
        """What fills a field of a kind; ``None`` where nothing does."""
        return getattr(self, f"{kind.mode}_{field}", getattr(self, field, None))

    def value(self, kind: type[Job], name: str) -> Value:
        """What fills a setting of a kind; ``None`` where nothing does."""
        each = next(each for each in settings_of(kind) if each.name == name)
        return each.joined([self.of(kind, field) for field in each.fields])

    def fill(self, job: _Drawing) -> _Drawing:
        """The job with every setting filled in that the checkpoint has a value for.

        A redrawn region keeps its source's size, so that stays open. Head steps are those of
        `exact`, else as many as the solver needs.
        """
        filled = {
            field: value
            for each in settings_of(type(job))
            if not (each.kind == "size" and job.source is not None)
            for field in each.fields
            if getattr(job, field) is None and (value := self.of(type(job), field)) is not None
        }
        if "head_steps" in filled and job.quality != "exact":
            filled["head_steps"] = min(filled["head_steps"], EVALUATIONS[solver_of(job)])
        return dataclasses.replace(job, **filled)
