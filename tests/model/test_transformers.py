"""Our language model and vision tower are those of ``transformers``, within rounding."""

import pytest
import torch

from tests.references import qwen2_of_transformers, siglip_of_transformers
from tests.tiny import CONFIG, make_model
from unipic_tui.model.cache import PrefixCache

ROWS, PREFIX, LENGTH, WIDTH = 2, 5, 9, CONFIG.llm.hidden_size


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_language_model_reads_as_theirs(dtype: torch.dtype) -> None:
    model, generator = make_model(), torch.Generator().manual_seed(1)
    inputs = torch.randn(ROWS, PREFIX + LENGTH, WIDTH, generator=generator).to(dtype)
    theirs = qwen2_of_transformers(model).to(dtype)
    theirs.model.rotary_emb.float()
    frequencies = model.llm.model.rotary_emb.inv_freq
    model.to(dtype).llm.model.rotary_emb.inv_freq = frequencies
    with torch.inference_mode():
        expected = theirs.model(inputs_embeds=inputs).last_hidden_state
        tolerance = 1e-5 if dtype == torch.float32 else 0.05
        torch.testing.assert_close(model.read(inputs), expected, atol=tolerance, rtol=0)

        cache = PrefixCache(CONFIG.llm, ROWS, PREFIX + LENGTH, model.device, dtype)
        model.read(inputs[:, :PREFIX], cache=cache)
        cache.keep(PREFIX)
        behind = model.read(inputs[:, PREFIX:], cache=cache)
        torch.testing.assert_close(behind, expected[:, PREFIX:], atol=tolerance, rtol=0)
        cache.keep(LENGTH - 1)
        last = model.read(inputs[:, -1:], cache=cache)
        torch.testing.assert_close(last, expected[:, -1:], atol=tolerance, rtol=0)


def test_padding_and_positions_are_theirs() -> None:
    model, generator = make_model(), torch.Generator().manual_seed(2)
    inputs = torch.randn(ROWS, LENGTH, WIDTH, generator=generator)
    padding = torch.ones(ROWS, LENGTH, dtype=torch.bool)
    padding[1, :3] = False
    positions = padding.long().cumsum(1) - 1
    allowed = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril() & padding[:, None, None]
    with torch.inference_mode():
        ours = model.read(inputs, positions, allowed)
        theirs = qwen2_of_transformers(model).model(
            inputs_embeds=inputs, attention_mask=padding.long(), position_ids=positions
        )
    torch.testing.assert_close(ours[padding], theirs.last_hidden_state[padding])


def test_the_vision_tower_sees_as_theirs() -> None:
    model = make_model()
    assert model.siglip2 is not None
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = siglip_of_transformers(model)(pixel_values=images).last_hidden_state
        torch.testing.assert_close(model.siglip2(images), expected)
