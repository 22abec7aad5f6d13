"""Jobs check themselves, and come back from their dicts or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from unipic_tui.errors import InputError
from unipic_tui.job_json import job_from_dict, job_to_dict
from unipic_tui.job_parts import Region, Turn
from unipic_tui.jobs import MAX_SEED, DescribeJob, EditJob, GenerateJob, Job

JOBS: list[Job] = [
    GenerateJob(prompt="a circle"),
    GenerateJob(
        prompt="赤い丸\nand more",
        count=3,
        seed=MAX_SEED - 2,
        guidance=2,
        schedule="linear",
        iterations=4,
        order="spread",
        temperature=0.5,
        head_steps=7,
        unconditional="nothing",
        quality="exact",
        width=64,
        height=48,
    ),
    GenerateJob(prompt="x", source="/a.png", region=Region(0, 1, 2, 3)),
    EditJob(prompt="bluer", source="/a.png", size=512),
    DescribeJob(source="/a.png", prompt="and?", turns=(Turn("what?", "a cat"),), temperature=1.5),
]


@pytest.mark.parametrize("job", JOBS)
def test_there_and_back(job: Job) -> None:
    assert job_from_dict(json.loads(json.dumps(job_to_dict(job)))) == job


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"head_steps": "5"}, "number of head steps is a number, not '5'"),
        ({"head_steps": 5.5}, "number of head steps is a whole number, not 5.5"),
        ({"guidance": True}, "guidance is a number, not True"),
    ],
)
def test_python_may_give_what_is_no_number(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        GenerateJob(prompt="a", **change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prompt": 5}, "prompt is of the wrong type, int"),
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": "\ud800"}, "not UTF-8"),
        ({"count": 1.5}, "count is of the wrong type, float"),
        ({"count": True}, "count is of the wrong type, bool"),
        ({"count": 0}, "count 0 is out of range: use 1 to 64"),
        ({"count": "3"}, "count is of the wrong type, str"),
        ({"seed": -1}, "seed -1 is out of range"),
        ({"seed": 10**400}, "seed given is out of range"),
        ({"seed": MAX_SEED, "count": 2}, "seed .* is out of range"),
        ({"guidance": -0.1}, "guidance -0.1 is out of range: use 0 to 100"),
        ({"guidance": math.nan}, "guidance nan is out of range"),
        ({"guidance": math.inf}, "guidance inf is out of range"),
        ({"guidance": 10**400}, "guidance given is out of range"),
        ({"schedule": "cosine"}, "schedule 'cosine' is unknown"),
        ({"schedule": 1}, "schedule is of the wrong type"),
        ({"order": "raster"}, "order 'raster' is unknown: use one of random, spread"),
        ({"order": 1}, "order is of the wrong type, int"),
        ({"unconditional": ""}, "unconditional prompt is empty"),
        ({"width": 100}, "width 100 is not a multiple of 16"),
        ({"height": 0}, "height 0 is out of range"),
        ({"region": {"x": 0, "y": 0, "width": 1, "height": 1}}, "A region needs a source"),
        ({"source": "/a"}, "a source image needs a region"),
        ({"source": 3}, "source is of the wrong type"),
        ({"region": {"x": 1.5, "y": 0, "width": 1, "height": 1}}, "x is of the wrong type"),
        ({"region": [1, 2]}, "does not fit this version"),
        ({"mode": "sing"}, "names no known mode"),
        ({"mode": []}, "names no known mode"),
        ({"novelty": 1}, "unknown field 'novelty'"),
        ({"mode": "edit"}, "lacks the field 'source'"),
        (
            {"mode": "describe", "source": "/a", "turns": [{"question": 1, "answer": ""}]},
            "question",
        ),
        ({"mode": "describe", "source": "/a", "turns": [3]}, "does not fit this version"),
        ({"mode": "describe", "source": "/a", "turns": 3}, "does not fit this version"),
    ],
)
def test_strangers_dicts_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        job_from_dict({"mode": "generate", "prompt": "x", **change})


@pytest.mark.parametrize(
    ("text", "region"), [("0,0,1,1", (0, 0, 1, 1)), (" 1, 2,3 ,4", (1, 2, 3, 4))]
)
def test_regions(text: str, region: tuple[int, int, int, int]) -> None:
    assert Region.parse(text) == Region(*region)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,0", "-1,0,1,1"])
def test_no_regions(text: str) -> None:
    with pytest.raises(InputError, match="x,y,width,height"):
        Region.parse(text)
