"""What is in the prompt editor, and the jobs it makes when it is run."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.events import Defaults
from unipic_tui.jobs import DescribeJob, DrawingJob, EditJob, GenerateJob, Job, Region, Turn
from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.fields import (
    EVERY,
    ONE,
    Field,
    Mode,
    Value,
    field,
    fields_of,
    read,
    rounding,
)
from unipic_tui.ui.iterate import (
    MAX_COMBINATIONS,
    expand,
    pick,
    random_seed,
    split_settings,
    wildcards,
)

DEFAULT_QUESTION = "Describe the image in detail."


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything the prompt editor holds.

    Attributes:
        texts: what is typed in each field, by its name.
        source: the picture to edit, to ask about, or to redraw a region of.
        region: the tokens of the source to draw anew; only when drawing.
        turns: what was asked and answered about the source before.
    """

    mode: Mode
    prompt: str = ""
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    source: StoredPicture | None = None
    region: Region | None = None
    turns: tuple[Turn, ...] = ()

    def text(self, name: str) -> str:
        """What is typed in a field."""
        return self.texts.get(name, "")


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs a draft makes, the picture they hang under, and what the person should know."""

    jobs: tuple[Job, ...]
    parent: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> int:
        """How many pictures the jobs draw."""
        return sum(0 if isinstance(job, DescribeJob) else job.count for job in self.jobs)


def plan(draft: Draft, defaults: Defaults | None, generator: random.Random) -> Plan:
    """The jobs a draft stands for: one for every combination of wildcards and swept values.

    Raises:
        InputError: the prompt is empty, a source is missing, a field is wrong, or the combinations
            are more than `MAX_COMBINATIONS`.
    """
    if draft.mode == "describe":
        return _describe(draft, defaults)
    prompt, assigned = split_settings(draft.prompt)
    values = _values(draft, assigned, defaults)
    prompts = _prompts(prompt, str(values.pop("wildcards")[0]), generator)
    # One random seed for all, so that only what is swept tells the pictures apart.
    seeds = values["seed"]
    values["seed"] = [random_seed(generator)] if seeds == [None] else seeds
    combinations = len(prompts)
    for options in values.values():
        combinations *= len(options)
    if combinations > MAX_COMBINATIONS:
        raise InputError(
            f"That makes {combinations:,} jobs and at most {MAX_COMBINATIONS} are allowed: "
            "sweep fewer values."
        )
    names = list(values)
    jobs = tuple(
        _drawing(draft, text, dict(zip(names, chosen, strict=True)))
        for text in prompts
        for chosen in itertools.product(*values.values())
    )
    parent = draft.source.id if draft.source and _uses_source(draft) else None
    return Plan(jobs, parent, _notes(draft, assigned, defaults))


def outlook(draft: Draft, defaults: Defaults | None) -> str:
    """What running the draft makes, in a few words, where it is more than the usual."""
    try:
        planned = plan(draft, defaults, random.Random(0))
    except InputError:
        return ""
    if len(planned.jobs) > 1:
        return f"{planned.pictures} pictures in {len(planned.jobs)} jobs"
    if planned.pictures > 1:
        return f"{planned.pictures} pictures"
    return " ".join(planned.notes)


def has_wildcards(draft: Draft) -> bool:
    """Whether the prompt holds a choice such as ``{red|green}``."""
    return bool(wildcards(draft.prompt))


def _uses_source(draft: Draft) -> bool:
    return draft.mode != "draw" or draft.region is not None


def _notes(draft: Draft, assigned: Mapping[str, str], defaults: Defaults | None) -> tuple[str, ...]:
    """That a size was rounded."""
    if draft.region is not None or draft.mode not in {"draw", "edit"}:
        return ()
    name = "size" if draft.mode == "draw" else "edit_size"
    notice = rounding(assigned.get("size", draft.text(name)), defaults)
    return (notice,) if notice else ()


def _values(
    draft: Draft, assigned: Mapping[str, str], defaults: Defaults | None
) -> dict[str, list[Value]]:
    """The values of each of the mode's fields; what the prompt assigns goes first."""
    assigned = dict(assigned)
    if draft.mode == "edit" and "size" in assigned:
        assigned["edit_size"] = assigned.pop("size")
    values = {
        spec.name: read(spec.name, assigned.get(spec.name, draft.text(spec.name)), defaults)
        for spec in fields_of(draft.mode)
    }
    if draft.region is not None:
        values.pop("size", None)
    return values


def _prompts(prompt: str, choice: str, generator: random.Random) -> list[str]:
    if not prompt.strip():
        raise InputError("The prompt is empty: say in words what you want.")
    return [pick(prompt, generator)] if choice == ONE else expand(prompt)


def _drawing(draft: Draft, prompt: str, chosen: dict[str, Value]) -> DrawingJob:
    settings: dict[str, Any] = {
        name: value for name, value in chosen.items() if value is not None
    } | {"prompt": prompt}
    if draft.mode == "edit":
        settings["size"] = settings.pop("edit_size", None)
        return EditJob(source=_source(draft), **settings)
    if draft.region is not None:
        return GenerateJob(source=_source(draft), region=draft.region, **settings)
    size = settings.pop("size", None)
    if size is not None:
        settings["width"], settings["height"] = size
    return GenerateJob(**settings)


def _describe(draft: Draft, defaults: Defaults | None) -> Plan:
    source = _source(draft)
    names = {"length": "max_new_tokens", "sampling": "temperature", "answer_seed": "seed"}
    chosen = {
        names.get(spec.name, spec.name): read(spec.name, draft.text(spec.name), defaults)[0]
        for spec in fields_of("describe")
    }
    settings: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    question = draft.prompt.strip() or DEFAULT_QUESTION
    job = DescribeJob(source=source, prompt=question, turns=draft.turns, **settings)
    return Plan((job,), draft.source.id if draft.source else None)


def _source(draft: Draft) -> str:
    if draft.source is None:
        what = "change" if draft.mode == "edit" else "ask about"
        raise InputError(f"Choose a picture to {what} first: pick one, or open a file with Ctrl+O.")
    return str(draft.source.path)


# From a job back into the editor


def texts_of(job: Job) -> dict[str, str]:
    """What to type in each field to get a job's settings, its seed included."""
    if isinstance(job, DescribeJob):
        return {
            "length": _typed("length", job.max_new_tokens),
            "sampling": _typed("sampling", job.temperature),
            "answer_seed": _typed("answer_seed", job.seed),
            "vision": job.vision,
        }
    texts = {
        name: _typed(name, getattr(job, name))
        for name in (
            "count",
            "seed",
            "guidance",
            "iterations",
            "temperature",
            "quality",
            "schedule",
            "order",
            "head_steps",
        )
    }
    if isinstance(job, EditJob):
        texts["edit_size"] = _typed("edit_size", job.size)
    elif job.width and job.height:
        texts["size"] = f"{job.width}×{job.height}"
    return texts | {"wildcards": EVERY}


def _typed(name: str, value: object) -> str:
    spec: Field = field(name)
    if value is None or (spec.choices and value == spec.choices[0]):
        return spec.choices[0] if spec.choices else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def mode_of(job: Job) -> Mode:
    """The mode in which a job of this kind is asked for."""
    if isinstance(job, DescribeJob):
        return "describe"
    return "edit" if isinstance(job, EditJob) else "draw"
