"""Many pictures from one idea: wildcards, sweeps, variations, and how to lay them out.

Pure functions on jobs and text; nothing here knows a widget.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from unipic_tui.errors import InputError
from unipic_tui.job_settings import named, plain_name, settings_of
from unipic_tui.jobs import MAX_SEED, DrawingJob, Job, random_seed

MAX_COMBINATIONS = 256
"""How many jobs one run may make."""

_ASSIGNMENT = re.compile(r"(?:^|\s)([^\s=]+)\s*=\s*(\S+)\s*$")
_BRACES = re.compile(r"\{([^{}]*\|[^{}]*)\}")


# Wildcards


def expand(prompt: str) -> list[str]:
    """Every prompt that the wildcards allow, the last wildcard changing fastest, none twice.

    Raises:
        InputError: there are more than `MAX_COMBINATIONS`.
    """
    found = [prompt]
    while any(_BRACES.search(text) for text in found):
        # Innermost first, one brace a round, so that nested wildcards come out as well.
        found = list(dict.fromkeys(itertools.chain.from_iterable(map(_open_first, found))))
        if len(found) > MAX_COMBINATIONS:
            raise InputError(
                f"The wildcards make more than {MAX_COMBINATIONS} prompts: "
                "use fewer choices, or draw a random one."
            )
    return [_tidy(text) for text in found]


def pick(prompt: str, generator: random.Random) -> str:
    """One prompt, each wildcard replaced by one of its choices at random."""
    while match := _BRACES.search(prompt):
        choice = generator.choice(match[1].split("|"))
        prompt = prompt[: match.start()] + choice + prompt[match.end() :]
    return _tidy(prompt)


def _open_first(prompt: str) -> list[str]:
    match = _BRACES.search(prompt)
    if match is None:
        return [prompt]
    before, after = prompt[: match.start()], prompt[match.end() :]
    return [before + choice.strip() + after for choice in match[1].split("|")]


def _tidy(prompt: str) -> str:
    return re.sub(r" {2,}", " ", prompt).strip()


# Sweeps


def sweep_values(text: str) -> list[str]:
    """The values that ``1..8``, ``2..4..0.5`` or ``2,3,4`` stand for, as text; else the text alone.

    Raises:
        InputError: a range that goes nowhere, or one with more than `MAX_COMBINATIONS` values.
    """
    values: list[str] = []
    for part in text.split(","):
        if part.strip():
            values.extend(_range(part.strip()) if ".." in part else [part.strip()])
    if len(values) > MAX_COMBINATIONS:
        raise InputError(f"The sweep {text!r} has more than {MAX_COMBINATIONS} values.")
    return list(dict.fromkeys(values))


def _range(text: str) -> list[str]:
    try:
        first, last, *rest = (Decimal(part.strip()) for part in text.split(".."))
        (step,) = rest or [Decimal(1)]
        if not (first.is_finite() and last.is_finite() and step.is_finite() and step > 0):
            raise ValueError
    except (InvalidOperation, ValueError):
        raise InputError(
            f"The range {text!r} is not understood: write 1..8, or 2..4..0.5 with a step."
        ) from None
    if last < first:
        raise InputError(f"The range {text!r} goes backwards: write the smaller number first.")
    count = int((last - first) / step) + 1
    if count > MAX_COMBINATIONS:
        raise InputError(f"The range {text!r} has more than {MAX_COMBINATIONS} values.")
    return [f"{(first + index * step).normalize():f}" for index in range(count)]


def split_settings(prompt: str, kind: type[Job]) -> tuple[str, dict[str, str]]:
    """Take settings such as ``seed=1..8 cfg=2,3,4`` out of the ``name=value`` at a prompt's end.

    What has no setting's name, as in ``a poster that says x=1``, stays in the prompt.

    Returns:
        The prompt without them, and the text given for each setting; the last one counts.
    """
    names = named(kind)
    found: dict[str, str] = {}
    kept = ""
    while match := _ASSIGNMENT.search(prompt):
        setting = names.get(plain_name(match[1]))
        if setting is None:
            kept = prompt[match.start() :] + kept
        else:
            found.setdefault(setting.name, match[2].strip(","))
        prompt = prompt[: match.start()]
    return (prompt + kept).strip(), dict(reversed(found.items()))


# From a picture to the next


def variations(job: DrawingJob, count: int) -> DrawingJob:
    """The same prompt and settings with the ``count`` seeds that follow the job's own."""
    first = job.seed + 1 if job.seed <= MAX_SEED - count - 1 else 0
    return dataclasses.replace(job, count=count, seed=first)


def remix(job: DrawingJob, generator: random.Random) -> DrawingJob:
    """The same prompt and settings with a new random seed."""
    seed = random_seed(generator)
    while seed == job.seed:
        seed = random_seed(generator)
    return dataclasses.replace(job, count=1, seed=seed)


# Contact sheets

_PROMPT, _SIZE, _SEED = "Prompt", "Size", "Seed"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures in rows and columns, each row and column named by the settings that made it.

    Attributes:
        columns, rows: labels; a row label is empty where columns alone tell pictures apart.
        cells: for each row, the index of the picture in each column, or ``None``.
        labels: a label for each picture, complete in itself.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]
    labels: tuple[str, ...]


def contact_sheet(
    jobs: Sequence[DrawingJob], wrap: int = 4, unknown_seeds: Container[int] = ()
) -> Sheet:
    """Arrange pictures by what differs between their jobs.

    With one difference they run on in ``wrap`` columns; with more, the last of prompt, size, …,
    guidance, seed makes the columns and the others together the rows.

    Args:
        unknown_seeds: indices of jobs whose seed is only a stand-in.
    """
    texts = [_settings_text(job) for job in jobs]
    for index, text in enumerate(texts):
        if index in unknown_seeds:
            text.pop(_SEED, None)
    names = dict.fromkeys(name for text in texts for name in text)
    fields = [name for name in names if len({text.get(name) for text in texts}) > 1]
    if _PROMPT in fields:
        parts = distinct([text[_PROMPT] for text in texts])
        for text, part in zip(texts, parts, strict=True):
            text[_PROMPT] = part
    labels = tuple(_label(text, fields or [_SEED]) for text in texts)
    table = _table(texts, fields) if len(fields) > 1 else None
    return table_or_flow(table, labels, wrap)


def _table(texts: list[dict[str, str]], fields: list[str]) -> dict[tuple[str, str], int] | None:
    """Picture by (row, column); ``None`` where the table would be mostly holes."""
    *row_fields, column_field = fields
    cells: dict[tuple[str, str], int] = {}
    for index, text in enumerate(texts):
        key = _label(text, row_fields), _label(text, [column_field])
        if key in cells:
            return None
        cells[key] = index
    rows, columns = ({key[side] for key in cells} for side in (0, 1))
    return cells if len(cells) * 2 > len(rows) * len(columns) else None


def table_or_flow(
    table: dict[tuple[str, str], int] | None, labels: tuple[str, ...], wrap: int
) -> Sheet:
    """The sheet of a table of (row, column) labels, or else all pictures one after another."""
    if table is not None:
        rows = tuple(dict.fromkeys(row for row, _ in table))
        columns = tuple(dict.fromkeys(column for _, column in table))
        grid = tuple(tuple(table.get((row, column)) for column in columns) for row in rows)
        return Sheet(columns, rows, grid, labels)
    width = max(1, min(wrap, len(labels)))
    height = math.ceil(len(labels) / width)
    flow = tuple(
        tuple(
            index if (index := row * width + column) < len(labels) else None
            for column in range(width)
        )
        for row in range(height)
    )
    return Sheet(("",) * width, ("",) * height, flow, labels)


def _settings_text(job: DrawingJob) -> dict[str, str]:
    """The prompt and the settings that can be swept, those that matter most last."""
    values = {
        each.label: each.shown(each.of(job)) for each in settings_of(type(job)) if each.sweeps
    }
    size = {_SIZE: values.pop(_SIZE)} if _SIZE in values else {}
    return {_PROMPT: job.prompt, **size, **dict(reversed(values.items()))}


def _label(text: dict[str, str], fields: Sequence[str]) -> str:
    return ", ".join(
        text.get(name, "") if name in {_PROMPT, _SIZE} else f"{name.lower()} {text.get(name, '–')}"
        for name in fields
    )


def distinct(texts: Sequence[str]) -> list[str]:
    """The words by which texts differ; what all have in common is left away.

    Texts of as many words each are compared word by word (``red … blue``), others by what all of
    them begin and end with.
    """
    split, alike = _compared(texts)
    return [_joined(words, [not same for same in alike]) or "–" for words in split]


def shared(texts: Sequence[str]) -> str:
    """What texts have in common, with an ellipsis for each part by which they differ."""
    split, alike = _compared(texts)
    parts = [
        " ".join(word for word, _ in group) if same else "…"
        for same, group in itertools.groupby(
            zip(split[0], alike, strict=True), lambda pair: pair[1]
        )
    ]
    return " ".join(parts)


def _compared(texts: Sequence[str]) -> tuple[list[list[str]], list[bool]]:
    """The parts of each text, and which of them all texts agree on.

    Parts are words; in texts of several lengths, all that is between the common ends is one.
    """
    split = [text.split() for text in texts]
    if len({len(words) for words in split}) > 1:
        start = _common(split)
        end = _common([words[start:][::-1] for words in split])
        split = [
            [*words[:start], " ".join(words[start : len(words) - end]), *words[len(words) - end :]]
            for words in split
        ]
    return split, [len(set(column)) == 1 for column in zip(*split, strict=True)]


def _joined(words: Sequence[str], kept: Sequence[bool]) -> str:
    groups = itertools.groupby(zip(words, kept, strict=True), key=lambda pair: pair[1])
    runs = [" ".join(word for word, _ in group) for keep, group in groups if keep]
    return " … ".join(runs)


def _common(lists: Sequence[Sequence[str]]) -> int:
    """How many items all lists begin with."""
    columns = zip(*lists, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda items: len(set(items)) == 1, columns))
