"""The mask schedule, guidance, and the loop itself."""

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.tiny import CONFIG, make_model
from unipic_tui.inference.sampling import (
    SamplingSettings,
    evaluations,
    guidance_at,
    masked_counts,
    read_prefix,
    sample,
)
from unipic_tui.inference.state import SamplerState
from unipic_tui.jobs import Quality, solver_of
from unipic_tui.model.unipic import UniPicModel

TOKENS, GRID, WIDTH = 16, (4, 4), CONFIG.llm.hidden_size
SETTINGS = SamplingSettings(guidance=2.0, iterations=4, head_steps=3)


@pytest.fixture(scope="module")
def model() -> UniPicModel:
    return make_model()


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def prompts(rows: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    mask = torch.ones(rows, 6, dtype=torch.bool)
    mask[rows // 2 :, 4:] = False
    return torch.randn(rows, 6, WIDTH, generator=generator), mask


def draw(
    model: UniPicModel,
    seeds: list[int],
    settings: SamplingSettings = SETTINGS,
    state: SamplerState | None = None,
    stop_after: int | None = None,
) -> SamplerState:
    rows = 2 * len(seeds)
    embeddings, mask = prompts(2)
    repeated = embeddings.repeat_interleave(len(seeds), 0), mask.repeat_interleave(len(seeds), 0)
    guided = settings.guidance != 1
    kept = rows if guided else len(seeds)
    prefix = read_prefix(model, repeated[0][:kept], repeated[1][:kept], TOKENS, guided=guided)
    state = state or SamplerState.start(seeds, torch.zeros(len(seeds), TOKENS, 16))
    for step in sample(model, prefix, state, GRID, settings):
        if step.iteration == stop_after:
            break
    return state


@pytest.mark.parametrize(("tokens", "iterations"), [(4096, 32), (16, 16), (16, 64), (1, 8), (5, 1)])
def test_the_schedule_is_the_cosine_and_always_draws(tokens: int, iterations: int) -> None:
    counts = [tokens, *masked_counts(tokens, iterations)]
    assert counts[-1] == 0
    assert all(before > after for before, after in pairwise(counts))
    assert len(counts) - 1 <= min(tokens, iterations)
    for step, count in enumerate(counts[1:-1], 1):
        assert 1 <= count <= math.floor(tokens * math.cos(math.pi / 2 * step / iterations)) + 1


def test_guidance_rises_when_it_is_linear() -> None:
    assert guidance_at(3.0, "constant", 16, 12) == 3.0
    assert guidance_at(3.0, "linear", 16, 12) == pytest.approx(1.5)
    assert guidance_at(3.0, "linear", 16, 0) == guidance_at(3.0, "linear", 16, 1)


def test_one_seed_gives_one_picture_and_another_another(model: UniPicModel) -> None:
    first, again, other = (draw(model, [seed]).tokens for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_each_picture_of_a_batch_is_its_seeds_own(model: UniPicModel) -> None:
    together = draw(model, [3, 4]).tokens
    for row, seed in enumerate((3, 4)):
        torch.testing.assert_close(
            together[row], draw(model, [seed]).tokens[0], rtol=1e-3, atol=1e-3
        )


def test_a_kept_state_goes_on_to_the_same_picture(model: UniPicModel) -> None:
    whole = draw(model, [5]).tokens
    half = draw(model, [5], stop_after=2)
    assert not torch.equal(half.tokens, whole)
    assert torch.equal(draw(model, [5], state=half).tokens, whole)


def test_guidance_of_one_needs_no_second_row(model: UniPicModel) -> None:
    alone = draw(model, [5], SamplingSettings(guidance=1.0, iterations=4, head_steps=3)).tokens
    guided = draw(model, [5], SamplingSettings(guidance=1.0 + 1e-9, iterations=4, head_steps=3))
    torch.testing.assert_close(alone, guided.tokens, rtol=1e-3, atol=1e-3)


def test_tokens_outside_a_region_stay(model: UniPicModel) -> None:
    latents = torch.randn(1, TOKENS, 16)
    region = torch.tensor([5, 6, 9, 10])
    state = SamplerState.start([1], latents.clone(), region)
    assert sum(state.known(4)[0]) == 12
    drawn = draw(model, [1], state=state).tokens
    outside = [token for token in range(TOKENS) if token not in region.tolist()]
    assert torch.equal(drawn[:, outside], latents[:, outside])
    assert not torch.isclose(drawn[:, region], latents[:, region]).any(dim=-1).all()


def test_known_tokens_follow_the_order() -> None:
    state = SamplerState.start([1], torch.zeros(1, TOKENS, 16))
    masked = {int(place) for place in state.orders[0, :5]}
    assert {place for place, known in enumerate(state.known(5)[0]) if not known} == masked


def test_an_order_given_is_kept_to_in_a_region_too() -> None:
    order = torch.arange(TOKENS).flip(0)
    region = torch.tensor([5, 6, 9, 10])
    empty = torch.zeros(2, TOKENS, 16)
    whole = SamplerState.start([1, 2], empty, order=order)
    assert whole.known(TOKENS - 1) == [tuple(place == TOKENS - 1 for place in range(TOKENS))] * 2
    part = SamplerState.start([1, 2], empty, region, order)
    assert part.orders.flip(1).tolist() == [[10, 9, 6, 5]] * 2
    noises = [torch.randn(3, generator=own) for own in part.generators]
    assert not torch.equal(*noises)


@pytest.mark.parametrize(
    ("quality", "asked", "solver", "taken"),
    [
        ("exact", 100, "ddpm", 100),
        ("exact", 1000, "ddpm", 1000),
        ("full", 80, "ddpm", 80),
        ("full", 1000, "ddpm", 951),
        ("balanced", 10, "dpmpp_2m_sde", 10),
        ("balanced", 1000, "dpmpp_2m_sde", 926),
        ("fast", 10, "dpmpp_2m_sde", 10),
    ],
)
def test_each_quality_has_its_solver_and_evaluations(
    model: UniPicModel, quality: Quality, asked: int, solver: str, taken: int
) -> None:
    settings = SamplingSettings(guidance=2.0, iterations=3, head_steps=asked, quality=quality)
    assert (solver_of(settings), evaluations(settings)) == (solver, taken)
    assert torch.isfinite(draw(model, [2], settings).tokens).all()


def test_a_chosen_solver_counts_except_in_exact() -> None:
    assert solver_of(SamplingSettings(solver="dpmpp_2m")) == "dpmpp_2m"
    assert solver_of(SamplingSettings(solver="ddpm", quality="balanced")) == "ddpm"
    assert solver_of(SamplingSettings(solver="dpmpp_2m", quality="exact")) == "ddpm"


def test_the_unconditional_half_matters_in_fast_too(model: UniPicModel) -> None:
    plain = SamplingSettings(guidance=1.0, iterations=4, head_steps=8, quality="fast")
    strong = SamplingSettings(guidance=6.0, iterations=4, head_steps=8, quality="fast")
    assert not torch.allclose(draw(model, [2], plain).tokens, draw(model, [2], strong).tokens)
