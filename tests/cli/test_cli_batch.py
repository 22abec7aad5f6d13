"""``batch`` in one process."""

import json
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Cli, pixels
from tests.fakes import FakeBackend, gradient
from unipic_tui.cli.batch_run import Pace
from unipic_tui.errors import StorageError
from unipic_tui.events import Backend, Event, Progress
from unipic_tui.files import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, write_atomic
from unipic_tui.jobs import Job
from unipic_tui.library.provenance import read_metadata

PROMPTS = [{"prompt": "a cat", "id": "first"}, {"prompt": "a dog"}, {"prompt": "a fox"}]


@pytest.fixture
def prompts(cli: Cli) -> str:
    Path("p.json").write_text(json.dumps(PROMPTS))
    return "p.json"


def content(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


class Dying(FakeBackend):
    """Is killed, as it were, in the middle of its third job."""

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        if len(self.jobs) == 2:
            self.fail = "crash"
        yield from super().run(job, resume)


def dying(backend: FakeBackend) -> Backend:
    return Dying(backend.options)


def test_pictures_and_records_are_named_as_published(cli: Cli, prompts: str) -> None:
    result = cli("batch", prompts, "-o", "out", "--seed", "10")
    assert result.code == 0
    assert [Path(line).name for line in result.lines] == [f"{n:08d}.jpg" for n in range(3)]
    names = sorted(f"{n:08d}.{end}" for n in range(3) for end in ("jpg", "json"))
    assert sorted(content("out")) == [*names, "contact-sheet.png", "manifest.json"]
    record = read("out/00000000.json")
    assert record["prompt"] == "a cat" and record["id"] == "first"
    assert [job.seed for job in cli.backend.jobs] == [10, 11, 12]
    with Image.open("out/00000001.jpg") as image:
        assert image.format == "JPEG"
    metadata = read_metadata("out/00000001.jpg")
    assert metadata is not None and metadata.job is not None
    assert (metadata.job.prompt, metadata.job.seed) == ("a dog", 11)


def test_the_manifest_lists_everything(cli: Cli) -> None:
    Path("p.jsonl").write_text('{"prompt": "a cat"}\nnonsense\n{"prompt": "a fox", "seed": 4}\n')
    result = cli("batch", "p.jsonl", "-o", "out")
    assert result.code == 1
    assert "item 1: Its line is not readable JSON" in result.err
    assert "1 of 3 could not be done" in result.err
    manifest = read("out/manifest.json")
    assert (manifest["done"], manifest["failed"], manifest["model"]) == (2, 1, "fake")
    assert [item["index"] for item in manifest["items"]] == [0, 1, 2]
    assert "not readable" in manifest["items"][1]["error"]
    assert manifest["items"][2]["files"] == ["00000002.jpg"]
    assert manifest["items"][2]["seed"] == 4


def test_what_is_done_is_skipped(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "out")
    before = content("out")
    result = cli("batch", prompts, "-o", "out")
    assert (result.code, result.out) == (0, "")
    assert "3 of 3 were done already" in result.err
    assert cli.backend.jobs == []
    assert content("out") == before


def test_a_crash_goes_on_to_the_same_result(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "whole", "--format", "png")
    cli.wrap = dying
    with pytest.raises(RuntimeError):
        cli("batch", prompts, "-o", "out", "--format", "png")
    assert sorted(content("out")) == [f"{n:08d}.{end}" for n in (0, 1) for end in ("json", "png")]
    cli.wrap = None
    assert cli("batch", prompts, "-o", "out", "--format", "png").code == 0
    assert [job.prompt for job in cli.backend.jobs] == ["a fox"]
    assert content("out") == content("whole")


@pytest.mark.parametrize("harm", ["missing", "cut"])
def test_a_picture_that_is_not_whole_is_made_again(cli: Cli, prompts: str, harm: str) -> None:
    cli("batch", prompts, "-o", "out")
    before = content("out")
    picture = Path("out/00000001.jpg")
    if harm == "missing":
        picture.unlink()
    else:
        picture.write_bytes(picture.read_bytes()[:-100])
    leftover = Path(f"out/{TEMPORARY_PREFIX}0{TEMPORARY_SUFFIX}")
    leftover.write_bytes(b"half a pic")
    assert cli("batch", prompts, "-o", "out").code == 0
    assert [job.prompt for job in cli.backend.jobs] == ["a dog"]
    assert content("out") == before


@pytest.mark.parametrize("change", [["--seed", "5"], ["--cfg", "9"], ["--format", "png"]])
def test_results_of_another_job_are_not_overwritten(
    cli: Cli, prompts: str, change: list[str]
) -> None:
    cli("batch", prompts, "-o", "out")
    before = content("out")
    cli.backends.clear()
    said = cli.refuses("batch", prompts, "-o", "out", "--quiet", *change)
    assert "00000000.json and 2 more" in said and "--force" in said
    assert content("out") == before
    assert cli("batch", prompts, "-o", "out", "--force", *change).code == 0
    assert len(cli.backend.jobs) == 3


def test_other_weights_of_the_same_name_are_another_model(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "out")
    cli.backends.clear()
    cli.wrap = lambda backend: FakeBackend(backend.options, weights="0ther")
    said = cli.refuses("batch", prompts, "-o", "out", "--quiet")
    assert "another prompt, source or model" in said


def test_a_source_that_changed_is_noticed_and_one_that_went_is_not_needed(cli: Cli) -> None:
    gradient(32, 16, "x").save("a.png")
    Path("p.json").write_text(json.dumps([{"prompt": "redder", "source": "a.png"}]))
    assert cli("batch", "p.json", "-o", "out").code == 0
    gradient(32, 16, "y").save("a.png")
    cli.backends.clear()
    assert "--force" in cli.refuses("batch", "p.json", "-o", "out", "--quiet")
    Path("a.png").unlink()
    assert "1 of 1 were done already" in cli("batch", "p.json", "-o", "out").err


@pytest.mark.parametrize("name", ["00000002.jpg", "00000002.json"])
def test_files_of_others_are_not_overwritten(cli: Cli, prompts: str, name: str) -> None:
    Path("out").mkdir()
    Path("out", name).write_bytes(b"{}")
    assert "00000002.json in" in cli.refuses("batch", prompts, "-o", "out", "--quiet")


def test_one_bad_item_does_not_stop_the_rest(cli: Cli) -> None:
    gradient(32, 16, "x").save("a.png")
    items = [
        {"prompt": "redder", "source": "a.png"},
        {"prompt": "redder", "source": "none.png"},
        {"mode": "describe", "source": "a.png"},
        {"prompt": "a cat"},
    ]
    Path("p.json").write_text(json.dumps(items))
    result = cli("batch", "p.json", "-o", "out")
    assert result.code == 1
    assert "item 1: Cannot read the image none.png" in result.err
    assert not Path("out/00000001.json").exists()
    answer = read("out/00000002.json")["unipic"]["answer"]
    assert answer.startswith("A picture of 32 by 16 pixels")
    assert f"2: {answer}" in result.lines
    manifest = read("out/manifest.json")
    assert manifest["items"][2]["answer"] == answer
    assert [item["mode"] for item in manifest["items"] if "mode" in item] == [
        "edit",
        "describe",
        "generate",
    ]
    with Image.open("out/00000000.jpg") as image:
        assert image.size == (32, 16)


def test_a_failing_job_is_reported_and_tried_again(cli: Cli, prompts: str) -> None:
    cli.fail = "job"
    result = cli("batch", prompts, "-o", "out")
    assert result.code == 1
    assert result.err.count("Out of memory") == 3
    assert sorted(content("out")) == ["manifest.json"]
    cli.fail = None
    assert cli("batch", prompts, "-o", "out").code == 0
    assert read("out/manifest.json")["failed"] == 0


def test_a_grid_holds_the_pictures_of_one_prompt(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "out", "--grid_size", "2", "--format", "png", "--image_size", "32")
    with Image.open("out/00000001.png") as image:
        assert image.size == (64, 64)
        corner = image.crop((32, 32, 64, 64)).tobytes()
    assert corner == gradient(32, 32, "a dog 4").tobytes()  # seed 1, picture 3
    metadata = read_metadata("out/00000001.png")
    assert metadata is not None and metadata.grid == 2 and metadata.job is not None
    assert (metadata.job.seed, metadata.job.count) == (1, 4)
    cli("replay", "out/00000001.png", "-o", "again.png")
    assert pixels("again.png") == pixels("out/00000001.png")


def test_json_tells_every_item(cli: Cli) -> None:
    Path("p.json").write_text('["a cat", {}]')
    result = cli("batch", "p.json", "-o", "out", "--json")
    done, bad = sorted(
        (event for event in result.events if event["event"] == "item"), key=lambda e: e["index"]
    )
    assert done["files"] == [str(Path("out/00000000.jpg").absolute())]
    assert "has no prompt" in bad["error"]
    finished = result.event("finished")
    assert (finished["done"], finished["failed"]) == (1, 1)
    assert Path(finished["manifest"]).is_file()


def test_extras_can_be_left_out(cli: Cli, prompts: str) -> None:
    result = cli("batch", prompts, "-o", "a/b", "--no-sheet", "--no-metadata", "--batch_size", "2")
    assert result.code == 0
    assert cli.backend.options.batch_size == 2
    assert "contact-sheet.png" not in content("a/b")
    assert read_metadata("a/b/00000000.jpg") is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.json", "-o", "out"], "no such file"),
        (["empty.txt", "-o", "out"], "holds no prompts"),
        (["p.json", "-o", "p.json"], "p.json"),
        (["p.json", "-o", "out", "--cfg", "-1"], "Item 0: The guidance -1 is out of range"),
        (["p.json", "-o", "out", "--batch-size", "0"], "batch size 0"),
        (["p.json", "-o", "out", "--size", "abc"], "cannot be read"),
        (["p.json"], "--output"),
    ],
)
def test_bad_calls_say_one_sentence(
    cli: Cli, prompts: str, arguments: list[str], said: str
) -> None:
    Path("empty.txt").touch()
    assert said in cli.refuses("batch", *arguments, "--quiet")


def test_a_place_that_takes_no_files_is_found_before_loading(cli: Cli, prompts: str) -> None:
    assert "p.json" in cli.refuses("batch", prompts, "-o", "p.json/a/b")
    assert not any(backend.loads for backend in cli.backends)


class Interrupted(FakeBackend):
    """Gets Ctrl+C in the middle of its second job."""

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        for event in super().run(job, resume):
            if isinstance(event, Progress) and event.iteration == 2 and len(self.jobs) == 2:
                signal.raise_signal(signal.SIGINT)
            yield event


def test_an_interrupt_keeps_what_is_done(cli: Cli, prompts: str) -> None:
    cli.wrap = lambda backend: Interrupted(backend.options)
    result = cli("batch", prompts, "-o", "out")
    assert result.code == 130
    assert "Stopped after 1 of 3: the same command goes on." in result.err
    assert sorted(content("out")) == ["00000000.jpg", "00000000.json"]
    cli.wrap = None
    assert cli("batch", prompts, "-o", "out").code == 0
    assert [job.prompt for job in cli.backend.jobs] == ["a dog", "a fox"]


def test_a_full_disk_stops_all_and_leaves_nothing_half_done(
    cli: Cli, prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "00000001.jpg":
            raise StorageError(f"Cannot write {path}: the disk is full: make room and try again.")
        write_atomic(path, data)

    with monkeypatch.context() as patch:
        patch.setattr("unipic_tui.batch.folder.write_atomic", full)
        result = cli("batch", prompts, "-o", "out")
    assert result.code == 2
    assert "the disk is full" in result.err
    assert sorted(content("out")) == ["00000000.jpg", "00000000.json", "00000001.json"]
    assert cli("batch", prompts, "-o", "out").code == 0
    assert [job.prompt for job in cli.backend.jobs] == ["a dog", "a fox"]


def test_pace_tells_rate_and_time_left() -> None:
    now = 100.0
    pace = Pace(10, clock=lambda: now)
    assert str(pace) == "0 of 10"
    now += 50
    pace.settle(0, fresh=False)  # what was there already says nothing of the pace
    now += 30
    pace.settle(0, fresh=True)
    assert str(pace) == "2 of 10, 2.0/min, 4:00 min left"
    pace.within(1, 0.25)
    pace.within(2, 0.25)
    now += 15
    assert str(pace) == "2 of 10, 2.0/min, 3:45 min left"
    assert pace.fraction == 0.25


def test_a_random_seed_is_that_of_the_record_when_it_goes_on(cli: Cli) -> None:
    Path("p.csv").write_text("caption,seed\na ring,-1\na star,7\n")
    assert cli("batch", "p.csv", "-o", "out").code == 0
    seeds = [job.seed for job in cli.backend.jobs]
    assert seeds[1] == 7
    Path("out/00000000.jpg").unlink()
    assert cli("batch", "p.csv", "-o", "out").code == 0
    assert [job.seed for job in cli.backend.jobs] == seeds[:1]
    assert read("out/manifest.json")["items"][0]["seed"] == seeds[0]


def test_settings_of_other_tools_are_used_or_named(cli: Cli) -> None:
    foreign = {"CFG scale": 2.5, "num_inference_steps": 5, "negative_prompt": "mud", "sampler": "x"}
    items = [
        {"prompt": "a", **foreign, "tags": ["t"], "clip_skip": 2},
        {"prompt": "b", "sampler": "y", "id": 1, "clip_skip": None, "steps": 4},
    ]
    Path("p.json").write_text(json.dumps(items))
    said = cli("batch", "p.json", "-o", "out").err
    assert said.count("are not used here") == 1
    assert "carried through to the results: negative_prompt, sampler, clip_skip." in said
    jobs = [
        json.loads(Path(f"out/0000000{n}.json").read_text())["unipic"]["request"]["job"]
        for n in (0, 1)
    ]
    assert [(job["guidance"], job["iterations"]) for job in jobs] == [(2.5, 5), (None, 4)]
    assert "not used here" not in cli("batch", "p.json", "-o", "out", "--quiet").err


@pytest.mark.parametrize("left", [b"", b"{", bytes(40)])
def test_a_record_that_is_not_whole_is_made_again(cli: Cli, prompts: str, left: bytes) -> None:
    assert cli("batch", prompts, "-o", "out").code == 0
    record = Path("out/00000001.json")
    before = record.read_bytes()
    record.write_bytes(left)
    assert cli("batch", prompts, "-o", "out").code == 0
    assert record.read_bytes() == before


def test_results_of_a_version_with_fewer_settings_count(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "out")
    for path in Path("out").glob("0*.json"):
        record = read(str(path))
        for name in ("template", "best_of"):
            del record["unipic"]["request"]["job"][name]
        path.write_text(json.dumps(record))
    assert "3 of 3 were done already" in cli("batch", prompts, "-o", "out").err


def test_what_was_sent_is_in_the_record(cli: Cli, prompts: str) -> None:
    cli("batch", prompts, "-o", "out", "--template", "sentence")
    assert read("out/00000000.json")["unipic"]["sent"] == "Generate an image: a cat."


def test_the_best_of_several_is_the_items_picture(cli: Cli) -> None:
    Path("p.json").write_text('[{"prompt": "a ring", "best_of": 3}, {"prompt": "?!"}]')
    result = cli("batch", "p.json", "-o", "out", "--best-of", "4", "--json")
    assert result.code == 1
    done, bad = sorted(
        (event for event in result.events if event["event"] == "item"), key=lambda e: e["index"]
    )
    assert (done["done"], done["of"]) == (1, 1)
    assert "finds nothing in the prompt" in bad["error"]
    record = read("out/00000000.json")["unipic"]
    assert set(record["marks"]) == {"0", "1", "2"}
    assert len(record["jobs"]) == 1


def test_the_bar_is_the_whole_jobs() -> None:
    now, others = 0.0, 2
    pace = Pace(10, lambda: others, clock=lambda: now)
    pace.settle(0, fresh=False)
    assert str(pace) == "3 of 10"
    now, others = 60.0, 4
    pace.settle(0, fresh=True)
    assert str(pace) == "6 of 10, 3.0/min, 1:20 min left"
