"""The diffusion head: Harmon's published outputs, and solvers against known solutions."""

import dataclasses
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.parity import read_config
from tests.tiny import CONFIG, make_model
from unipic_tui.jobs import Solver
from unipic_tui.model import diffusion
from unipic_tui.model.config import HARMON_MAX_BETA, PRESETS, UniPicConfig
from unipic_tui.model.diffusion import (
    FIRST_STEP,
    SAFE_FIRST_STEP,
    DiffusionHead,
    draw_noise,
    noise_steps,
    process,
)
from unipic_tui.paths import EMBEDDED_CHECKPOINT

DATA = Path(__file__).parent.parent / "data"
RUNS = {"s10_cfg3_t0.9": (3.0, 0.9), "s10_cfg1_t1": (1.0, 1.0), "s100_cfg3_t1": (3.0, 1.0)}
HARMON = load_file(DATA / "harmon_head.safetensors")
MEAN, DEVIATION = 0.7, 0.4


def published_head(max_beta: float) -> DiffusionHead:
    description = json.loads((DATA / "parity.json").read_text())
    config = dataclasses.replace(read_config(description["config"]).mar, max_beta=max_beta)
    head = DiffusionHead(config)
    weights: dict[str, Tensor] = {}
    for key, (shape, mean, std) in description["keys"].items():
        if key.startswith("mar.diffloss."):
            rng = np.random.default_rng(zlib.crc32(key.encode()))
            values = (mean + std * rng.standard_normal(shape)).astype(np.float32)
            weights[key.removeprefix("mar.diffloss.")] = torch.from_numpy(values)
    head.load_state_dict(weights)
    return head.requires_grad_(False)


def error_of(name: str, max_beta: float) -> float:
    guidance, temperature = RUNS[name]
    noises = HARMON[f"{name}.noise_steps"]
    ours = published_head(max_beta).sample(
        HARMON[f"{name}.z"],
        HARMON[f"{name}.noise_init"],
        noises,
        len(noises),
        first=FIRST_STEP,
        guidance=guidance,
        temperature=temperature,
    )
    theirs = HARMON[f"{name}.latents"]
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("name", RUNS)
def test_harmon_equals_its_published_code(name: str) -> None:
    assert error_of(name, HARMON_MAX_BETA) < 1e-3
    assert error_of(name, 0.2) > 0.1
    theirs = HARMON[f"{name}.sqrt_recip_alphas_cumprod"]
    ours = process(len(theirs), FIRST_STEP, HARMON_MAX_BETA).inverse_signal
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)


def test_each_model_has_the_schedule_it_was_trained_with() -> None:
    shipped = json.loads((EMBEDDED_CHECKPOINT / "config.json").read_text())
    betas = {config.name: config.mar.max_beta for config in PRESETS.values()}
    betas["nano"] = UniPicConfig.from_dict(shipped).mar.max_beta
    assert betas == {"unipic-1.5b": 0.2, "harmon-1.5b": 0.999, "harmon-0.5b": 0.999, "nano": 0.2}


def test_a_conversion_of_harmon_without_the_field_keeps_harmons_schedule() -> None:
    data: dict[str, Any] = PRESETS["harmon-0.5b"].to_dict()
    del data["mar"]["max_beta"]
    assert UniPicConfig.from_dict(data) == PRESETS["harmon-0.5b"]
    tiny = CONFIG.to_dict()
    tiny["mar"]["max_beta"] = 0.5
    assert UniPicConfig.from_dict(tiny).mar.max_beta == 0.5


class GaussianHead(DiffusionHead):
    """Predicts what is exactly right when latents are Gaussian, in place of a network."""

    def __init__(self) -> None:
        super().__init__(CONFIG.mar)
        self.asked: list[int] = []

    def embed_times(self, steps: int, first: int, solver: Solver) -> Tensor:
        spacing: Literal["even", "snr"] = "even" if solver == "ddpm" else "snr"
        return process(steps, first, spacing=spacing).timesteps.flip(0)

    def _modulations(self, z: Tensor, times: Tensor) -> Iterator[Any]:
        yield from times.tolist()

    def _predict(self, x: Tensor, modulations: Any, guidance: float) -> tuple[Tensor, Tensor]:
        self.asked.append(modulations)
        signal, noise = (getattr(process(), part)[modulations] for part in ("signal", "noise"))
        spread = signal**2 * DEVIATION**2 + noise**2
        return noise * (x - signal * MEAN) / spread, torch.zeros_like(x)


def draw(head: DiffusionHead, steps: int, solver: Solver, rows: int = 64, **options: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = draw_noise(generator, rows, 16, noise_steps(solver, steps))
    z = torch.zeros(rows, CONFIG.mar.decoder_width)
    return head.sample(z, noise[0], noise[1:], steps, solver=solver, **options)


def test_the_ode_solver_converges_in_second_order() -> None:
    noise = draw_noise(torch.Generator().manual_seed(0), 64, 16, 0)[0]
    signal, spread = process().signal[SAFE_FIRST_STEP], process().noise[SAFE_FIRST_STEP]
    at_start = (signal**2 * DEVIATION**2 + spread**2).sqrt()
    exact = MEAN + DEVIATION * (noise - signal * MEAN) / at_start
    few, many = (float((draw(GaussianHead(), n, "dpmpp_2m") - exact).abs().max()) for n in (10, 40))
    assert few < 0.05
    assert many < few / 8


@pytest.mark.parametrize(("solver", "steps"), [("ddpm", 250), ("dpmpp_2m_sde", 40)])
def test_the_stochastic_solvers_draw_the_distribution(solver: Solver, steps: int) -> None:
    drawn = draw(GaussianHead(), steps, solver, rows=2000)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(DEVIATION, rel=0.05)


@pytest.mark.parametrize("solver", ["ddpm", "dpmpp_2m", "dpmpp_2m_sde"])
def test_temperature_scales_the_spread(solver: Solver) -> None:
    usual, cool = (
        float(draw(GaussianHead(), 60, solver, rows=500, temperature=t).std()) for t in (1.0, 0.5)
    )
    assert cool / usual == pytest.approx(0.5, abs=0.03)


def test_timesteps_are_even_in_log_snr() -> None:
    head = GaussianHead()
    draw(head, 12, "dpmpp_2m")
    assert head.asked == sorted(head.asked, reverse=True)
    assert (head.asked[0], head.asked[-1]) == (SAFE_FIRST_STEP, 8)
    plan = process()
    gaps = (plan.signal[head.asked[:-1]] / plan.noise[head.asked[:-1]]).log().diff()
    assert float(gaps.std() / gaps.mean()) < 0.1


@pytest.mark.parametrize("steps", [1, 2, 3, 200, 951])
def test_any_number_of_steps_fits(steps: int) -> None:
    timesteps = process(steps, SAFE_FIRST_STEP, spacing="snr").timesteps.tolist()
    assert len(set(timesteps)) == steps
    assert timesteps == sorted(timesteps)
    assert timesteps[-1] == SAFE_FIRST_STEP
    assert steps == 1 or timesteps[0] == min(8, SAFE_FIRST_STEP + 1 - steps)
    head = make_model().mar.diffloss
    for solver in ("dpmpp_2m", "dpmpp_2m_sde"):
        assert bool(draw(head, min(steps, 20), solver, rows=2).isfinite().all())


@pytest.mark.parametrize("rows", [1, 40, 100_000])
def test_chunks_of_modulations_change_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head = make_model().mar.diffloss
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(12, CONFIG.mar.decoder_width, generator=generator)
    noise = draw_noise(generator, 6, 16, 7)
    expected = head.sample(z, noise[0], noise[1:], 7, guidance=3.0)
    monkeypatch.setattr(diffusion, "_MODULATED_ROWS", rows)
    drawn = head.sample(z, noise[0], noise[1:], 7, guidance=3.0)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)
