"""What pictures drawn at once are estimated to need, against tensors counted on the meta device."""

import dataclasses

import pytest
import torch

from unipic_tui.bench.rehearse import Fused, Watch
from unipic_tui.inference.prepare import Preparation
from unipic_tui.inference.prompts import Prompt
from unipic_tui.inference.sampling import filled, read_prefix, sample
from unipic_tui.inference.state import SamplerState
from unipic_tui.inference.together import decode_bytes, picture_bytes
from unipic_tui.jobs import DrawingJob, GenerateJob, Quality
from unipic_tui.model.checkpoint import build_on_meta
from unipic_tui.model.config import PRESETS
from unipic_tui.model.unipic import UniPicModel

LENGTH = 40


def drawing_peak(model: UniPicModel, job: DrawingJob, side: int, pictures: int) -> int:
    """Most bytes alive in the last two iterations, when so many are drawn at once."""
    grid = (side // 16, side // 16)
    tokens = grid[0] * grid[1]
    latents = torch.zeros(pictures, tokens, model.config.mar.latent_channels, device="meta")
    state = SamplerState.start(list(range(pictures)), latents)
    state.iteration = filled(job.iterations) - 2
    mask = torch.ones(2 * pictures, LENGTH, dtype=torch.bool)
    watch = Watch()
    with torch.no_grad(), watch, Fused(watch):
        model.pack()
        shape = (*mask.shape, model.config.llm.hidden_size)
        embeddings = torch.empty(shape, dtype=model.dtype, device="meta")
        prefix = read_prefix(model, embeddings, mask, tokens, guided=True)
        for _ in sample(model, prefix, state, grid, job):
            pass
    return watch.peak


@pytest.mark.parametrize(
    ("name", "side", "iterations", "quality"),
    [
        ("harmon-0.5b", 512, 16, "balanced"),
        ("unipic-1.5b", 512, 16, "fast"),
        ("unipic-1.5b", 1024, 4, "fast"),
    ],
)
def test_another_picture_takes_about_what_is_estimated(
    name: str, side: int, iterations: int, quality: Quality
) -> None:
    config = PRESETS[name]
    model = build_on_meta(dataclasses.replace(config, siglip=None)).to(torch.bfloat16)
    asked = GenerateJob(
        prompt="a ring", width=side, height=side, iterations=iterations, quality=quality
    )
    job = config.defaults.fill(asked)
    grid = (side // 16, side // 16)
    prompts = [Prompt(((1,) * LENGTH,))] * 2
    estimate = picture_bytes(model, Preparation(job, grid, prompts, (side, side)))
    first, both = (drawing_peak(model, job, side, pictures) for pictures in (1, 2))
    assert 0.9 * (both - first) <= estimate <= 1.7 * (both - first)


def test_decoding_takes_about_what_is_estimated() -> None:
    model = build_on_meta(dataclasses.replace(PRESETS["harmon-0.5b"], siglip=None))
    with torch.no_grad(), Watch() as watch:
        model.vae.decode(torch.empty(1, 32, 32, 16, device="meta"))
    assert watch.peak <= decode_bytes(model, (32, 32)) * 1.05
    assert watch.peak >= decode_bytes(model, (32, 32)) * 0.7
