"""Choosing the best of several pictures by asking the model."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import FakeBackend
from unipic_tui.errors import UnipicError
from unipic_tui.events import Event, Failed, Finished
from unipic_tui.inference.ranking import (
    Question,
    Verdict,
    agreement,
    best_first,
    is_answered,
    judge,
    questions,
)
from unipic_tui.jobs import DescribeJob, Job

ALONE = "one red ring on a grey background."
PAIR = "two objects: a red ring left of a blue star, on a black background."


class Scripted(FakeBackend):
    """Answers as it was told, and fails at what it was not told."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self.answers = answers
        self.sizes: list[tuple[int, int]] = []

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        assert isinstance(job, DescribeJob)
        with Image.open(job.source) as image:
            self.sizes.append(image.size)
        self.jobs.append(job)
        if job.prompt in self.answers:
            yield Finished(text=self.answers[job.prompt])
        else:
            yield Failed("Device trouble", "Out of memory: use a smaller image.")


def texts(prompt: str) -> dict[str, str]:
    return {question.text: question.answer for question in questions(prompt)}


def test_it_asks_about_all_that_the_prompt_names() -> None:
    assert texts("a red ring left of a star on black") == {
        "Is there a red ring?": "yes",
        "How many rings?": "one",
        "What colour is the ring?": "red",
        "Is there a star?": "yes",
        "How many stars?": "one",
        "Is the ring left of the star?": "yes",
        "What colour is the background?": "black",
        "How many objects?": "two",
    }
    assert texts("three green crosses") == {
        "Is there a green cross?": "yes",
        "How many crosses?": "three",
        "How many objects?": "three",
    }


def test_things_of_one_name_are_counted_together() -> None:
    asked = texts("a red ring and a blue ring")
    assert asked["How many rings?"] == "two"
    assert "What colour is the ring?" not in asked


def test_numbers_beyond_words_are_not_asked() -> None:
    assert texts("40 rings") == {"Is there a ring?": "yes"}
    assert questions("…") == ()


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("yes", True),
        ("Yes, there is one.", True),
        ("No.", False),
        ("", False),
        ("not yes", False),
    ],
)
def test_an_answer_is_its_first_word(answer: str, right: bool) -> None:
    assert is_answered(Question("Is there a ring?", "yes"), answer) is right


def test_answers_may_be_spelt_otherwise() -> None:
    assert is_answered(Question("How many rings?", "three"), "3 rings")
    assert is_answered(Question("What colour is the ring?", "grey"), "Gray")
    assert not is_answered(Question("How many rings?", "three"), "2")


@pytest.mark.parametrize(
    ("prompt", "better", "worse"),
    [
        ("a red ring", ALONE, "one blue ring on a grey background."),
        ("a red ring", ALONE, PAIR),
        ("a ring and a star", PAIR, ALONE),
        ("a red ring and a blue star", PAIR, PAIR.replace("red", "green")),
        ("two rings", "two blue rings on a grey background.", "three blue rings on a grey ground."),
        ("two rings", "two blue rings on a grey background.", PAIR),
        ("a gray ring", "one grey ring on a white background.", ALONE),
    ],
)
def test_descriptions_agree_more_or_less(prompt: str, better: str, worse: str) -> None:
    assert agreement(prompt, better) > agreement(prompt, worse)


def test_agreement_is_a_share() -> None:
    assert agreement("a red ring", ALONE) == 1
    assert agreement("a red ring", "no objects on a grey background.") == 0
    assert agreement("a red ring", "") == 0
    assert agreement("", ALONE) == 0
    assert agreement("a red ring", PAIR) == pytest.approx(2 / 3)


def test_a_verdict_is_of_description_and_answers(tmp_path: Path) -> None:
    backend = Scripted(
        {
            "Describe the image in detail.": ALONE,
            "Is there a ring?": "yes",
            "How many rings?": "two",
            "How many objects?": "two",
        }
    )
    verdict = judge(backend, Image.new("RGB", (48, 32)), "a ring")
    assert verdict.worth == pytest.approx((1 + 1 / 3) / 2)
    assert verdict.description == ALONE
    assert [(question.text, said) for question, said in verdict.answers] == [
        ("Is there a ring?", "yes"),
        ("How many rings?", "two"),
        ("How many objects?", "two"),
    ]
    assert set(backend.sizes) == {(48, 32)}
    assert not any(Path(job.source or "").exists() for job in backend.jobs)


def test_what_fails_is_raised() -> None:
    backend = Scripted({"Describe the image in detail.": ALONE})
    with pytest.raises(UnipicError, match="Out of memory") as caught:
        judge(backend, Image.new("RGB", (16, 16)), "a ring")
    assert caught.value.title == "Device trouble"


def test_of_equals_the_earlier_is_first() -> None:
    worths = [0.2, 0.9, 0.2, 0.9, 1.0]
    assert best_first(Verdict(worth, "", ()) for worth in worths) == [4, 1, 3, 0, 2]
