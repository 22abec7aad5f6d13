"""What a drawing asks of a GPU: kernels, copies, and that nothing waits or mixes devices."""

import dataclasses
import json

import pytest
import torch

from tests.tiny import CONFIG
from unipic_tui.bench import rehearse as module
from unipic_tui.bench.rehearse import Watch, rehearse
from unipic_tui.cli import main
from unipic_tui.inference import sampling
from unipic_tui.jobs import EVALUATIONS, Quality, SamplingSettings, solver_of
from unipic_tui.model.config import PRESETS

ITERATIONS = 32
SETTINGS = SamplingSettings(guidance=3.0, iterations=ITERATIONS, head_steps=100)
LATE = range(27, 29)
"""With many tokens, and the first of them reads the unconditional rows in fast quality too."""
SMALL = dataclasses.replace(SETTINGS, iterations=4, head_steps=5)


@pytest.mark.parametrize(
    ("quality", "budget"), [("full", 250_000), ("balanced", 60_000), ("fast", 56_000)]
)
def test_a_large_drawing_keeps_to_its_kernels_and_copies(quality: Quality, budget: int) -> None:
    solver = solver_of(dataclasses.replace(SETTINGS, quality=quality))
    settings = dataclasses.replace(SETTINGS, quality=quality, head_steps=EVALUATIONS[solver])
    first, usual = (found := rehearse(PRESETS["unipic-1.5b"], 1024, settings, only=LATE)).kernels
    once = found.prompt + found.decoding
    assert once + first + (ITERATIONS - 1) * usual <= budget
    assert found.copies[1] <= 2
    assert found.copied < 8_000_000
    assert found.weights < found.peak < 8e9


def test_every_iteration_is_counted() -> None:
    whole = rehearse(CONFIG, 64, SMALL)
    assert len(whole.kernels) == len(whole.copies) == 4
    assert sum(whole.stages.values()) == sum(whole.kernels) + whole.decoding
    part = rehearse(CONFIG, 64, SMALL, only=range(1, 3))
    assert part.kernels[1] == whole.kernels[2]
    more = rehearse(CONFIG, 64, dataclasses.replace(SMALL, head_steps=10))
    assert more.stages["head"] > 1.8 * whole.stages["head"]
    assert more.stages["MAR decoder"] == whole.stages["MAR decoder"]
    assert more.flops > whole.flops


def test_products_are_counted_as_they_are() -> None:
    x, weight = torch.ones(3, 8, device="meta"), torch.ones(5, 8, device="meta")
    with torch.no_grad(), Watch() as watch:
        torch.nn.functional.linear(x, weight)
        _ = x.t()[1:].unsqueeze(0)
        torch.ones(4).to("meta")
        torch.ones(3, 5, device="meta").addmm_(x, weight.t())
    flops = 2 * 3 * 8 * 5
    assert (watch.kernels, watch.flops, watch.copies, watch.copied) == (3, 2 * flops, 1, 16)


def test_what_would_wait_or_mix_devices_is_refused() -> None:
    here, there = torch.ones(3), torch.ones(3, device="meta")
    with torch.no_grad(), Watch():
        with pytest.raises(RuntimeError, match="mul mixes tensors of two devices"):
            _ = here * there
        with pytest.raises(RuntimeError):
            there.sum().item()
        with pytest.raises(NotImplementedError):
            there.cpu()


def test_a_sampler_that_leaves_a_tensor_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "to_device", lambda tensor, _: tensor)
    with pytest.raises(RuntimeError):
        rehearse(CONFIG, 64, SMALL)


def test_the_command_prints_what_was_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "unipic-1.5b", CONFIG)
    command = ["bench", "rehearse", "--size", "64", "--iterations", "4", "--quality", "fast"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    settings = SamplingSettings(guidance=2.0, iterations=4, head_steps=4, quality="fast")
    found = module.rehearse(CONFIG, 64, settings)
    total = found.prompt + sum(found.kernels) + found.decoding
    assert "64×64, fast, 4 iterations" in shown
    assert f"{total:,}" in shown
    assert main([command[0], "--rehearse", *command[2:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == total


@pytest.mark.parametrize(
    ("flag", "value"), [("--size", "17"), ("--model", "other"), ("--iterations", "0")]
)
def test_what_cannot_be_rehearsed_is_said(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "rehearse", flag, value]) != 0
    assert value in capsys.readouterr().err
