"""From entries to jobs."""

from pathlib import Path
from typing import Any

import pytest

from unipic_tui.batch.items import Item
from unipic_tui.batch.tasks import Common, Task, make_task
from unipic_tui.errors import InputError
from unipic_tui.jobs import Defaults, DescribeJob, EditJob, GenerateJob, Region

FOLDER = Path("/data/prompts")
DEFAULTS = Defaults(width=512, height=512)


def task(fields: dict[str, Any], **common: Any) -> Task:
    index = common.pop("index", 0)
    return make_task(Item(index, fields), Common(folder=FOLDER, **common), DEFAULTS)


def test_names_are_those_of_the_published_script() -> None:
    made = task({"prompt": "a cat"}, index=123)
    assert made.record == "00000123.json"
    assert [file.path for file in made.files] == ["00000123.jpg"]
    assert task({"prompt": "a"}, format="png").files[0].path == "00000000.png"


def test_each_item_has_its_own_seed() -> None:
    assert task({"prompt": "a"}, index=5, seed=100).job.seed == 105
    assert task({"prompt": "a", "seed": 7}, index=5, seed=100).job.seed == 7


def test_an_item_overrides_what_is_common() -> None:
    common: dict[str, Any] = {"size": "256", "given": {"guidance": 2.0, "iterations": 9}}
    plain = task({"prompt": "a", "guidance": None}, **common).job
    assert plain == GenerateJob(prompt="a", width=256, height=256, guidance=2.0, iterations=9)
    own = task({"prompt": "a", "guidance": 5, "size": "512x256"}, **common).job
    assert own == GenerateJob(prompt="a", width=512, height=256, guidance=5, iterations=9)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (None, None)),
        ({"size": 64}, (64, 64)),
        ({"size": "1:4"}, (256, 1024)),
        ({"width": 128}, (128, 128)),
        ({"height": 64, "width": 32}, (32, 64)),
    ],
)
def test_sizes(fields: dict[str, Any], size: tuple[int | None, int | None]) -> None:
    job = task({"prompt": "a", **fields}).job
    assert isinstance(job, GenerateJob)
    assert (job.width, job.height) == size


def test_a_source_makes_an_edit_and_is_found_beside_the_prompts() -> None:
    job = task({"prompt": "make it red", "source": "in/a.png"}).job
    assert job == EditJob(prompt="make it red", source="/data/prompts/in/a.png")
    job = task({"prompt": "a", "image": "/b.png", "size": 64}).job
    assert job == EditJob(prompt="a", source="/b.png", size=64)


def test_a_region_is_drawn_anew() -> None:
    job = task({"prompt": "a", "source": "/a.png", "region": "1,2,3,4"}, size="256").job
    assert job == GenerateJob(prompt="a", source="/a.png", region=Region(1, 2, 3, 4))


def test_a_description_writes_no_picture() -> None:
    made = task({"mode": "describe", "source": "/a.png", "max_new_tokens": 5})
    assert made.job == DescribeJob(source="/a.png", max_new_tokens=5)
    assert made.files == ()
    assert isinstance(task({"source": "/a.png"}, mode="describe").job, DescribeJob)


def test_a_grid_draws_all_its_pictures_in_one_job() -> None:
    made = task({"prompt": "a"}, grid=3)
    assert isinstance(made.job, GenerateJob) and made.job.count == 9
    assert made.files[0].grid == 3
    assert task({"prompt": "a", "grid_size": 2}, grid=3).files[0].grid == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "has no prompt"),
        ({"prompt": " "}, "prompt is empty"),
        ({"prompt": 5}, "prompt is not a text"),
        ({"prompt": "a", "seed": "x"}, "seed is not a whole number"),
        ({"prompt": "a", "seed": True}, "seed is not a whole number"),
        ({"prompt": "a", "seed": -2}, "seed -2 is out of range"),
        ({"prompt": "a", "guidance": "x"}, "guidance is not a number"),
        ({"prompt": "a", "mode": "paint"}, "mode 'paint' is unknown"),
        ({"prompt": "a", "mode": "edit"}, "has no source"),
        ({"prompt": "a", "mode": "describe"}, "has no source"),
        ({"prompt": "a", "size": 0}, "not positive"),
        ({"prompt": "a", "grid_size": 9}, "grid size 9 is out of range"),
        ({"prompt": "a", "grid_size": 0}, "grid size 0 is out of range"),
        ({"prompt": "a", "source": "b.png", "size": "3:2"}, "not a whole number"),
        ({"prompt": "a", "region": "0,0,1,1"}, "A region needs a source"),
    ],
)
def test_bad_items_are_refused_with_a_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        task(fields)
    assert said in error.value.message
