"""A1111's text and what bends it."""

from __future__ import annotations

import pytest

from tests.library.provenance.building import A1111, NEGATIVE, PROMPT, SETTINGS
from unipic_tui.infotext import split_infotext

RESOURCES = '[{"type":"checkpoint","modelVersionId":7,"modelName":"Mist, thick"}]'


@pytest.mark.parametrize(
    "text",
    [
        A1111,
        A1111.replace("\n", "\r\n"),
        A1111.replace("\n", "\r"),
        A1111.replace("\n", " "),
        A1111.replace("\nSteps", ".Steps").replace(NEGATIVE, NEGATIVE[:-1]) + ", Extra: t",
        f"\ufeff{A1111}\0\0",
        f'{A1111}, Hashes: {{"vae": "a", "lora:x": "b"}}, Version: v1.10',
        f"{A1111}, Hashes: {{'vae': 'a', 'model': 'b'}}, Version: v1.10",
        f"{A1111}, Civitai resources: {RESOURCES}, Civitai metadata: {{}}",
        f"{A1111},\nCivitai resources: [\n  {{\"a\": 1}},\n  {{\"b\": [2, 3]}}]\n",
        f'{A1111}, ADetailer prompt: "face, Steps: 4, Seed: 5, CFG scale: 1\\nsmile"',
        f"{A1111}, ControlNet 0: Module: canny, Weight: 1, Pixel Perfect: True",
        f"{A1111}\nTemplate: {{a|b}} lighthouse, Size: 1x1\nNegative Template: crowd",
        f"{A1111}\nTemplate:x\nSteps: 5 of stairs, Seed: 4, CFG scale: 2\nNegative Template:y",
        f"{A1111}, Unclosed: \"quote, Broken: {{\"a\": [1, Version: 1",
        A1111.replace("Steps: 30, ", "Steps: 30, an odd value, "),
        A1111.replace("Seed: 424242, ", "Seed: 424242, , ,, (x), "),
        A1111.replace(", ", ",").replace(f"{NEGATIVE}".replace(", ", ","), NEGATIVE),
        f"{A1111}, Seed: 5, Steps: 6",
        f"{A1111}\nSteps: 12, Sampler: Euler, Seed: 9, Upscaler: 4x",
    ],
    ids=range(20),
)  # fmt: skip
def test_the_settings_survive(text: str) -> None:
    prompt, negative, settings = split_infotext(text)
    assert prompt == PROMPT
    assert negative in {NEGATIVE, f"{NEGATIVE[:-1]}."}
    assert {name: settings[name] for name in ("Steps", "CFG scale", "Seed", "Size")} == {
        "Steps": "30",
        "CFG scale": "5.5",
        "Seed": "424242",
        "Size": "832x1216",
    }


@pytest.mark.parametrize(
    ("head", "prompt", "negative"),
    [
        ("", "", ""),
        ("\n", "", ""),
        ("Negative prompt: blur\n", "", "blur"),
        ("Negative prompt: ", "", ""),
        ("a fox\nNegative prompt:\n", "a fox", ""),
        ("fog, Negative space Negative prompt: ", "fog, Negative space", ""),
        ("a fox\nNegative prompt: one\n\n two,\nthree:\n", "a fox", "one\n\n two,\nthree:"),
        ("Steps: one, two\nup\n", "Steps: one, two\nup", ""),
        ("10 Steps: 3 of stone\n", "10 Steps: 3 of stone", ""),
        ("a (fox).", "a (fox).", ""),
        ("a fox, ", "a fox", ""),
        ("old\nNegative prompt: x\nSteps: 9, Sampler: A, Seed: 1\nnew\n",
         "old\nNegative prompt: x\nSteps: 9, Sampler: A, Seed: 1\nnew", ""),
        ("old\nNegative prompt: x\nSteps: 9, Sampler: A, Seed: 1\nnew\nNegative prompt: y\n",
         "old\nNegative prompt: x\nSteps: 9, Sampler: A, Seed: 1\nnew", "y"),
        ("a sign\nNegative prompt: here\nNegative prompt: dust\n", "a sign", "here\ndust"),
    ],
    ids=range(14),
)  # fmt: skip
def test_no_line_of_settings_is_prompt_or_negative(head: str, prompt: str, negative: str) -> None:
    found = split_infotext(head + SETTINGS)
    assert (found[0], found[1]) == (prompt, negative)
    assert found[2]["Seed"] == "424242"


def test_values_come_out_whole() -> None:
    text = f'{A1111}, Lora hashes: "a: 1, b: 2", Civitai resources: {RESOURCES}, Date: 10:37:03Z'
    settings = split_infotext(text)[2]
    assert settings["Lora hashes"] == "a: 1, b: 2"
    assert settings["Civitai resources"] == RESOURCES
    assert settings["Date"] == "10:37:03Z"
    assert split_infotext("x\nSteps: 3, Model: a, b, c, Seed: 4")[2]["Model"] == "a, b, c"


@pytest.mark.parametrize(
    "text", ["a fox", "Steps: up\nthe hill", "Size: small, Model: fox", "the Seed: a story", "a: 1"]
)
def test_prose_is_a_prompt(text: str) -> None:
    assert split_infotext(text) == (text, "", {})


@pytest.mark.parametrize(
    "text",
    [
        "Steps: 1," + "a," * 200_000,
        "Steps: 1 " * 100_000,
        "Seed:\n" * 100_000,
        "Steps: 1\n" * 100_000,
        'Steps: 1, a: "b' * 60_000,
        "Steps: 1, " + 'a: {"b": [' * 80_000,
        "Steps: 1, " + "a: [1, 2," * 80_000,
        "a: [[[[" * 100_000,
        "Negative prompt:\n" * 50_000,
    ],
    ids=range(9),
)
def test_hostile_texts_come_to_an_end(text: str) -> None:
    assert len(split_infotext(text)) == 3
