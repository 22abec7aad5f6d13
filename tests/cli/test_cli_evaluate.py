"""``eval``: the layouts that the benchmarks' own tools read, on stand-in prompts of ours."""

import json
import os
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Cli, pixels, weights
from tests.fakes import gradient
from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.nano import score as scoring

GENEVAL: list[dict[str, Any]] = [
    {"tag": "single_object", "include": [{"class": "ring", "count": 1}], "prompt": "a ring"},
    # What would be settings in a batch are none here.
    {
        "tag": "two_object",
        "include": [{"class": "ring", "count": 1}, {"class": "star", "count": 1}],
        "prompt": "a ring and a star",
        "size": 0,
        "mode": "nonsense",
    },
]


def tree(folder: str) -> list[str]:
    found = [Path(base, name) for base, _, names in os.walk(folder) for name in names]
    return sorted(path.relative_to(folder).as_posix() for path in found)


@pytest.fixture
def sources(cli: Cli) -> str:
    """A folder of two pictures, 32×16 and 48×48."""
    Path("in/animal").mkdir(parents=True)
    gradient(32, 16, "a").save("in/animal/1.jpg")
    gradient(48, 48, "b").save("in/2.png")
    return "in"


@pytest.fixture
def geneval(cli: Cli) -> str:
    Path("evaluation_metadata.jsonl").write_text("".join(json.dumps(x) + "\n" for x in GENEVAL))
    return "evaluation_metadata.jsonl"


def test_geneval(cli: Cli, geneval: str) -> None:
    result = cli("eval", "geneval", "--prompts", geneval, "--output", "out", "--seed", "100")
    assert result.code == 0
    samples = [f"samples/{number:04d}.png" for number in range(4)]
    drawn = [str(Path(f"out/{folder}/{name}")) for folder in ("00000", "00001") for name in samples]
    printed = [str(Path(line).relative_to(Path.cwd())) for line in result.out.splitlines()]
    assert [path for path in printed if path in drawn] == drawn
    assert tree("out") == [
        f"{folder}/{name}"
        for folder in ("00000", "00001")
        for name in ("grid.png", "metadata.jsonl", *samples)
    ]
    assert [json.loads(Path(f"out/{n:05d}/metadata.jsonl").read_text()) for n in (0, 1)] == GENEVAL
    for number in range(4):
        expected = gradient(64, 64, f"a ring and a star {104 + number}").tobytes()
        assert pixels(f"out/00001/samples/{number:04d}.png") == expected
    with Image.open("out/00001/grid.png") as grid:
        assert grid.size == (128, 128)
        quarter = grid.crop((64, 0, 128, 64)).tobytes()
    assert quarter == pixels("out/00001/samples/0001.png")


def test_geneval_goes_on_after_a_crash(cli: Cli, geneval: str) -> None:
    command = ("eval", "geneval", "--prompts", geneval, "--output", "out")
    cli(*command)
    whole = {name: Path("out", name).read_bytes() for name in tree("out")}
    Path("out/00001/samples/0002.png").unlink()
    assert cli(*command).code == 0
    assert [job.prompt for job in cli.backend.jobs] == ["a ring and a star"]
    assert {name: Path("out", name).read_bytes() for name in tree("out")} == whole


def test_the_notes_lie_beside_the_results(cli: Cli, geneval: str) -> None:
    cli("eval", "geneval", "--prompts", geneval, "-o", "out/geneval")
    assert tree("out/geneval-notes") == [
        "00000.json",
        "00001.json",
        "contact-sheet.png",
        "manifest.json",
    ]
    manifest = json.loads(Path("out/geneval-notes/manifest.json").read_text())
    assert (manifest["done"], manifest["failed"]) == (2, 0)


def test_dpg(cli: Cli) -> None:
    Path("prompts").mkdir()
    Path("prompts/partiprompts97.txt").write_text("a ring\n")
    Path("prompts/COCOval12.txt").write_text("a star")
    Path("prompts/readme.md").write_text("not a prompt")
    result = cli("eval", "dpg", "--prompts", "prompts", "-o", "out", "--image_size", "32")
    assert result.code == 0
    assert tree("out") == ["COCOval12.png", "partiprompts97.png"]
    assert [job.prompt for job in cli.backend.jobs] == ["a star", "a ring"]
    with Image.open("out/partiprompts97.png") as image:
        assert image.size == (64, 64)
        last = image.crop((32, 32, 64, 64)).tobytes()
    assert last == gradient(32, 32, "a ring 7").tobytes()  # the second prompt's fourth picture


def gedit(**changes: Any) -> dict[str, Any]:
    return {
        "key": "0f38",
        "task_type": "background_change",
        "instruction": "make it night",
        "instruction_language": "en",
        "Intersection_exist": True,
        "input_image": "2.png",
        **changes,
    }


def test_gedit(cli: Cli, sources: str) -> None:
    entries = [gedit(), gedit(instruction_language="cn", instruction="夜晚")]
    Path("gedit.jsonl").write_text("".join(json.dumps(x) + "\n" for x in entries))
    command = ("eval", "gedit", "--prompts", "gedit.jsonl", "--sources", sources, "-o", "out")
    assert cli(*command).code == 0
    assert tree("out") == [
        f"fullset/background_change/{language}/0f38{end}.png"
        for language in ("cn", "en")
        for end in ("", "_SRCIMG")
    ]
    assert pixels("out/fullset/background_change/en/0f38_SRCIMG.png") == pixels("in/2.png")
    jobs = [job for job in cli.backend.jobs if isinstance(job, EditJob)]
    assert [(job.prompt, job.seed) for job in jobs] == [("make it night", 0), ("夜晚", 1)]
    assert all(job.source == str(Path("in/2.png").absolute()) for job in jobs)


def test_gedit_finds_sources_by_key(cli: Cli) -> None:
    Path("in/fullset/background_change/en").mkdir(parents=True)
    gradient(32, 32, "x").save("in/fullset/background_change/en/0f38_SRCIMG.png")
    Path("gedit.json").write_text(json.dumps([gedit(input_image=None)]))
    result = cli("eval", "gedit", "--prompts", "gedit.json", "--sources", "in", "-o", "out")
    assert result.code == 0
    assert len(tree("out")) == 2


def test_imgedit(cli: Cli, sources: str) -> None:
    entries = {
        "1082": {"id": "animal/1.jpg", "prompt": "make it smooth", "edit_type": "adjust"},
        "673": {"id": "2.png", "prompt": "as a woodcut", "edit_type": "style"},
    }
    Path("basic_edit.json").write_text(json.dumps(entries))
    command = ("eval", "imgedit", "--prompts", "basic_edit.json", "--sources", sources)
    assert cli(*command, "-o", "out").code == 0
    assert tree("out") == ["1082.png", "673.png"]
    with Image.open("out/1082.png") as image:
        assert image.size == (32, 16)
    assert [job.prompt for job in cli.backend.jobs] == ["make it smooth", "as a woodcut"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "../x"}, "name '../x' cannot be"),
        ({"task_type": ".."}, "name '..' cannot be"),
        ({"key": None}, "has no key"),
        ({"instruction": None}, "has no instruction"),
        ({"instruction_language": "e\x1bn"}, "cannot be"),
        ({"input_image": "../photo.png"}, "lies outside"),
        ({"input_image": "none.png"}, "none.png is not in the folder"),
        ({"key": "good"}, "has the same key"),
    ],
)
def test_a_bad_entry_is_one_bad_item(
    cli: Cli, photo: Path, sources: str, change: dict[str, Any], said: str
) -> None:
    Path("gedit.json").write_text(json.dumps([gedit(key="good"), gedit(**change)]))
    result = cli("eval", "gedit", "--prompts", "gedit.json", "--sources", sources, "-o", "out")
    assert result.code == 1
    assert "item 1: " in result.err and said in result.err
    assert len(tree("out")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval"], "Say what to do: eval geneval, dpg"),
        (["eval", "geneval", "--prompts", "none.jsonl", "-o", "out"], "no such file"),
        (["eval", "dpg", "--prompts", "none", "-o", "out"], "Cannot read"),
        (["eval", "dpg", "--prompts", "in", "-o", "out"], "no .txt files"),
        (["eval", "imgedit", "--prompts", "e.json", "--sources", "x", "-o", "o"], "not there"),
        (["eval", "imgedit", "--prompts", "e.json", "--sources", "in", "-o", "o"], "no array"),
        (["eval", "shapes", "-n", "0"], "not positive"),
        (["eval", "shapes", "--best-of", "0"], "use 1 to 64"),
    ],
)
def test_bad_calls_say_one_sentence(
    cli: Cli, sources: str, arguments: list[str], said: str
) -> None:
    Path("e.json").write_text("{}")
    assert said in cli.refuses(*arguments)


@pytest.mark.parametrize("json_wanted", [False, True])
def test_shapes_prints_the_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, json_wanted: bool
) -> None:
    asked: dict[str, Any] = {}

    def score(checkpoint: Path | None, seed: int, count: int, **rest: Any) -> scoring.Score:
        asked.update(checkpoint=checkpoint, seed=seed, count=count, **rest)
        rest["progress"]("Single")
        columns: tuple[str, ...] = scoring.COLUMNS
        rates = {kind: scoring.Rate(right, 5) for right, kind in enumerate(columns)}
        return scoring.Score(draw=rates)

    monkeypatch.setattr(scoring, "score_checkpoint", score)
    options = ["--json"] if json_wanted else []
    options += ["--best-of", "4"]
    result = cli(
        "eval", "shapes", "--seed", "3", "-n", "12", "--checkpoint", str(weights("ck")), *options
    )
    assert result.code == 0
    assert asked["best_of"] == 4
    assert (asked["checkpoint"], asked["seed"], asked["count"]) == (Path("ck").absolute(), 3, 12)
    if json_wanted:
        (printed,) = result.events
    else:
        rows = [line.rsplit(maxsplit=1) for line in result.lines]
        printed = {name: float(value) for name, value in rows}
    assert printed["Attribute"] == 1.0
    assert {"Single", "Two", "Count", "Colour", "Position", "Overall"} <= set(printed)


def test_a_part_of_a_benchmark_has_the_pictures_of_the_whole(cli: Cli, geneval: str) -> None:
    command = ("eval", "geneval", "--prompts", geneval, "--seed", "100")
    cli(*command, "-o", "whole")
    assert cli(*command, "-o", "part", "--num-samples", "2", "--limit", "1").code == 0
    assert tree("part") == [
        "00000/metadata.jsonl",
        "00000/samples/0000.png",
        "00000/samples/0001.png",
    ]
    for name in tree("part"):
        assert Path("part", name).read_bytes() == Path("whole", name).read_bytes()
    cli(*command, "-o", "one", "--num-samples", "1")
    assert pixels("one/00001/samples/0000.png") == pixels("whole/00001/samples/0000.png")


def test_the_best_of_more_are_the_samples(cli: Cli, geneval: str) -> None:
    cli("eval", "geneval", "--prompts", geneval, "-o", "out", "--best-of", "6", "--limit", "1")
    assert [job.count for job in cli.backend.jobs if isinstance(job, GenerateJob)] == [6]
    record = json.loads(Path("out-notes/00000.json").read_text())["unipic"]
    assert len(record["marks"]) == 6 and len(record["jobs"]) == 4
    assert len(list(Path("out/00000/samples").iterdir())) == 4


@pytest.mark.parametrize("lacks", ["tag", "include"])
def test_lines_that_cannot_be_scored_are_refused(cli: Cli, lacks: str) -> None:
    lines = [GENEVAL[0], {**GENEVAL[1]}, {**GENEVAL[1]}]
    del lines[1][lacks], lines[2][lacks]
    Path("m.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    command = ("eval", "geneval", "--prompts", "m.jsonl", "-o", "out")
    assert "Items 1, 2 have no tag or no include" in cli.refuses(*command)
    assert cli(*command, "--limit", "1").code == 0


def test_a_size_that_dpg_cuts_wrongly_is_refused(cli: Cli) -> None:
    Path("prompts").mkdir()
    Path("prompts/a.txt").write_text("a ring")
    command = ("eval", "dpg", "--prompts", "prompts", "-o", "out")
    assert "64×32 is none" in cli.refuses(*command, "--size", "64x32")
    assert "a grid of 4, not 3" in cli.refuses(*command, "--num-samples", "3")
    assert "limit 0" in cli.refuses(*command, "--limit", "0")
    assert cli(*command, "--num-samples", "1", "--size", "32").code == 0
    with Image.open("out/a.png") as image:
        assert image.size == (32, 32)


def test_the_scorers_command_is_printed(cli: Cli, geneval: str, sources: str) -> None:
    said = cli("eval", "geneval", "--prompts", geneval, "-o", "my pictures").err
    place = Path("my pictures").absolute()
    assert f"  python evaluation/evaluate_images.py '{place}' --outfile '{place}-notes/" in said
    Path("prompts").mkdir()
    Path("prompts/a.txt").write_text("a ring")
    said = cli("eval", "dpg", "--prompts", "prompts", "-o", "dpg", "--size", "48").err
    assert "--resolution 48 --pic-num 4 " in said
    Path("gedit.json").write_text(json.dumps([gedit()]))
    options = ("--prompts", "gedit.json", "--sources", sources)
    scoring_event = cli("eval", "gedit", *options, "-o", "a/model", "--json").event("scoring")
    assert f"--edited_images_dir {Path('a').absolute()}" in scoring_event["commands"][0]
    assert "--model_name model " in scoring_event["commands"][0]
    assert "To score it" not in cli("eval", "gedit", *options, "-o", "a/model", "--quiet").err


def test_imgedits_scorer_is_given_what_was_drawn(cli: Cli, sources: str) -> None:
    entry = {"id": "2.png", "prompt": "as a woodcut", "edit_type": "style"}
    Path("basic_edit.json").write_text(json.dumps({"1": entry, "2": entry}))
    command = ("eval", "imgedit", "--prompts", "basic_edit.json", "--sources", sources)
    said = cli(*command, "-o", "out", "--limit", "1").err
    edits = Path("out-notes/basic_edit.json").absolute()
    assert f"--edit_json {edits} --origin_img_root {Path('in').absolute()}" in said
    assert json.loads(edits.read_text()) == {"1": {"key": "1", **entry}}
    cli.backends.clear()
    Path("basic_edit.json").write_text(json.dumps({"1": {"id": "2.png", "prompt": "x"}}))
    assert "Item 0 has no edit_type" in cli.refuses(*command, "-o", "new", "--quiet")


def test_missing_sources_are_summed_up(cli: Cli, sources: str) -> None:
    entries = [gedit(key=str(n), input_image=f"{n}.png") for n in range(5)]
    Path("gedit.json").write_text(json.dumps(entries))
    result = cli("eval", "gedit", "--prompts", "gedit.json", "--sources", sources, "-o", "out")
    assert result.code == 1
    assert result.err.count("is not in the folder") == 1
    assert "4 of 5 sources are missing, the first one being that of item 0." in result.err
    manifest = json.loads(Path("out-notes/manifest.json").read_text())
    assert sum("error" in item for item in manifest["items"]) == 4


def test_gedit_reads_a_folder_as_its_help_says_to_make_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = cli("eval", "gedit", "--help").out
    lines = shown[shown.index("  import datasets") :].splitlines()[:5]

    def load_dataset(name: str, split: str) -> list[dict[str, Any]]:
        assert (name, split) == ("stepfun-ai/GEdit-Bench", "train")
        pictures = {"input_image": gradient(16, 16, "s"), "input_image_raw": gradient(64, 32, "r")}
        return [
            {**gedit(key="k0"), **pictures},
            {**gedit(key="k1", instruction="夜晚", instruction_language="cn"), **pictures},
        ]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    exec(textwrap.dedent("\n".join(lines)) + "\nlines.close()", {})
    command = ("eval", "gedit", "--prompts", "gedit", "--fit", "square", "--size", "48")
    assert cli(*command, "-o", "out").code == 0
    jobs = [job for job in cli.backend.jobs if isinstance(job, EditJob)]
    assert [(job.prompt, job.fit, job.size) for job in jobs] == [
        ("make it night", "square", 48),
        ("夜晚", "square", 48),
    ]
    with Image.open("out/fullset/background_change/cn/k1_SRCIMG.png") as source:
        assert source.size == (64, 32)
    with Image.open("out/fullset/background_change/cn/k1.png") as image:
        assert image.size == (48, 48)
    Path("bare").mkdir()
    cli.backends.clear()
    assert "holds no metadata.jsonl" in cli.refuses(
        "eval", "gedit", "--prompts", "bare", "-o", "x", "--quiet"
    )
