"""Weights side by side, and prompts of different lengths behind one mark."""

import pytest
import torch
from torch import Tensor, nn

from tests.inference.test_sampling import draw
from tests.tiny import CONFIG, make_model
from unipic_tui.model.cache import PrefixCache, Span
from unipic_tui.model.layers import joined, pack, product, products


def layers(*sizes: int, bias: bool = True) -> list[nn.Linear]:
    torch.manual_seed(0)
    return [nn.Linear(6, size, bias=bias) for size in sizes]


@pytest.mark.parametrize("bias", [True, False])
def test_packed_layers_are_one_product_with_the_same_results(*, bias: bool) -> None:
    parts, x = layers(4, 2, 3, bias=bias), torch.randn(5, 6)
    expected = [part(x) for part in parts]
    pack(parts)
    torch.testing.assert_close([part(x) for part in parts], expected)
    assert joined(parts) is None  # while gradients are wanted
    with torch.no_grad():
        whole = joined(parts)
        assert whole is not None
        assert whole[0].shape == (9, 6)
        assert whole[0].data_ptr() == parts[0].weight.data_ptr()
        torch.testing.assert_close(list(products(x, parts)), expected)
        torch.testing.assert_close(product(x, parts), torch.cat(expected, -1))


def test_a_packed_layer_learns_and_moves_by_itself() -> None:
    parts, x = layers(4, 2), torch.randn(5, 6)
    pack(parts)
    parts[1](x).sum().backward()
    assert parts[0].weight.grad is None
    with torch.no_grad():
        parts[1].weight.add_(1)
        torch.testing.assert_close(list(products(x, parts)), [part(x) for part in parts])
        for part in parts:
            part.double()
        assert joined(parts) is None
        assert product(x.double(), parts).shape == (5, 6)


@torch.inference_mode()
def test_a_packed_model_draws_the_same_under_the_same_names() -> None:
    model = make_model()
    expected, keys = draw(model, [3]).tokens, set(model.state_dict())
    model.pack()
    assert joined(model.mar.diffloss.net.modulating) is not None
    torch.testing.assert_close(draw(model, [3]).tokens, expected, rtol=1e-3, atol=1e-3)
    assert set(model.state_dict()) == keys


@torch.inference_mode()
def test_rows_behind_prefixes_of_different_length_are_what_they_are_alone() -> None:
    model, lengths = make_model(), [5, 5, 2, 7]
    torch.manual_seed(1)
    width = CONFIG.llm.hidden_size
    prompts, more = torch.randn(4, 7, width), torch.randn(4, 3, width)

    def cache(rows: list[int]) -> PrefixCache:
        cpu = torch.device("cpu")
        return PrefixCache(CONFIG.llm, len(rows), 12, cpu, torch.float32, rows)

    def alone(row: int) -> Tensor:
        own = cache([lengths[row]])
        model.read(prompts[row : row + 1, : lengths[row]], cache=own)
        own.keep(lengths[row])
        return model.read(more[row : row + 1], cache=own)[0]

    together = cache(lengths)
    assert together.spans == (Span(0, 2, 2), Span(2, 3, 5), Span(3, 4, 0))
    for span in together.spans:
        own = together.select(span.rows)
        own.keep(span.start)
        model.read(prompts[span.rows, : 7 - span.start], cache=own)
    together.keep(7)
    read = model.read(more, cache=together)
    for row in range(4):
        torch.testing.assert_close(read[row], alone(row), rtol=1e-4, atol=1e-4)
    part = together.select(slice(1, 3))
    assert part.spans == (Span(0, 1, 2), Span(1, 2, 5))
    torch.testing.assert_close(model.read(more[1:3], cache=part), read[1:3], rtol=1e-4, atol=1e-4)
