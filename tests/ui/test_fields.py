"""The settings beside the prompt: what each accepts."""

from __future__ import annotations

import pytest

from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.job_settings import Value
from unipic_tui.jobs import KINDS
from unipic_tui.ui import fields

DEFAULTS = Defaults(
    width=64, height=64, guidance=2.5, iterations=8, head_steps=20, edit_guidance=1.5
)


def field(key: str) -> fields.Field:
    return next(each for each in fields.all_fields() if each.key == key)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("size", "", [None]),
        ("size", "512", [(512, 512)]),
        ("size", "512x768", [(512, 768)]),
        ("size", "512 × 768", [(512, 768)]),
        ("size", "500x300", [(496, 304)]),
        ("size", "1:1", [(64, 64)]),
        ("size", "4:1", [(128, 32)]),
        ("size", "64,128x64", [(64, 64), (128, 64)]),
        ("edit_size", "512", [512]),
        ("count", "4", [4]),
        ("seed", " 7 ", [7]),
        ("seed", "1..3", [1, 2, 3]),
        ("guidance", "2,3.5", [2.0, 3.5]),
        ("temperature", "0", [0.0]),
        ("iterations", "", [None]),
        ("quality", "", ["full"]),
        ("quality", "FAST", ["fast"]),
        ("quality", "full,fast", ["full", "fast"]),
        ("wildcards", "one", ["one"]),
        ("vision", "siglip2", ["siglip2"]),
    ],
)
def test_reads(name: str, text: str, expected: list[Value]) -> None:
    assert fields.read(field(name), text, DEFAULTS) == expected
    assert fields.problem(field(name), text, DEFAULTS) is None


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("size", "big", "an aspect ratio"),
        ("size", "0x64", "not positive"),
        ("size", "5000", "too large"),
        ("size", "0:2", "no area"),
        ("size", "1000000:1", "longer than 4096"),
        ("size", "-64", "not positive"),
        ("edit_size", "3:2", "longest side"),
        ("count", "0", "1 to 64"),
        ("count", "1,2", "whole number"),
        ("seed", "-1", "0 or more"),
        ("seed", "x", "whole number"),
        ("guidance", "nan", "0 to 100"),
        ("guidance", "inf", "0 to 100"),
        ("guidance", "-1", "0 to 100"),
        ("iterations", "2.5", "whole number"),
        ("temperature", "11", "0 to 10"),
        ("head_steps", "2000", "1 to 1000"),
        ("quality", "best", "full, exact, balanced, fast"),
        ("max_new_tokens", "0", "1 to 8192"),
        ("vision", "eyes", "mar, siglip2"),
    ],
)
def test_refuses_with_a_sentence(name: str, text: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        fields.read(field(name), text, DEFAULTS)
    sentence = fields.problem(field(name), text, DEFAULTS)
    assert sentence is not None
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("key", "mode", "expected"),
    [
        ("size", "generate", "64×64"),
        ("edit_size", "edit", "64"),
        ("guidance", "generate", "2.5"),
        ("guidance", "edit", "1.5"),
        ("iterations", "generate", "8"),
        ("head_steps", "generate", "by quality"),
        ("seed", "generate", "random"),
        ("temperature", "generate", "1"),
        ("describe_temperature", "describe", "0"),
        ("describe_seed", "describe", "0"),
    ],
)
def test_placeholders_say_what_the_checkpoint_does(key: str, mode: str, expected: str) -> None:
    assert fields.placeholder(field(key), DEFAULTS, mode) == expected


def test_a_placeholder_without_a_checkpoint() -> None:
    assert fields.placeholder(field("guidance"), None, "generate") == "auto"


@pytest.mark.parametrize("mode", KINDS)
def test_every_field_is_complete(mode: str) -> None:
    shown = fields.fields_of(mode)
    assert len({each.key for each in shown}) == len(shown) >= 4
    for each in shown:
        assert each.setting.help
        assert not each.setting.help.endswith(".")
        assert fields.field_of(mode, each.setting.name) == each
        assert fields.problem(each, "") is None
        assert each.width >= len(each.setting.label)
