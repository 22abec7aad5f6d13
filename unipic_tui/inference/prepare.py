"""What each kind of job begins with: settings filled in, prompts read, sources encoded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unipic_tui.errors import InputError
from unipic_tui.inference.engine import Engine
from unipic_tui.inference.images import center_square, expand_to_square, resized
from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import Prompt, check_length
from unipic_tui.inference.sampling import SamplingSettings, filled
from unipic_tui.inference.snapshot import Snapshot
from unipic_tui.inference.state import SamplerState
from unipic_tui.job_parts import Region
from unipic_tui.jobs import DescribeJob, DrawingJob, EditJob, GenerateJob
from unipic_tui.pictures import load_image
from unipic_tui.sizes import TOKEN_PIXELS, fit_size


@dataclass(frozen=True, slots=True)
class Preparation:
    """One drawing job made ready: everything its pictures share.

    Attributes:
        job: with every setting filled in.
        grid: rows and columns of tokens.
        prompts: the conditional one, and the unconditional one where guidance needs it.
        seen: what the language model sees of the source, (1, positions, width).
        canvas: the decoder's, for edits.
        latents: (1, tokens, channels) of a source whose region is drawn anew.
        region: indices of that region's tokens.
        output: the size of finished pictures.
        notices: what the person should know.
    """

    job: DrawingJob
    grid: tuple[int, int]
    prompts: list[Prompt]
    output: tuple[int, int]
    seen: Tensor | None = None
    canvas: Tensor | None = None
    latents: Tensor | None = None
    region: Tensor | None = None
    notices: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """Drawings of the same shape may be drawn at once, whatever their prompts and seeds."""
        settings = (getattr(self.job, each.name) for each in dataclasses.fields(SamplingSettings))
        drawn = None if self.region is None else len(self.region)
        return (self.grid, drawn, self.canvas is None, len(self.prompts), *settings)


def prepare_drawing(engine: Engine, job: DrawingJob) -> Preparation:
    """Fill in what the job leaves open and read its source.

    Raises:
        InputError: the source or region cannot be used, or the prompt is too long.
        StorageError: the source cannot be read.
    """
    job = engine.info.defaults.fill(job)
    prepared = _PREPARERS[job.mode](engine, job)
    tokens = prepared.grid[0] * prepared.grid[1]
    images = 0 if prepared.seen is None else prepared.seen.shape[1]
    visual = tokens + engine.model.config.mar.buffer
    for prompt in prepared.prompts:
        check_length(prompt, images, visual, engine.model.config.llm.max_position_embeddings)
    return prepared


def _prepare_generate(engine: Engine, job: GenerateJob) -> Preparation:
    if job.source is not None and job.region is not None:
        return _prepare_region(engine, job, job.source, job.region)
    width, height = filled(job.width), filled(job.height)
    grid = (height // TOKEN_PIXELS, width // TOKEN_PIXELS)
    return Preparation(job, grid, _drawing_prompts(engine, job), (width, height))


def _drawing_prompts(engine: Engine, job: GenerateJob) -> list[Prompt]:
    prompts = [engine.codec.draw(job.prompt, job.template)]
    if job.guidance != 1:
        prompts.append(engine.codec.draw_unconditional(job.unconditional))
    return prompts


def _prepare_edit(engine: Engine, job: EditJob) -> Preparation:
    source = load_image(job.source)
    if job.fit == "square":
        source = center_square(source)
    width, height = fit_size(*source.size, filled(job.size))
    encoded, grid = engine.see(resized(source, (width, height)))
    prompts = [engine.codec.about_image(job.prompt)]
    if job.guidance != 1:
        prompts.append(engine.codec.about_image(job.unconditional or job.own_unconditional))
    return Preparation(
        job,
        grid,
        prompts,
        source.size if job.fit == "keep" else (width, height),
        seen=engine.model.look(encoded),
        canvas=engine.model.mar.canvas(encoded),
    )


def _prepare_region(engine: Engine, job: GenerateJob, path: str, region: Region) -> Preparation:
    source = load_image(path)
    width, height = (max(1, round(side / TOKEN_PIXELS)) * TOKEN_PIXELS for side in source.size)
    columns, rows = width // TOKEN_PIXELS, height // TOKEN_PIXELS
    if region.x + region.width > columns or region.y + region.height > rows:
        raise InputError(
            f"The region {region} does not lie inside the picture, which has {columns}×{rows} "
            "tokens of 16 pixels: give a smaller one."
        )
    notices: tuple[str, ...] = ()
    if (width, height) != source.size:
        scaled = f"it was scaled to {width}×{height}, whole tokens of 16 pixels."
        notices = (f"The source is {source.width}×{source.height}; {scaled}",)
    latents, grid = engine.encode(resized(source, (width, height)))
    across = torch.arange(region.x, region.x + region.width)
    down = torch.arange(region.y, region.y + region.height)
    chosen = (down[:, None] * columns + across).flatten()
    job = dataclasses.replace(job, width=width, height=height)
    return Preparation(
        job,
        grid,
        _drawing_prompts(engine, job),
        (width, height),
        latents=latents,
        region=chosen,
        notices=notices,
    )


_PREPARERS: dict[str, Callable[[Engine, Any], Preparation]] = {
    GenerateJob.mode: _prepare_generate,
    EditJob.mode: _prepare_edit,
}


def fresh_state(engine: Engine, prepared: Preparation, seed: int) -> SamplerState:
    """A picture of which nothing is drawn."""
    tokens = prepared.grid[0] * prepared.grid[1]
    if prepared.latents is None:
        channels = engine.model.config.mar.latent_channels
        empty = torch.zeros(1, tokens, channels, device=engine.model.device)
    else:
        empty = prepared.latents.clone()
    every = spread_order(*prepared.grid) if prepared.job.order == "spread" else None
    return SamplerState.start([seed], empty, prepared.region, every)


def restored_states(
    engine: Engine, prepared: Preparation, snapshot: Snapshot
) -> dict[int, SamplerState]:
    """The pictures that a snapshot goes on with, by their index in the job.

    Raises:
        InputError: it is of another model or size, other iterations or fewer pictures.
    """
    job, model = prepared.job, engine.model
    if snapshot.model != engine.fingerprint:
        raise InputError(
            f"The snapshot is of another model than {engine.info.model} as it is loaded: "
            "load that one, or draw the picture from the start."
        )
    fits = snapshot.grid == prepared.grid and snapshot.job.iterations == job.iterations
    if not fits or snapshot.picture >= job.count:
        raise InputError(
            "The snapshot is of a picture of another size or other iterations: "
            "draw the picture from the start."
        )
    pictures = range(snapshot.picture, job.count)
    states = dict(zip(pictures, snapshot.states, strict=False))
    for index, state in states.items():
        state.tokens = state.tokens.to(model.device)
        if state.difference is not None:
            state.difference = state.difference.to(model.device, model.dtype)
        if snapshot.job.seed != job.seed + snapshot.picture:
            state.generators = [torch.Generator().manual_seed(job.seed + index)]
    return states


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as the language model sees it, kept for the next question about it.

    Attributes:
        key: tells the picture and the encoder from others.
        positions: (1, positions, width).
    """

    key: tuple[str, tuple[int, int], bytes]
    positions: Tensor


def look_at(engine: Engine, job: DescribeJob, seen: Seen | None = None) -> tuple[Tensor, Seen]:
    """The prompt's embeddings with what the chosen encoder sees of the image in it.

    Args:
        seen: the picture that was looked at last; the same one is not encoded again.
    """
    model, defaults = engine.model, engine.info.defaults
    square = expand_to_square(load_image(job.source))
    side = min(defaults.width, defaults.height)
    if job.vision == "siglip2":
        if model.config.siglip is None:
            raise InputError(
                f"{engine.info.model} has no SigLIP2 tower: leave --vision out, or use the "
                "official UniPic checkpoint."
            )
        side = model.config.siglip.image_size
    image = resized(square, (side, side))
    key = (job.vision, image.size, hashlib.sha256(image.tobytes()).digest())
    if seen is None or seen.key != key:
        if job.vision == "siglip2":
            positions = model.look_siglip2(engine.to_pixels(image))
        else:
            positions = model.look(engine.see(image)[0])
        seen = Seen(key, positions)
    prompt = engine.codec.about_image(job.prompt, job.turns)
    limit = model.config.llm.max_position_embeddings
    check_length(prompt, seen.positions.shape[1], 1, limit)
    embeddings, _ = engine.prefix([prompt], [seen.positions])
    return embeddings, seen


def answer_room(engine: Engine, job: DescribeJob, embeddings: Tensor) -> int:
    """Tokens the answer may have in what the prompt leaves of the context."""
    left = engine.model.config.llm.max_position_embeddings - embeddings.shape[1]
    return min(job.max_new_tokens, left)
