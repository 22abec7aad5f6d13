"""Wildcards, sweeps, variations and the layout of contact sheets."""

from __future__ import annotations

import dataclasses
import random

import pytest

from unipic_tui.errors import InputError
from unipic_tui.jobs import MAX_SEED, EditJob, GenerateJob
from unipic_tui.ui import iterate


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a circle", ["a circle"]),
        ("a {red|blue} circle", ["a red circle", "a blue circle"]),
        (
            "{a|two} {red|blue} ring",
            ["a red ring", "a blue ring", "two red ring", "two blue ring"],
        ),
        ("a {|small} star", ["a star", "a small star"]),
        ("a {red|{light|dark} blue} star", ["a red star", "a light blue star", "a dark blue star"]),
        ("{red|red} star", ["red star"]),
        ("a {circle}", ["a {circle}"]),
        ("a { circle | star ", ["a { circle | star"]),
    ],
)
def test_expands_wildcards(prompt: str, expected: list[str]) -> None:
    assert sorted(iterate.expand(prompt)) == sorted(expected)


def test_the_last_wildcard_changes_fastest() -> None:
    assert iterate.expand("{1|2}{a|b}") == ["1a", "1b", "2a", "2b"]


def test_too_many_prompts_are_refused_quickly() -> None:
    with pytest.raises(InputError, match="more than 256"):
        iterate.expand("{1|2|3|4|5|6|7|8}" * 40)


def test_picks_one_of_the_expansions() -> None:
    prompt = "a {red|{light|dark} blue} {star|ring}"
    picked = {iterate.pick(prompt, random.Random(seed)) for seed in range(200)}
    assert picked == set(iterate.expand(prompt))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", ["3"]),
        ("1..4", ["1", "2", "3", "4"]),
        ("2, 3,4.5", ["2", "3", "4.5"]),
        ("2..3..0.5", ["2", "2.5", "3"]),
        ("1..3,2..4,9", ["1", "2", "3", "4", "9"]),
        ("10..30..10", ["10", "20", "30"]),
        ("full,fast", ["full", "fast"]),
        ("", []),
    ],
)
def test_reads_sweeps(text: str, expected: list[str]) -> None:
    assert iterate.sweep_values(text) == expected


@pytest.mark.parametrize("text", ["8..1", "1..", "..", "a..b", "1..9..0", "1..9..-1", "1..1000"])
@pytest.mark.parametrize("before", ["", "3,"])
def test_refuses_ranges_that_go_nowhere(text: str, before: str) -> None:
    with pytest.raises(InputError, match="range"):
        iterate.sweep_values(before + text)


def test_a_range_of_infinities_is_refused() -> None:
    with pytest.raises(InputError):
        iterate.sweep_values("0..Infinity")


@pytest.mark.parametrize(
    ("prompt", "text", "settings"),
    [
        ("a circle", "a circle", {}),
        ("a circle seed=1..8 cfg=2,3,4", "a circle", {"seed": "1..8", "guidance": "2,3,4"}),
        ("a circle CFG = 3", "a circle", {"guidance": "3"}),
        ("seed=4", "", {"seed": "4"}),
        ("x=1 seed=4 circles", "x=1 seed=4 circles", {}),
        ("a circle\nseed=3 seed=4", "a circle", {"seed": "4"}),
        ("reseed=4", "reseed=4", {}),
        ("a ring steps=1..3 sampler=euler", "a ring sampler=euler", {"iterations": "1..3"}),
        ("steps=3 x=1 seed=2 y = z", "x=1 y = z", {"iterations": "3", "seed": "2"}),
        (
            "a square count=64 quality=exact",
            "a square",
            {"count": "64", "quality": "exact"},
        ),
        ("a ring head-steps=4", "a ring", {"head_steps": "4"}),
        ("E=mc2", "E=mc2", {}),
        ("a poster that says x=1", "a poster that says x=1", {}),
    ],
)
def test_takes_settings_off_the_end(prompt: str, text: str, settings: dict[str, str]) -> None:
    assert iterate.split_settings(prompt, GenerateJob) == (text, settings)


def test_variations_have_the_seeds_that_follow() -> None:
    job = GenerateJob(prompt="a star", seed=41, guidance=2.0)
    varied = iterate.variations(job, 4)
    assert (varied.seed, varied.count) == (42, 4)
    assert dataclasses.replace(varied, seed=41, count=1) == job
    last = iterate.variations(dataclasses.replace(job, seed=MAX_SEED), 4)
    assert last.seed + last.count <= MAX_SEED


def test_remix_changes_the_seed_alone() -> None:
    job = GenerateJob(prompt="a star", seed=41, guidance=2.0, iterations=9)
    remixed = iterate.remix(job, random.Random(1))
    assert remixed.seed != job.seed
    assert dataclasses.replace(remixed, seed=41) == job


def test_a_sheet_of_two_axes_is_a_table() -> None:
    base = GenerateJob(prompt="a star", width=64, height=64)
    jobs = [
        dataclasses.replace(base, guidance=guidance, seed=seed)
        for guidance in (2.0, 3.5)
        for seed in (1, 2, 3)
    ]
    sheet = iterate.contact_sheet(jobs)
    assert sheet.columns == ("seed 1", "seed 2", "seed 3")
    assert sheet.rows == ("guidance 2", "guidance 3.5")
    assert sheet.cells == ((0, 1, 2), (3, 4, 5))
    assert sheet.labels[4] == "guidance 3.5, seed 2"


def test_a_sheet_of_one_axis_runs_on() -> None:
    jobs = [GenerateJob(prompt="a star", seed=seed) for seed in range(6)]
    sheet = iterate.contact_sheet(jobs, wrap=4)
    assert sheet.cells == ((0, 1, 2, 3), (4, 5, None, None))
    assert sheet.labels[5] == "seed 5"


def test_a_sheet_of_wildcards_names_the_words_that_differ() -> None:
    jobs = [GenerateJob(prompt=f"a {colour} big star") for colour in ("red", "dark blue")]
    assert iterate.contact_sheet(jobs).labels == ("red", "dark blue")


def test_a_sheet_with_holes_or_doubles_runs_on() -> None:
    jobs = [GenerateJob(prompt="a", seed=seed, guidance=float(seed)) for seed in range(5)]
    sheet = iterate.contact_sheet(jobs)
    assert sheet.rows == ("", "")
    twice = [GenerateJob(prompt=prompt, seed=seed) for prompt in "ab" for seed in (1, 2)] * 2
    assert len(iterate.contact_sheet(twice).cells) == 2


def test_a_sheet_of_edits_and_of_one_picture() -> None:
    edit = EditJob(prompt="make it red", source="x.png", seed=3)
    assert iterate.contact_sheet([edit]).labels == ("seed 3",)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a red star", "a blue star"], ["red", "blue"]),
        (["a star", "a big star"], ["–", "big"]),
        (["one", "two"], ["one", "two"]),
        (
            ["a red ring on a blue one", "a big ring on a red one"],
            ["red … blue", "big … red"],
        ),
        (["a a", "a a"], ["–", "–"]),
    ],
)
def test_distinct_words(texts: list[str], expected: list[str]) -> None:
    assert iterate.distinct(texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a red ring", "a blue ring"], "a … ring"),
        (["a red ring", "a blue cross"], "a …"),
        (["a ring", "a big ring", "a very big ring"], "a … ring"),
        (["a ring", "a ring"], "a ring"),
        (["one", "two"], "…"),
    ],
)
def test_shared_words(texts: list[str], expected: str) -> None:
    assert iterate.shared(texts) == expected
