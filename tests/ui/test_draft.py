"""From the prompt editor to jobs and back."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.job_parts import Region, Turn
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob, Job, Quality
from unipic_tui.library.records import StoredPicture
from unipic_tui.ui.draft import Draft, outlook, plan_jobs, texts_of

DEFAULTS = Defaults(width=64, height=64)
PICTURE = StoredPicture(
    id=5,
    entry=3,
    session=1,
    index=0,
    path=Path("/somewhere/0005-a-star.png"),
    width=64,
    height=48,
    job=GenerateJob(prompt="a star", seed=9),
    model="nano",
    created=datetime.now(UTC),
    favourite=False,
    tags=(),
    note="",
)


def jobs(draft: Draft, seed: int = 0) -> tuple[Job, ...]:
    return plan_jobs(draft, DEFAULTS, random.Random(seed)).jobs


def test_a_plain_prompt_is_one_job_with_a_random_seed() -> None:
    (first,) = jobs(Draft("generate", "a circle"))
    assert isinstance(first, GenerateJob)
    assert (first.prompt, first.width, first.guidance, first.count) == ("a circle", None, None, 1)
    (second,) = jobs(Draft("generate", "a circle"), seed=1)
    assert isinstance(second, GenerateJob)
    assert first.seed != second.seed


def test_fields_become_settings() -> None:
    texts = {"size": "3:2", "count": "2", "seed": "4", "guidance": "2", "quality": "fast"}
    texts |= {"iterations": "5", "temperature": "0.5", "schedule": "linear", "head_steps": "7"}
    texts |= {"order": "spread"}
    (job,) = jobs(Draft("generate", "a circle", texts))
    assert job == GenerateJob(
        prompt="a circle",
        width=80,
        height=48,
        count=2,
        seed=4,
        guidance=2.0,
        quality="fast",
        iterations=5,
        temperature=0.5,
        schedule="linear",
        order="spread",
        head_steps=7,
    )


@pytest.mark.parametrize(
    ("mode", "texts", "prompt"),
    [
        ("generate", {"size": "500x300"}, "a circle"),
        ("generate", {}, "a circle size=500"),
        ("edit", {"edit_size": "500"}, "bigger"),
    ],
)
def test_a_rounded_size_is_said(mode: str, texts: dict[str, str], prompt: str) -> None:
    draft = Draft(mode, prompt, texts, source=PICTURE)
    (note,) = plan_jobs(draft, DEFAULTS, random.Random(0)).notes
    assert "is used instead" in note
    assert outlook(draft, DEFAULTS) == note
    assert not plan_jobs(Draft("generate", "a", {"size": "512"}), DEFAULTS, random.Random(0)).notes


def test_sweeps_and_wildcards_multiply_and_share_one_random_seed() -> None:
    draft = Draft("generate", "a {red|blue} star", {"guidance": "2,3"})
    made = jobs(draft)
    assert [(job.prompt, job.guidance) for job in made if isinstance(job, GenerateJob)] == [
        ("a red star", 2.0),
        ("a red star", 3.0),
        ("a blue star", 2.0),
        ("a blue star", 3.0),
    ]
    assert len({job.seed for job in made}) == 1
    assert outlook(draft, DEFAULTS) == "4 pictures in 4 jobs"


def test_a_random_wildcard_makes_one_job() -> None:
    draft = Draft("generate", "a {red|blue} star", {"wildcards": "one"})
    prompts = {jobs(draft, seed)[0].prompt for seed in range(30)}
    assert prompts == {"a red star", "a blue star"}


def test_settings_in_the_prompt_go_before_the_fields() -> None:
    made = jobs(Draft("generate", "a star seed=1..3 cfg=2", {"guidance": "9", "seed": "77"}))
    assert [job.seed for job in made] == [1, 2, 3]
    assert {job.prompt for job in made} == {"a star"}
    assert {job.guidance for job in made if isinstance(job, GenerateJob)} == {2.0}


def test_an_edit_keeps_its_source_and_hangs_under_it() -> None:
    planned = plan_jobs(
        Draft("edit", "make it red size=128", {"seed": "1", "size": "999x1"}, source=PICTURE),
        DEFAULTS,
        random.Random(0),
    )
    assert planned.jobs == (
        EditJob(prompt="make it red", source=str(PICTURE.path), seed=1, size=128),
    )
    assert planned.parent == PICTURE.id


def test_a_region_of_the_source_is_drawn_anew() -> None:
    draft = Draft(
        "generate",
        "a ring",
        {"seed": "1", "size": "512"},
        source=PICTURE,
        region=Region(1, 0, 2, 2),
    )
    planned = plan_jobs(draft, DEFAULTS, random.Random(0))
    assert planned.jobs == (
        GenerateJob(prompt="a ring", seed=1, source=str(PICTURE.path), region=draft.region),
    )
    assert planned.parent == PICTURE.id


def test_a_source_that_is_not_used_leaves_the_drawing_alone() -> None:
    planned = plan_jobs(Draft("generate", "a ring", source=PICTURE), DEFAULTS, random.Random(0))
    assert planned.parent is None
    (job,) = planned.jobs
    assert isinstance(job, GenerateJob)
    assert job.source is None


def test_describing_goes_on_with_the_conversation() -> None:
    turns = (Turn("What is it?", "A star."),)
    draft = Draft(
        "describe", "Which colour?", {"max_new_tokens": "20"}, source=PICTURE, turns=turns
    )
    assert jobs(draft) == (
        DescribeJob(
            source=str(PICTURE.path), prompt="Which colour?", turns=turns, max_new_tokens=20
        ),
    )
    assert jobs(dataclasses.replace(draft, prompt=" "))[0].prompt == "Describe the image in detail."


@pytest.mark.parametrize(
    ("draft", "part"),
    [
        (Draft("generate", " "), "prompt is empty"),
        (Draft("generate", "seed=1"), "prompt is empty"),
        (Draft("edit", "make it red"), "Choose a picture to change"),
        (Draft("describe"), "Choose a picture to ask about"),
        (Draft("generate", "a star", {"count": "900"}), "1 to 64"),
        (Draft("generate", "a {1|2|3} star", {"seed": "1..200"}), "600 jobs"),
        (Draft("edit", "", source=PICTURE), "prompt is empty"),
    ],
)
def test_what_cannot_be_run_says_why(draft: Draft, part: str) -> None:
    with pytest.raises(InputError, match=part):
        jobs(draft)
    assert outlook(draft, DEFAULTS) == ""


@pytest.mark.parametrize(
    "job",
    [
        GenerateJob(
            prompt="a star",
            width=80,
            height=48,
            seed=9,
            guidance=2.5,
            iterations=7,
            temperature=0.5,
            head_steps=3,
            quality="exact",
            schedule="linear",
            order="random",
        ),
        EditJob(prompt="bigger", source=str(PICTURE.path), seed=3, size=128),
        DescribeJob(
            source=str(PICTURE.path), max_new_tokens=7, temperature=0.5, seed=2, vision="siglip2"
        ),
    ],
)
def test_recalling_a_job_makes_it_again(job: Job) -> None:
    draft = Draft(job.mode, job.prompt, texts_of(job, DEFAULTS), source=PICTURE)
    assert jobs(draft) == (job,)


@pytest.mark.parametrize(
    ("quality", "steps", "recalled"),
    [
        ("balanced", 10, None),
        ("balanced", 5, 5),
        ("balanced", 20, 20),
        ("exact", 100, None),
        ("exact", 20, 20),
    ],
)
def test_head_steps_that_the_quality_chose_are_left_to_the_next(
    quality: Quality, steps: int, recalled: int | None
) -> None:
    job = DEFAULTS.fill(
        GenerateJob(prompt="a", head_steps=None if recalled is None else steps, quality=quality)
    )
    assert job.head_steps == steps
    (again,) = jobs(Draft("generate", "a", texts_of(job, DEFAULTS)))
    assert isinstance(again, GenerateJob)
    assert again.head_steps == recalled


def test_a_prompt_may_name_settings_that_have_one_value() -> None:
    (job,) = jobs(Draft("generate", "a blue square count=4 quality=exact sky=blue"))
    assert isinstance(job, GenerateJob)
    assert (job.prompt, job.count, job.quality) == ("a blue square sky=blue", 4, "exact")
    with pytest.raises(InputError, match="Count is a whole number"):
        jobs(Draft("generate", "a blue square count=1..4"))
