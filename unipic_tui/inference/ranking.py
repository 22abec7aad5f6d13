"""Choosing the best of several pictures: the model itself is asked what they show.

It describes each picture, and answers a question about each thing that the prompt names. A
picture's worth is half how well the description agrees with the prompt, half the share of
questions answered as the prompt has it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from unipic_tui.errors import InputError, UnipicError
from unipic_tui.events import (
    Backend,
    Event,
    Failed,
    Final,
    Finished,
    Judged,
    Notice,
    Picture,
)
from unipic_tui.inference.naming import (
    COLOURS,
    NUMBERS,
    Named,
    Thing,
    article,
    plural,
    read_names,
)
from unipic_tui.jobs import DescribeJob, GenerateJob, Job

_DESCRIPTION_TOKENS = 256
_ANSWER_TOKENS = 16
_SPELLINGS = {"gray": "grey", "color": "colour"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a picture, and what the answer begins with where the prompt was followed."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of a picture.

    Attributes:
        worth: 0 to 1, the higher the better.
        description: in its words.
        answers: each question with the answer it gave.
    """

    worth: float
    description: str
    answers: tuple[tuple[Question, str], ...]


def questions(prompt: str) -> tuple[Question, ...]:
    """A question about each thing that a prompt names; none where nothing is understood."""
    named = read_names(prompt)
    counts: Counter[str] = Counter()
    for thing in named.things:
        counts[thing.noun] += thing.count
    asked = [question for thing in named.things for question in _about(thing, counts[thing.noun])]
    if named.relation:
        first, second = named.things
        text = f"Is the {first.noun} {named.relation} the {second.noun}?"
        asked.append(Question(text, "yes"))
    if named.background:
        asked.append(Question("What colour is the background?", named.background))
    if 0 < counts.total() < len(NUMBERS):
        asked.append(Question("How many objects?", NUMBERS[counts.total()]))
    return tuple(dict.fromkeys(asked))


def _about(thing: Thing, alike: int) -> list[Question]:
    """Questions about a thing; ``alike`` is how many the prompt has of its noun in all."""
    asked = [Question(f"Is there {article(' '.join(thing.words))}?", "yes")]
    if alike < len(NUMBERS):
        asked.append(Question(f"How many {plural(thing.noun)}?", NUMBERS[alike]))
    colours = [word for word in thing.words[:-1] if word in COLOURS]
    if colours and alike == 1:
        asked.append(Question(f"What colour is the {thing.noun}?", colours[0]))
    return asked


def is_answered(question: Question, answer: str) -> bool:
    """Whether an answer is the one hoped for: its first word, or a number in digits."""
    words = "".join(char if char.isalnum() else " " for char in answer.lower()).split()
    if not words:
        return False
    first = _spelling(words[0])
    if first.isdecimal() and len(first) == 1:
        first = NUMBERS[int(first)]
    return first == _spelling(question.answer)


def agreement(prompt: str, description: str) -> float:
    """How much of a prompt a description has, and how little beside it, 0 to 1.

    Each thing wanted is paired with the described one that shares most of its words; the result is
    the F1 of what is paired. It is 0 where the prompt names nothing.
    """
    wanted, described = _each(read_names(prompt)), _each(read_names(description))
    found = 0.0
    left = list(described)
    for thing in sorted(wanted, key=len, reverse=True):
        best = max(left, key=lambda other: len(thing & other), default=frozenset[str]())
        shared = len(thing & best) / len(thing)
        if shared:
            found += shared
            left.remove(best)
    return 2 * found / (len(wanted) + len(described)) if wanted else 0.0


def _each(named: Named) -> list[frozenset[str]]:
    """The words of every single thing."""
    return [
        frozenset(map(_spelling, thing.words))
        for thing in named.things
        for _ in range(min(thing.count, len(NUMBERS)))
    ]


def _spelling(word: str) -> str:
    return _SPELLINGS.get(word, word)


def judge(backend: Backend, image: Image.Image, prompt: str) -> Verdict:
    """Ask a model what a picture shows of a prompt.

    Args:
        backend: a backend that is loaded.
        image: RGB.
        prompt: what was to be drawn.

    Raises:
        UnipicError: the model cannot look at it, for want of memory say.
    """
    with tempfile.TemporaryDirectory(prefix="unipic-tui-") as folder:
        source = str(Path(folder, "picture.png"))
        image.save(source)
        description = _ask(backend, DescribeJob(source=source, max_new_tokens=_DESCRIPTION_TOKENS))
        answers: list[tuple[Question, str]] = []
        for question in questions(prompt):
            job = DescribeJob(source=source, prompt=question.text, max_new_tokens=_ANSWER_TOKENS)
            answers.append((question, _ask(backend, job)))
    right = sum(is_answered(question, answer) for question, answer in answers)
    share = right / len(answers) if answers else 0.0
    return Verdict((agreement(prompt, description) + share) / 2, description, tuple(answers))


def _ask(backend: Backend, job: DescribeJob) -> str:
    with closing(backend.run(job)) as events:
        for event in events:
            if isinstance(event, Failed):
                raise UnipicError(event.message, event.title)
            if isinstance(event, Finished):
                return event.text
    raise RuntimeError("the job ended without a result")


def best_first(verdicts: Iterable[Verdict]) -> list[int]:
    """The indices of pictures, best first; of equal ones the earlier."""
    worths = [verdict.worth for verdict in verdicts]
    return sorted(range(len(worths)), key=lambda index: -worths[index])


def check_choice(job: Job) -> None:
    """Raise `InputError` for a job whose pictures the model could not judge."""
    if isinstance(job, GenerateJob) and job.best_of is not None and not questions(job.prompt):
        raise InputError(
            "--best-of finds nothing in the prompt that it could look for: name things, as in "
            '"a red circle", or leave it out.'
        )


def choose_best(
    backend: Backend, job: GenerateJob, resume: bytes | None = None
) -> Generator[Event, None, None]:
    """Draw ``job.best_of`` pictures, have the model judge them, and yield all of them, best first.

    The pictures come when all are judged, with their marks and their place as their index; the
    first ``job.count`` are the chosen ones. A `Judged` comes after each verdict.

    Args:
        backend: runs the drawing and the questions; it is loaded.
        job: with `best_of`.
        resume: a snapshot of one of the pictures; those before it are drawn again.
    """
    assert job.best_of is not None
    try:
        check_choice(job)
    except InputError as error:
        yield Failed(error.title, error.message)
        return
    every = replace(job, count=job.best_of, best_of=None)
    final = yield from _drawn(backend, every, resume)
    if not isinstance(final, Finished):
        yield final
        return
    pictures, seconds = final.pictures, final.seconds
    if pictures[0].index > 0:
        first = yield from _drawn(backend, replace(every, count=pictures[0].index), None)
        if not isinstance(first, Finished):
            yield first
            return
        pictures, seconds = first.pictures + pictures, seconds + first.seconds
    yield Notice(f"Judging {len(pictures)} pictures.")
    verdicts: list[Verdict] = []
    for picture in pictures:
        verdict = judge(backend, picture.image, job.prompt)
        verdicts.append(verdict)
        answers = tuple((question.text, said) for question, said in verdict.answers)
        yield Judged(picture.job.seed, verdict.worth, verdict.description, answers)
    ranked = tuple(
        replace(pictures[index], index=place, mark=verdicts[index].worth)
        for place, index in enumerate(best_first(verdicts))
    )
    yield from ranked
    yield Finished(ranked, seconds=seconds)


def _drawn(
    backend: Backend, job: GenerateJob, resume: bytes | None
) -> Generator[Event, None, Final]:
    """Run a job, its pictures held back; returns how it ended."""
    with closing(backend.run(job, resume)) as events:
        for event in events:
            if isinstance(event, Final):
                return event
            if not isinstance(event, Picture):
                yield event
    raise RuntimeError("the job ended without a result")
