"""``generate --best-of`` on a fake backend that knows which of its pictures is good."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterable, Iterator

import pytest
from PIL import Image

from tests.cli.conftest import Cli, files, pixels
from tests.fakes import FakeBackend, gradient
from unipic_tui.events import BackendInfo, Event, Failed, Finished, Loading, Memory
from unipic_tui.inference.ranking import choose_best
from unipic_tui.jobs import DescribeJob, GenerateJob, Job
from unipic_tui.library.provenance import read_metadata

GOOD = 6
"""Seed of the picture that shows what was asked for."""
BETTER_THAN_NOTHING = 4


class Judging:
    """Sees a red ring in the picture of seed `GOOD`, and a blue one in another."""

    def __init__(self, inner: FakeBackend, *, interrupt: bool = False, fail: bool = False) -> None:
        self.inner = inner
        self.interrupt = interrupt
        self.fail = fail
        self.looked = 0

    def load(self) -> Iterator[Loading]:
        return self.inner.load()

    @property
    def info(self) -> BackendInfo:
        return self.inner.info

    def memory(self) -> Memory:
        return self.inner.memory()

    def close(self) -> None:
        self.inner.close()

    def run_together(self, jobs: Iterable[Job]) -> Generator[tuple[int, Event], None, None]:
        for place, job in enumerate(jobs):
            yield from ((place, event) for event in self.run(job))

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        if isinstance(job, GenerateJob) and job.best_of is not None:
            yield from choose_best(self, job, resume)
            return
        if not isinstance(job, DescribeJob):
            yield from self.inner.run(job)
            return
        self.looked += 1
        if self.fail:
            yield Failed("Device trouble", "Out of memory: use a smaller image.")
            return
        if self.interrupt and self.looked == 1:
            signal.raise_signal(signal.SIGINT)
        with Image.open(job.source) as image:
            seen = image.tobytes()
        yield Finished(text=self._answer(seen, job.prompt))

    def _answer(self, seen: bytes, question: str) -> str:
        red = seen == gradient(64, 64, f"a red ring {GOOD}").tobytes()
        blue = seen == gradient(64, 64, f"a red ring {BETTER_THAN_NOTHING}").tobytes()
        if question.startswith("Describe"):
            return f"one {'red' if red else 'blue'} ring" if red or blue else "no objects"
        return "yes" if red else "no"


@pytest.fixture
def judging(cli: Cli) -> Cli:
    cli.wrap = Judging
    return cli


def test_the_best_is_saved(judging: Cli) -> None:
    result = judging("g", "a red ring", "--best-of", "5", "-s", "3")
    assert result.code == 0
    assert result.lines == [f"a-red-ring-s{GOOD}.png"]
    assert files() == [f"a-red-ring-s{GOOD}.png"]
    assert "Saved the best 1 of these: seed 6 0.62, seed 4 0.25, seed 3 0.00" in result.err
    assert judging.job.count == 5


def test_it_can_be_drawn_again_alone(judging: Cli) -> None:
    judging("g", "a red ring", "--best-of", "5", "-s", "3", "-o", "best.png")
    saved = read_metadata("best.png")
    assert saved is not None and saved.job is not None
    assert (saved.job.seed, saved.job.count) == (GOOD, 1)
    judging("replay", "best.png", "-o", "again.png")
    assert pixels("again.png") == pixels("best.png")


def test_the_best_two_are_saved_in_order(judging: Cli) -> None:
    result = judging("g", "a red ring", "--best-of", "5", "-n", "2", "-s", "3", "-o", "b.png")
    assert result.lines == ["b-1.png", "b-2.png"]
    for name, seed in (("b-1.png", GOOD), ("b-2.png", BETTER_THAN_NOTHING)):
        assert pixels(name) == gradient(64, 64, f"a red ring {seed}").tobytes()


def test_json_says_why(judging: Cli) -> None:
    result = judging("g", "a red ring", "--best-of", "4", "-s", "3", "--json")
    kinds = [event["event"] for event in result.events if event["event"] != "progress"]
    assert kinds[-3:] == ["picture", "chosen", "finished"]
    chosen = result.event("chosen")
    assert chosen["kept"] == 1
    assert [entry["seed"] for entry in chosen["ranking"]] == [GOOD, BETTER_THAN_NOTHING, 3, 5]
    assert chosen["ranking"][0]["description"] == "one red ring"
    assert chosen["ranking"][0]["answers"]["Is there a red ring?"] == "yes"
    assert result.event("picture")["seed"] == GOOD


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["a ring", "--best-of", "1"], "use 2 to 64"),
        (["a ring", "--best-of", "65"], "use 2 to 64"),
        (["a ring", "--best-of", "4", "--grid-size", "2"], "do not go together"),
        (["a ring", "--best-of", "4", "-n", "4"], "are all of them"),
        (["a ring", "--best-of", "4", "-s", str(2**64 - 3)], "too large"),
        (["?!", "--best-of", "4"], "finds nothing in the prompt"),
        (["a ring", "--best-of", "x"], "--best-of"),
    ],
)
def test_what_makes_no_sense_is_refused(judging: Cli, argv: list[str], said: str) -> None:
    assert said in judging.refuses("g", *argv)


def test_ctrl_c_while_judging_saves_nothing(cli: Cli) -> None:
    made: list[Judging] = []

    def wrap(inner: FakeBackend) -> Judging:
        made.append(Judging(inner, interrupt=True))
        return made[-1]

    cli.wrap = wrap
    result = cli("g", "a red ring", "--best-of", "3", "-s", "3", "--json")
    assert result.code == 130
    assert files() == []
    assert result.events[-1] == {"event": "cancelled"}
    assert made[0].looked == 5  # a description and four questions: one picture only
    assert "none was saved" in result.err


def test_a_failure_while_judging_is_a_sentence(cli: Cli) -> None:
    cli.wrap = lambda inner: Judging(inner, fail=True)
    result = cli("g", "a red ring", "--best-of", "3", "-s", "3")
    assert result.code != 0
    assert "Out of memory" in result.err and "Traceback" not in result.err
    assert files() == []
