"""From entries to jobs."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from unipic_tui.batch.items import Item
from unipic_tui.batch.tasks import Common, Task, make_task
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.job_parts import Region
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob
from unipic_tui.model.config import PRESETS, UniPicConfig

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


def test_settings_go_by_the_names_that_flags_have() -> None:
    said = {"prompt": "a", "Head-Steps": "5", "cfg": 2, "Num-Iter": 4, "cfg_schedule": "linear"}
    assert task(said).job == GenerateJob(
        prompt="a", head_steps=5, guidance=2, iterations=4, schedule="linear"
    )
    own = task({"prompt": "a", "head_steps": 7, "steps": 5, "cfg": None}, given={"guidance": 3.0})
    assert own.job == GenerateJob(prompt="a", head_steps=7, iterations=5, guidance=3.0)
    recipe = task({"prompt": "a", "steps": "Beat the eggs.", "temp": ["low"], "id": 3})
    assert recipe.job == GenerateJob(prompt="a")
    assert recipe.carried["steps"] == "Beat the eggs."


def test_two_names_of_a_setting_must_agree() -> None:
    with pytest.raises(InputError, match="guidance and cfg are two names of one setting"):
        task({"prompt": "a", "guidance": "2", "cfg": 3})
    assert task({"prompt": "a", "guidance": "2", "cfg": 2.0}).job.guidance == 2  # type: ignore[attr-defined]


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


def test_tables_say_numbers_as_text() -> None:
    job = task({"prompt": "a", "seed": "5", "guidance": "2.5", "iterations": "9.0"}).job
    assert job == GenerateJob(prompt="a", seed=5, guidance=2.5, iterations=9)
    assert task({"prompt": "a", "seed": 5.0}).job.seed == 5
    assert task({"prompt": "a", "seed": "18446744073709551615"}).job.seed == 2**64 - 1


@pytest.mark.parametrize("seed", [-1, "-1", "random"])
def test_a_seed_may_be_left_to_chance(seed: int | str) -> None:
    made = [task({"prompt": "a", "seed": seed}) for _ in range(3)]
    assert all(each.random for each in made)
    assert len({each.job.seed for each in made}) > 1
    assert task({"prompt": "a"}, seed=-1).random
    assert not task({"prompt": "a", "seed": 3}, seed=-1).random


def test_a_caption_says_what_to_draw_but_asks_nothing() -> None:
    assert task({"caption": "a ring", "text": "a star"}).job.prompt == "a ring"
    asked = task({"caption": "a ring", "mode": "describe", "source": "/a.png"}).job
    assert asked == DescribeJob(source="/a.png")


def test_the_checkpoint_has_a_template_for_many() -> None:
    published = dataclasses.replace(DEFAULTS, batch_template="sentence")
    made = make_task(Item(0, {"prompt": "a ring"}), Common(folder=FOLDER), published).job
    assert isinstance(made, GenerateJob) and made.instruction == "Generate an image: a ring."
    own = make_task(
        Item(0, {"prompt": "a ring", "template": "plain"}), Common(folder=FOLDER), published
    ).job
    assert isinstance(own, GenerateJob) and own.instruction == "Generate an image: a ring"
    assert {name: preset.defaults.batch_template for name, preset in PRESETS.items()} == (
        dict.fromkeys(PRESETS, "sentence")
    )


def test_presets_that_were_converted_before_templates_have_theirs() -> None:
    config = PRESETS["harmon-0.5b"].to_dict()
    del config["defaults"]["batch_template"]
    assert UniPicConfig.from_dict(config) == PRESETS["harmon-0.5b"]
    assert Defaults().batch_template == "plain"
