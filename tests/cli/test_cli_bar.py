"""Progress: what the bar says of each event, and lines where there is no terminal."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import closing, redirect_stderr
from typing import Any

import pytest

from tests.fakes import gradient
from unipic_tui.cli.bar import Bar, Remaining, duration
from unipic_tui.cli.report import HumanReporter
from unipic_tui.events import Loading, Picture, Progress
from unipic_tui.jobs import GenerateJob


class Stream(io.StringIO):
    """A file that tells when something was written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_a_line_now_and_then_in_a_log() -> None:
    stream = Stream()
    with redirect_stderr(stream), closing(Bar(every=0.001)) as bar:
        bar.show("Drawing", 0.25, "4/16 9 s left")
        assert stream.written.wait(60)
    assert stream.getvalue().startswith("unipic-tui: Drawing: 4/16 9 s left.\n")


def test_a_closed_or_quiet_bar_says_nothing() -> None:
    stream = Stream()
    with redirect_stderr(stream):
        for bar in (Bar(quiet=True, every=0.001), Bar()):
            bar.show("Drawing", 0.5)
            bar.close()
    assert stream.getvalue() == ""


class Shown:
    """A bar that notes what it is told."""

    def __init__(self) -> None:
        self.states: list[tuple[Any, ...]] = []

    def show(self, *state: Any) -> None:
        self.states.append(state)


@pytest.fixture
def shown() -> Iterator[tuple[HumanReporter, Shown]]:
    reporter, bar = HumanReporter(quiet=False), Shown()
    reporter.bar = bar  # type: ignore[assignment]
    yield reporter, bar


def test_loading_is_not_shown_as_done_while_the_first_iteration_runs(
    shown: tuple[HumanReporter, Shown],
) -> None:
    reporter, bar = shown
    for stage, fraction in (
        ("PyTorch", 0.0),
        ("reading nano", 0.5),
        ("nano is loaded", 1.0),
        ("reading the prompt", 0.0),
    ):
        reporter.event(Loading(stage, fraction))
    assert [state[:2] for state in bar.states] == [
        ("Loading PyTorch", 0.0),
        ("Reading nano", 0.5),
        ("Preparing", None),
        ("Reading the prompt", 0.0),
    ]


def progress(picture: int, pictures: int, iteration: int, left: float | None) -> Progress:
    return Progress(
        picture, pictures, iteration, 4, (True,), 1, 1, left, (picture + iteration / 4) / pictures
    )


def test_no_seconds_are_promised_while_the_picture_is_decoded(
    shown: tuple[HumanReporter, Shown],
) -> None:
    reporter, bar = shown
    reporter.event(progress(0, 1, 3, 2.0))
    reporter.event(progress(0, 1, 4, 0.0))
    assert bar.states == [("Drawing", 0.75, "3/4 2 s left"), ("Decoding", 1.0, "4/4")]


def test_pictures_drawn_at_once_move_one_bar(shown: tuple[HumanReporter, Shown]) -> None:
    reporter, bar = shown
    for index in range(2):
        reporter.event(Progress(index, 3, 1, 2, (True,), 1, 1, 3.0, 1 / 3, together=2))
    for index in range(2):
        reporter.event(Picture(index, gradient(16, 16, "x"), GenerateJob(prompt="x"), "nano", 1.0))
    reporter.event(Progress(2, 3, 1, 2, (True,), 1, 1, 1.0, 5 / 6))
    several = ("2 of 3 pictures", 1 / 3, "1/2 3 s left")
    assert bar.states == [several, several, ("Picture 3 of 3", 5 / 6, "1/2 1 s left")]


def test_the_next_picture_is_named_before_its_first_iteration(
    shown: tuple[HumanReporter, Shown],
) -> None:
    reporter, bar = shown
    job = GenerateJob(prompt="x")
    for index in range(2):
        reporter.event(progress(index, 2, 4, 5.0 * (1 - index)))
        reporter.event(Picture(index, gradient(16, 16, "x"), job, "nano", 1.0))
    assert bar.states == [
        ("Picture 1 of 2, decoding", 0.5, "4/4 5 s left"),
        ("Picture 2 of 2", 0.5),
        ("Picture 2 of 2, decoding", 1.0, "4/4"),
    ]


def test_remaining_time() -> None:
    now = 0.0
    remaining = Remaining(lambda: now)
    assert remaining(0.0) == ""
    now = 30.0
    assert remaining(0.25) == "1:30 min left"
    assert remaining(0.0) == ""  # something else began
    assert [duration(each) for each in (8, 185, 3720)] == [
        "8 s left",
        "3:05 min left",
        "1:02 h left",
    ]
