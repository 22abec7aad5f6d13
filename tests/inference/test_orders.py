"""Orders in which tokens appear."""

import pytest
import torch

from unipic_tui.inference.orders import spread_order


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (4, 4), (3, 5), (16, 9), (64, 64)])
def test_every_token_appears_once(grid: tuple[int, int]) -> None:
    order = spread_order(*grid)
    assert order.sort().values.tolist() == list(range(grid[0] * grid[1]))


@pytest.mark.parametrize("side", [4, 8, 32])
def test_every_beginning_is_spread_evenly(side: int) -> None:
    """At every scale, no part of the picture is ever ahead of another by more than a token."""
    appears = spread_order(side, side).argsort().view(side, side)
    parts = 2
    while parts <= side:
        size = side // parts
        first = appears.unfold(0, size, size).unfold(1, size, size).flatten(2).sort(dim=2).values
        first = first.flatten(0, 1)
        assert (first[:, 1:].amin(dim=0) > first[:, :-1].amax(dim=0)).all()
        parts *= 2


def test_the_first_tokens_lie_across_from_each_other() -> None:
    assert spread_order(4, 4)[:4].tolist() == [0, 10, 2, 8]


def test_a_random_order_is_not_spread() -> None:
    """So that the test above could fail."""
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    fourths = (order // 32 * 2 + order % 8 // 4)[:16].bincount(minlength=4)
    assert fourths.max() > fourths.min()
