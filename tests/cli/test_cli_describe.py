"""unipic-tui describe."""

from __future__ import annotations

import io
import re
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.fakes import FakeBackend
from unipic_tui.events import Backend, Event, Finished, Text
from unipic_tui.jobs import DescribeJob, Job


def saying(*deltas: str) -> type[FakeBackend]:
    class Saying(FakeBackend):
        def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
            yield from map(Text, deltas)
            yield Finished(text="".join(deltas))

    return Saying


def test_the_answer_is_all_that_is_printed(cli: Cli, photo: Path) -> None:
    result = cli("describe", str(photo))
    assert result.code == 0
    assert result.out == "A picture of 48 by 32 pixels, answer 1.\n"
    assert cli.job.prompt == "Describe the image in detail."
    assert cli.job.source == str(photo.absolute())
    assert not cli.backend.loaded


@pytest.mark.parametrize("name", ["describe", "desc", "d"])
def test_a_question(cli: Cli, photo: Path, name: str) -> None:
    cli(name, str(photo), "How", "many?")
    assert cli.job.prompt == "How many?"


def test_a_question_from_standard_input(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("How many?\n"))
    cli("d", str(photo), "-")
    assert cli.job.prompt == "How many?"


def test_everything_can_be_set(cli: Cli, photo: Path) -> None:
    cli(
        "d", "--image", str(photo), "--prompt", "Why?", "--max_new_tokens", "5",
        "-t", "0.5", "-s", "3", "--vision", "siglip2",
    )  # fmt: skip
    assert cli.job == DescribeJob(
        source=str(photo.absolute()),
        prompt="Why?",
        max_new_tokens=5,
        temperature=0.5,
        seed=3,
        vision="siglip2",
    )


def test_json(cli: Cli, photo: Path) -> None:
    result = cli("d", str(photo), "--json")
    answer = "A picture of 48 by 32 pixels, answer 1."
    deltas = [event["delta"] for event in result.events if event["event"] == "text"]
    assert "".join(deltas) == answer
    assert result.event("finished")["text"] == answer


@pytest.mark.parametrize(
    ("deltas", "shown"),
    [
        (["\x1b[31m", "red"], "␛[31mred\n"),
        (["line\nli", "ne\r", "\nend"], "line\nline\nend\n"),
        (["\u0645\u06cc", "\u200c", "\u062e"], "\u0645\u06cc\u200c\u062e\n"),
        (["a", "\u200d", "b"], "a�b\n"),
        (["[bold]", "x"], "[bold]x\n"),
        (["\u202e"], "�\n"),
        (["end\u200d"], "end�\n"),
    ],
)
def test_answers_are_shown_not_obeyed(cli: Cli, photo: Path, deltas: list[str], shown: str) -> None:
    kind = saying(*deltas)

    def wrap(backend: FakeBackend) -> Backend:
        return kind(backend.options)

    cli.wrap = wrap
    assert cli("d", str(photo), "--quiet").out == shown
    assert cli("d", str(photo), "--json").event("finished")["text"] == "".join(deltas)


def test_a_failed_answer(cli: Cli, photo: Path) -> None:
    cli.fail = "job"
    result = cli("d", str(photo))
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("unipic-tui: Out of memory")
    assert result.out.endswith("\n")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "No picture is named"),
        (["missing.png"], "there is no such file"),
        (["photo.png", " "], "The question is empty"),
        (["photo.png", "--max-new-tokens", "0"], "length 0 is out of range"),
        (["photo.png", "-t", "-1"], "temperature -1 is out of range"),
        (["photo.png", "-s", "x"], "seed 'x' is not a whole number"),
        (["photo.png", "--vision", "eyes"], "invalid choice: 'eyes'"),
        (["--image", "photo.png", "a", "--prompt", "b"], "The question is given twice"),
    ],
)
def test_bad_input(cli: Cli, photo: Path, argv: list[str], sentence: str) -> None:
    assert re.search(sentence, cli.refuses("describe", *argv))
