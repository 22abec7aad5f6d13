"""What is in the prompt editor, and the jobs it makes when it is run."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.job_parts import Region, Turn
from unipic_tui.job_settings import Value
from unipic_tui.jobs import KINDS, DrawingJob, Job, random_seed
from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.fields import EVERY, ONE, WILDCARDS, Field, fields_of, read, rounding
from unipic_tui.ui.iterate import MAX_COMBINATIONS, expand, pick, split_settings


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything the prompt editor holds.

    Attributes:
        mode: the kind of job that running it makes.
        texts: what is typed in each field, by its key.
        source: the picture to edit, to ask about, or to redraw a region of.
        region: the tokens of the source to redraw; only when drawing.
        turns: what was asked and answered about the source before.
    """

    mode: str
    prompt: str = ""
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    source: StoredPicture | None = None
    region: Region | None = None
    turns: tuple[Turn, ...] = ()

    @property
    def kind(self) -> type[Job]:
        """The kind of job it makes."""
        return KINDS[self.mode]

    @property
    def uses_source(self) -> bool:
        """Whether the jobs are about the source."""
        return self.kind.needs_source or self.region is not None

    def text(self, key: str) -> str:
        """What is typed in a field."""
        return self.texts.get(key, "")


@dataclass(frozen=True, slots=True)
class PlannedJobs:
    """The jobs a draft makes, the picture they hang under, and what the person should know."""

    jobs: tuple[Job, ...]
    parent: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> int:
        """How many pictures the jobs draw."""
        return sum(job.count for job in self.jobs if isinstance(job, DrawingJob))


def plan_jobs(draft: Draft, defaults: Defaults | None, generator: random.Random) -> PlannedJobs:
    """The jobs a draft stands for: one for every combination of wildcards and swept values.

    Raises:
        InputError: the prompt is empty, a source is missing, a field is wrong, or the combinations
            are more than `MAX_COMBINATIONS`.
    """
    prompt, assigned = (
        split_settings(draft.prompt, draft.kind) if draft.kind.draws else (draft.prompt, {})
    )
    texts = _texts(draft, assigned)
    values = {field: read(field, text, defaults) for field, text in texts.items()}
    prompts = _prompts(draft, prompt, values.pop(WILDCARDS, [EVERY]), generator)
    if draft.kind.draws:
        # One random seed for all, so that only what is swept tells the pictures apart.
        seed = next(field for field in values if field.setting.name == "seed")
        values[seed] = [random_seed(generator)] if values[seed] == [None] else values[seed]
    combinations = len(prompts)
    for options in values.values():
        combinations *= len(options)
    if combinations > MAX_COMBINATIONS:
        raise InputError(
            f"That makes {combinations:,} jobs and at most {MAX_COMBINATIONS} are allowed: "
            "sweep fewer values."
        )
    jobs = tuple(
        _job(draft, text, dict(zip(values, chosen, strict=True)))
        for text in prompts
        for chosen in itertools.product(*values.values())
    )
    parent = draft.source.id if draft.source and draft.uses_source else None
    notices = (
        rounding(field, text, defaults)
        for field, text in texts.items()
        if field.setting.is_size and field in values
    )
    return PlannedJobs(jobs, parent, tuple(notice for notice in notices if notice))


def outlook(draft: Draft, defaults: Defaults | None) -> str:
    """What running the draft makes, in a few words, where it is more than the usual."""
    try:
        planned = plan_jobs(draft, defaults, random.Random(0))
    except InputError:
        return ""
    if len(planned.jobs) > 1:
        return f"{planned.pictures} pictures in {len(planned.jobs)} jobs"
    if planned.pictures > 1:
        return f"{planned.pictures} pictures"
    return " ".join(planned.notes)


def _texts(draft: Draft, assigned: Mapping[str, str]) -> dict[Field, str]:
    """The text of each of the mode's fields; what the prompt assigns goes first."""
    return {
        field: assigned.get(field.setting.name, draft.text(field.key))
        for field in fields_of(draft.mode)
        # A redrawn region has its source's size.
        if not (draft.region is not None and field.setting.kind == "size")
    }


def _prompts(draft: Draft, prompt: str, choice: list[Value], generator: random.Random) -> list[str]:
    if not draft.kind.draws:
        return [prompt.strip()]
    if not prompt.strip():
        raise InputError("The prompt is empty: say in words what you want.")
    return [pick(prompt, generator)] if choice == [ONE] else expand(prompt)


def _job(draft: Draft, prompt: str, chosen: Mapping[Field, Value]) -> Job:
    fields: dict[str, Any] = {"prompt": prompt} if prompt else {}
    for field, value in chosen.items():
        if value is not None:
            fields |= field.setting.fill(value)
    if draft.uses_source:
        fields["source"] = _source(draft)
    if draft.region is not None:
        fields["region"] = draft.region
    if draft.turns and hasattr(draft.kind, "turns"):
        fields["turns"] = draft.turns
    return draft.kind(**fields)


def _source(draft: Draft) -> str:
    if draft.source is None:
        what = draft.kind.wording.purpose
        raise InputError(f"Choose a picture to {what} first: pick one, or open a file with Ctrl+O.")
    return str(draft.source.path)


def texts_of(job: Job, defaults: Defaults | None) -> dict[str, str]:
    """What to type in each field to get a job's settings, its seed included."""
    if isinstance(job, DrawingJob):
        left = job.replace(head_steps=None)
        if (defaults or Defaults()).fill(left).head_steps == job.head_steps:
            job = left  # the quality chose them; another one would choose others
    return {
        field.key: field.setting.typed(field.setting.of(job)) if field is not WILDCARDS else EVERY
        for field in fields_of(job.mode)
    }
