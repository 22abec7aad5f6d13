"""The text that image tools share."""

from __future__ import annotations

import pytest

from unipic_tui.jobs import EditJob, GenerateJob
from unipic_tui.parameters import Parameters, describe_job, format_parameters, parse_parameters


def test_a_picture_as_other_tools_read_it() -> None:
    job = GenerateJob(
        prompt="a red circle,\nleft: of it", seed=1, guidance=3.0, iterations=32, head_steps=100
    )
    text = format_parameters(describe_job(job, "UniPic, v1", (1024, 768)))
    assert text == (
        "a red circle,\nleft: of it\n"
        "Steps: 32, Sampler: UniPic full, CFG scale: 3, Seed: 1, Size: 1024x768, Head steps: 100, "
        'Model: "UniPic, v1", Version: unipic-tui 0.1.0'
    )


def test_what_differs_from_the_usual_is_told() -> None:
    job = EditJob(
        prompt="x",
        source="/a.png",
        schedule="linear",
        temperature=0.75,
        order="spread",
        guidance=2.5,
        unconditional="a cat",
        quality="exact",
    )
    parameters = describe_job(job, "m", (64, 64))
    assert parameters.negative == "a cat"
    assert parameters.settings["Schedule"] == "linear"
    assert parameters.settings["Order"] == "spread"
    assert parameters.settings["Temperature"] == "0.75"
    assert parameters.settings["CFG scale"] == "2.5"
    assert parameters.settings["Mode"] == "edit"
    assert parameters.settings["Sampler"] == "UniPic exact"
    assert "Steps" not in parameters.settings  # left open in the job
    assert "\nNegative prompt: a cat\n" in format_parameters(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters("a", "", {"Steps": "1", "Model": 'odd "name", with: all\nof it'}),
        Parameters("two\nlines", "also\ntwo", {"Steps": "2", "Seed": "3"}),
        Parameters("Steps: 3, a: b, c: d", "", {"Steps": "1", "Model": "m", "Size": "1x1"}),
        Parameters("赤い丸", "", {"Steps": "1", "Quoted": '"'}),
        Parameters("a", "", {"Steps": "1", "Empty": ""}),
    ],
)
def test_there_and_back(parameters: Parameters) -> None:
    assert parse_parameters(format_parameters(parameters)) == parameters


def test_another_tools_text() -> None:
    text = (
        "masterpiece, (a cat:1.2)\nsitting\nNegative prompt: blurry\nugly\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 512x768, "
        'Model hash: abc, Lora hashes: "a: 1, b: 2", Version: v1.6.0'
    )
    found = parse_parameters(text)
    assert found.prompt == "masterpiece, (a cat:1.2)\nsitting"
    assert found.negative == "blurry\nugly"
    assert found.settings["Lora hashes"] == "a: 1, b: 2"
    assert found.settings["Version"] == "v1.6.0"
    assert len(found.settings) == 8


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("", ""),
        ("only words", "only words"),
        ("colour: red, shape: ring", "colour: red, shape: ring"),
        ("a: 1, b: 2, not a pair", "a: 1, b: 2, not a pair"),
        ("words\nwith: colons", "words\nwith: colons"),
    ],
)
def test_a_prompt_alone(text: str, prompt: str) -> None:
    assert parse_parameters(text) == Parameters(prompt)


@pytest.mark.parametrize(
    "text", ['Steps: "', 'Steps: "a\\', "Steps: 1,", 'Steps: "1" x, y: z', ":" * 9999]
)
def test_broken_text_is_read_somehow(text: str) -> None:
    assert isinstance(parse_parameters(text), Parameters)
