"""Large pictures are coded in bands of rows, and are the same."""

import pytest
import torch
from torch import Tensor, nn

from unipic_tui.model import vae as module
from unipic_tui.model.config import VaeConfig
from unipic_tui.model.vae import Vae

WIDE = VaeConfig(channels=8, multipliers=(1, 2, 4), blocks=1, norm_groups=2)


def make_vae(dtype: torch.dtype = torch.float32) -> Vae:
    torch.manual_seed(0)
    vae = Vae(WIDE).eval().requires_grad_(False)
    for part in vae.modules():
        if isinstance(part, nn.GroupNorm):
            part.weight.normal_(1, 0.3)
            part.bias.normal_(0, 0.3)
    return vae.to(dtype)


def decoded(monkeypatch: pytest.MonkeyPatch, vae: Vae, latents: Tensor, band: int) -> Tensor:
    monkeypatch.setattr(module, "_BAND_BYTES", band)
    with torch.inference_mode():
        return vae.decode(latents.to(vae.post_quant_conv.weight.dtype)).float()


@pytest.mark.parametrize("band", [1, 3000, 20_000])
@pytest.mark.parametrize(("pictures", "rows"), [(1, 13), (2, 8)])
def test_bands_give_the_same_picture(
    monkeypatch: pytest.MonkeyPatch, band: int, pictures: int, rows: int
) -> None:
    vae, latents = make_vae(), torch.randn(pictures, rows, 10, 16)
    whole = decoded(monkeypatch, vae, latents, 1 << 40)
    heights: list[int] = []
    vae.decoder.conv_out.register_forward_hook(lambda *_: heights.append(1))
    banded = decoded(monkeypatch, vae, latents, band)
    assert heights == []  # it was computed in bands, which do not call the layer as a whole
    torch.testing.assert_close(banded, whole, atol=1e-5, rtol=0)
    with torch.inference_mode():
        encoded = vae.encode(whole)
        monkeypatch.setattr(module, "_BAND_BYTES", 1 << 40)
        torch.testing.assert_close(encoded, vae.encode(whole), atol=1e-5, rtol=0)


def test_bands_round_no_more_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(1, 13, 10, 16, generator=torch.Generator().manual_seed(1)).bfloat16()
    wide, narrow = make_vae(), make_vae(torch.bfloat16)
    exact = decoded(monkeypatch, wide, latents, 1 << 40)
    whole = decoded(monkeypatch, narrow, latents, 1 << 40) - exact
    banded = decoded(monkeypatch, narrow, latents, 3000) - exact
    assert banded.square().mean() <= whole.square().mean()


def test_training_is_never_banded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BAND_BYTES", 1)
    vae = make_vae().requires_grad_(True)
    vae.decode(torch.randn(1, 4, 4, 16)).sum().backward()
    grads = [value.grad for value in vae.decoder.parameters()]
    assert all(grad is not None and bool(grad.isfinite().all()) for grad in grads)
