"""How many pictures are drawn at once: as many as fill the processor and fit its memory."""

from __future__ import annotations

from itertools import pairwise

import torch

from unipic_tui.inference.prepare import Preparation
from unipic_tui.inference.processor import free_memory as main_memory
from unipic_tui.inference.sampling import filled, masked_counts
from unipic_tui.model.unipic import UniPicModel

MOST = 16
"""Pictures drawn at once where no limit is given: all of them are done only at the end."""
_FILL = {"cpu": 32}
_FILL_GPU = 1024
"""Rows of the diffusion head an iteration that keep a processor busy; more would only make the
first picture wait for the others."""
_SHARE = {"cpu": 0.5}
_SHARE_GPU = 0.8
"""How much of the free memory pictures may take; a machine that runs out of it kills processes."""
_DECODED_PIXELS = 1 << 18
"""Pixels that the VAE decodes at once, unless a single picture has more."""


def pictures_at_once(model: UniPicModel, prepared: Preparation, limit: int | None) -> int:
    """How many pictures like one that is prepared may be drawn at once, at least 1.

    Args:
        limit: most that are wished for; ``None`` for as many as keep the processor busy.
    """
    device = model.device
    if limit is None:
        tokens = _drawn(prepared)
        rows = tokens / len(masked_counts(tokens, filled(prepared.job.iterations)))
        fill = _FILL.get(device.type, _FILL_GPU)
        limit = min(MOST, int(fill / (rows * len(prepared.prompts))))
    free = free_memory(device)
    if free is not None and limit > 1:
        spare = free * _SHARE.get(device.type, _SHARE_GPU) - decode_bytes(model, prepared.grid)
        limit = min(limit, int(spare / picture_bytes(model, prepared)))
    return max(1, limit)


def decoded_at_once(grid: tuple[int, int], stride: int) -> int:
    """Pictures of a grid of tokens that are decoded at once."""
    return max(1, _DECODED_PIXELS // (grid[0] * grid[1] * stride * stride))


def _drawn(prepared: Preparation) -> int:
    """Tokens of a picture that are drawn."""
    whole = prepared.grid[0] * prepared.grid[1]
    return whole if prepared.region is None else len(prepared.region)


def picture_bytes(model: UniPicModel, prepared: Preparation) -> int:
    """Memory that one more picture takes while it is drawn, estimated from the shapes.

    The keys and values of its rows, and what is alive at once in the widest of a layer of the
    language model, one of the MAR decoder and a step of the diffusion head.
    """
    llm, mar = model.config.llm, model.config.mar
    rows, width = len(prepared.prompts), model.dtype.itemsize
    seen = 0 if prepared.seen is None else prepared.seen.shape[1]
    visual = prepared.grid[0] * prepared.grid[1] + mar.buffer
    length = max(prompt.text_tokens for prompt in prepared.prompts) + seen + visual
    head_width = llm.hidden_size // llm.num_attention_heads
    cache = 2 * llm.num_hidden_layers * llm.num_key_value_heads * head_width * length
    layer = visual * (6 * llm.hidden_size + 4 * llm.intermediate_size)
    decoder = visual * int(mar.decoder_width * (6 + 2 * mar.mlp_ratio))
    counts = [_drawn(prepared), *masked_counts(_drawn(prepared), filled(prepared.job.iterations))]
    most = max(before - after for before, after in pairwise(counts))
    head = most * mar.head_width * (3 * mar.head_depth + 8)
    kept = visual * (2 * mar.decoder_width + 2 * mar.encoder_width)
    return rows * width * (cache + kept + max(layer, decoder, head))


def decode_bytes(model: UniPicModel, grid: tuple[int, int]) -> int:
    """Memory for decoding: about five of the VAE's widest activations, at full resolution."""
    vae = model.config.vae
    pixels = decoded_at_once(grid, vae.stride) * grid[0] * grid[1] * vae.stride**2
    return 5 * pixels * vae.channels * model.dtype.itemsize


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on a device; ``None`` where that is not known."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return main_memory() or None
