"""From a job to events: the one way in which pictures and answers are made.

`Pipeline.run` is a generator. Whoever stops iterating it cancels the job; memory goes back then.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from unipic_tui.errors import DeviceError, InputError, UnipicError
from unipic_tui.events import (
    Backend,
    BackendInfo,
    BackendOptions,
    Event,
    Failed,
    Finished,
    Kept,
    Loading,
    Memory,
    Notice,
    Picture,
    Preview,
    Progress,
    Text,
)
from unipic_tui.inference import state
from unipic_tui.inference.describe import generate_tokens
from unipic_tui.inference.engine import (
    MEMORY_ERRORS,
    Engine,
    device_memory,
    is_out_of_memory,
    load_engine,
    release,
)
from unipic_tui.inference.images import expand_to_square, fit_size, load_image
from unipic_tui.inference.prompts import EDIT_UNCONDITIONAL, Prompt, check_length
from unipic_tui.inference.sampling import (
    SamplingSettings,
    Step,
    read_prefix,
    sample,
)
from unipic_tui.inference.state import SamplerState, recall
from unipic_tui.jobs import TOKEN_PIXELS, DescribeJob, DrawingJob, EditJob, GenerateJob, Job, Region

_MASKED_GREY = (127, 127, 127)


@dataclass(frozen=True, slots=True)
class Plan:
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


def plan_drawing(engine: Engine, job: DrawingJob) -> Plan:
    """Fill in what the job leaves open and read its source.

    Raises:
        InputError: the source or region cannot be used, or the prompt is too long.
        StorageError: the source cannot be read.
    """
    defaults = engine.info.defaults
    guidance = defaults.edit_guidance if isinstance(job, EditJob) else defaults.guidance
    job = dataclasses.replace(
        job,
        guidance=guidance if job.guidance is None else job.guidance,
        iterations=job.iterations or defaults.iterations,
        head_steps=job.head_steps or defaults.head_steps,
    )
    if isinstance(job, EditJob):
        plan = _plan_edit(engine, job)
    elif job.source is not None and job.region is not None:
        plan = _plan_region(engine, job, job.source, job.region)
    else:
        width, height = job.width or defaults.width, job.height or defaults.height
        job = dataclasses.replace(job, width=width, height=height)
        grid = (height // TOKEN_PIXELS, width // TOKEN_PIXELS)
        plan = Plan(job, grid, _drawing_prompts(engine, job), (width, height))
    tokens = plan.grid[0] * plan.grid[1]
    images = 0 if plan.seen is None else plan.seen.shape[1]
    visual = tokens + engine.model.config.mar.buffer
    for prompt in plan.prompts:
        check_length(prompt, images, visual, engine.model.config.llm.max_position_embeddings)
    return plan


def _drawing_prompts(engine: Engine, job: GenerateJob) -> list[Prompt]:
    prompts = [engine.codec.draw(job.prompt)]
    if job.guidance != 1:
        prompts.append(engine.codec.draw_unconditional(job.unconditional))
    return prompts


def _plan_edit(engine: Engine, job: EditJob) -> Plan:
    defaults = engine.info.defaults
    longest = job.size or max(defaults.width, defaults.height)
    source = load_image(job.source)
    width, height = fit_size(*source.size, longest)
    job = dataclasses.replace(job, size=longest)
    latents, grid = engine.encode(_resized(source, (width, height)))
    model = engine.model
    encoded = model.mar.encode(latents.to(model.dtype), None, model.positions(*grid))
    prompts = [engine.codec.about_image(job.prompt)]
    if job.guidance != 1:
        prompts.append(engine.codec.about_image(job.unconditional or EDIT_UNCONDITIONAL))
    return Plan(
        job,
        grid,
        prompts,
        source.size,
        seen=model.look(encoded),
        canvas=model.mar.canvas(encoded),
    )


def _plan_region(engine: Engine, job: GenerateJob, path: str, region: Region) -> Plan:
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
    latents, grid = engine.encode(_resized(source, (width, height)))
    across = torch.arange(region.x, region.x + region.width)
    down = torch.arange(region.y, region.y + region.height)
    chosen = (down[:, None] * columns + across).flatten()
    job = dataclasses.replace(job, width=width, height=height)
    return Plan(
        job,
        grid,
        _drawing_prompts(engine, job),
        (width, height),
        latents=latents,
        region=chosen,
        notices=notices,
    )


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


class Clock:
    """Measures iterations and says how long the rest of a job will take."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        self._steps: list[float] = []
        self._last = time.monotonic()

    def left(self, picture: int, step: Step) -> float | None:
        """Seconds left after a step, from the mean of those measured; the first one warms up."""
        now = time.monotonic()
        self._steps.append(now - self._last)
        self._last = now
        measured = self._steps[1:]
        if not measured:
            return None
        mean = sum(measured) / len(measured)
        todo = step.iterations - step.iteration + (self.pictures - picture - 1) * step.iterations
        return mean * todo

    def resume(self) -> None:
        """Leave out what happened since the last step: a decode is no iteration."""
        self._last = time.monotonic()


class Pipeline:
    """Runs jobs on one checkpoint; the `Backend` of the command line and the app."""

    def __init__(self, options: BackendOptions) -> None:
        self.options = options
        self._engine: Engine | None = None

    def load(self) -> Iterator[Loading]:
        """Load the checkpoint unless it is loaded.

        Raises:
            CheckpointError: the checkpoint cannot be used.
            DeviceError: the device is not there, or too small.
        """
        if self._engine is not None:
            return
        for event in load_engine(self.options):
            if isinstance(event, Loading):
                yield event
            else:
                self._engine = event

    @property
    def engine(self) -> Engine:
        """The loaded model; `RuntimeError` before `load`."""
        if self._engine is None:
            raise RuntimeError("no checkpoint is loaded")
        return self._engine

    @property
    def info(self) -> BackendInfo:
        """What was loaded; only after `load`."""
        return self.engine.info

    def memory(self) -> Memory:
        """Memory of the device now."""
        return Memory(0, 0) if self._engine is None else device_memory(self._engine.model.device)

    def close(self) -> None:
        """Give the model's memory back; `load` may be called again."""
        if self._engine is not None:
            device = self._engine.model.device
            self._engine = None
            release(device)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        """Run a job; see `unipic_tui.events.Backend.run`."""
        yield from self.load()
        device = self.engine.model.device
        try:
            if isinstance(job, DescribeJob):
                yield from self._describe(job)
            else:
                yield from self._draw(job, resume)
        except UnipicError as error:
            yield Failed(error.title, error.message)
        except MEMORY_ERRORS as error:
            if not is_out_of_memory(error):
                raise
            failure = self._out_of_memory(job)
            release(device)
            yield Failed(failure.title, failure.message)
        finally:
            release(device)

    def _out_of_memory(self, job: Job) -> DeviceError:
        memory = self.memory()
        size = f" ({memory.total / 1e9:.0f} GB)" if memory.total else ""
        what = "a smaller size" if not isinstance(job, DescribeJob) else "a smaller image"
        return DeviceError(
            f"{self.info.device}{size} ran out of memory: use {what}, --dtype bfloat16, or close "
            "other programs that use it."
        )

    def _draw(self, job: DrawingJob, resume: bytes | None) -> Generator[Event, None, None]:
        began = time.monotonic()
        with torch.inference_mode():
            plan = plan_drawing(self.engine, job)
        kept = None if resume is None else _take_up(self.engine, plan, recall(resume))
        for notice in plan.notices:
            yield Notice(notice)
        clock = Clock(job.count)
        pictures: list[Picture] = []
        for index in range(kept.picture if kept else 0, plan.job.count):
            yield from self._draw_one(plan, index, clock, pictures, kept)
            kept = None
        yield Finished(tuple(pictures), seconds=time.monotonic() - began)

    def _draw_one(
        self,
        plan: Plan,
        index: int,
        clock: Clock,
        pictures: list[Picture],
        kept: state.Kept | None,
    ) -> Generator[Event, None, None]:
        began = time.monotonic()
        engine, grid = self.engine, plan.grid
        own = dataclasses.replace(plan.job, seed=plan.job.seed + index, count=1)
        shown_at = kept_at = began
        # A generator must not hold inference mode over a yield: it would leak into the caller.
        with torch.inference_mode():
            run, steps = _start(engine, plan, own, kept)
        while True:
            with torch.inference_mode():
                step = next(steps, None)
            if step is None:
                break
            known = run.known(step.masked)[0]
            left = clock.left(index, step)
            yield Progress(
                index, plan.job.count, step.iteration, step.iterations, known, *grid, left
            )
            if step.masked and _due(self.options.preview_seconds, shown_at):
                yield Preview(index, step.iteration, self._preview(run, known, grid))
                shown_at = time.monotonic()
            if step.masked and _due(self.options.keep_seconds, kept_at):
                yield Kept(
                    index, step.iteration, state.keep(own, engine.fingerprint, index, grid, run)
                )
                kept_at = time.monotonic()
            clock.resume()
        with torch.inference_mode():
            image = _resized(engine.decode(run.tokens, grid), plan.output)
        clock.resume()
        seconds = time.monotonic() - began
        pictures.append(Picture(index, image, own, engine.info.model, seconds))
        yield pictures[-1]

    def _preview(
        self, run: SamplerState, known: tuple[bool, ...], grid: tuple[int, int]
    ) -> Image.Image:
        with torch.inference_mode():
            image = self.engine.decode(run.tokens, grid)
        for place, drawn in enumerate(known):
            if not drawn:
                row, column = divmod(place, grid[1])
                left, top = column * TOKEN_PIXELS, row * TOKEN_PIXELS
                box = (left, top, left + TOKEN_PIXELS, top + TOKEN_PIXELS)
                image.paste(_MASKED_GREY, box)
        return image

    def _describe(self, job: DescribeJob) -> Generator[Event, None, None]:
        began = time.monotonic()
        engine = self.engine
        stop = engine.codec.stop
        with torch.inference_mode():
            embeddings = _look(engine, job)
            tokens = generate_tokens(
                engine.model,
                embeddings,
                _room(engine, job, embeddings),
                stop=stop,
                temperature=job.temperature,
                seed=job.seed,
            )
        ids: list[int] = []
        said = ""
        while True:
            with torch.inference_mode():
                token = next(tokens, None)
            if token is None:
                break
            ids.append(token)
            text = engine.codec.decode(ids)
            # A character may take several tokens; until the last one it decodes to U+FFFD.
            if len(text) > len(said) and not text.endswith("�"):
                yield Text(text[len(said) :])
                said = text
        text = engine.codec.decode(ids)
        if len(text) > len(said):
            yield Text(text[len(said) :])
        yield Finished(text=text.strip(), seconds=time.monotonic() - began)


def _due(every: float | None, last: float) -> bool:
    return every is not None and time.monotonic() - last >= every


def _take_up(engine: Engine, plan: Plan, kept: state.Kept) -> state.Kept:
    """See that a kept state fits a plan.

    Raises:
        InputError: it is of another model or size, other iterations or fewer pictures.
    """
    if kept.model != engine.fingerprint:
        raise InputError(
            f"The kept state is of another model than {engine.info.model} as it is loaded: "
            "load that one, or draw the picture from the start."
        )
    fits = kept.grid == plan.grid and kept.job.iterations == plan.job.iterations
    if not fits or kept.picture >= plan.job.count:
        raise InputError(
            "The kept state is of a picture of another size or other iterations: "
            "draw the picture from the start."
        )
    return kept


def _start(
    engine: Engine, plan: Plan, job: DrawingJob, kept: state.Kept | None
) -> tuple[SamplerState, Iterator[Step]]:
    model = engine.model
    assert job.guidance is not None and job.iterations is not None
    assert job.head_steps is not None
    embeddings, mask = engine.prefix(plan.prompts, plan.seen)
    tokens = plan.grid[0] * plan.grid[1]
    prefix = read_prefix(model, embeddings, mask, tokens, guided=len(plan.prompts) == 2)
    if kept is not None:
        run = kept.state
        run.tokens = run.tokens.to(model.device)
        if run.difference is not None:
            run.difference = run.difference.to(model.device, model.dtype)
        if kept.job.seed != job.seed:
            run.generators = [torch.Generator().manual_seed(job.seed)]
    else:
        if plan.latents is None:
            empty = torch.zeros(1, tokens, model.config.mar.latent_channels, device=model.device)
        else:
            empty = plan.latents.clone()
        run = SamplerState.start([job.seed], empty, plan.region)
    settings = SamplingSettings(
        guidance=job.guidance,
        schedule=job.schedule,
        iterations=job.iterations,
        temperature=job.temperature,
        head_steps=job.head_steps,
        quality=job.quality,
    )
    return run, sample(model, prefix, run, plan.grid, settings, canvas=plan.canvas)


def _look(engine: Engine, job: DescribeJob) -> Tensor:
    """The prompt's embeddings with what the chosen encoder sees of the image in it."""
    model, defaults = engine.model, engine.info.defaults
    square = expand_to_square(load_image(job.source))
    if job.vision == "siglip2":
        if model.config.siglip is None:
            raise InputError(
                f"{engine.info.model} has no SigLIP2 tower: leave --vision out, or use the "
                "official UniPic checkpoint."
            )
        side = model.config.siglip.image_size
        seen = model.look_siglip2(engine.to_pixels(_resized(square, (side, side))))
    else:
        side = min(defaults.width, defaults.height)
        latents, grid = engine.encode(_resized(square, (side, side)))
        encoded = model.mar.encode(latents.to(model.dtype), None, model.positions(*grid))
        seen = model.look(encoded)
    prompt = engine.codec.about_image(job.prompt, job.turns)
    limit = model.config.llm.max_position_embeddings
    check_length(prompt, seen.shape[1], 1, limit)
    embeddings, _ = engine.prefix([prompt], seen)
    return embeddings


def _room(engine: Engine, job: DescribeJob, embeddings: Tensor) -> int:
    """Tokens the answer may have in what the prompt leaves of the context."""
    left = engine.model.config.llm.max_position_embeddings - embeddings.shape[1]
    return min(job.max_new_tokens, left)


def create_backend(options: BackendOptions) -> Backend:
    """The backend that the command line and the app use."""
    return Pipeline(options)
