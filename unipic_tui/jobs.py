"""What the model can be asked to do: immutable descriptions of work, to and from plain dicts.

A job says everything that determines its result, so that a picture carrying its job can be made
again. Fields left at ``None`` take the default of whatever checkpoint runs the job; the engine
returns the job with every field filled in (`Picture.job` in `unipic_tui.events`).

A kind of job describes itself: its words, whether it draws, its settings. `KINDS` lists the kinds;
the command line, batches and the app are made from it.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, get_args

from unipic_tui.errors import InputError
from unipic_tui.job_parts import Region, Turn, Wording
from unipic_tui.job_settings import (
    LARGEST,
    check_range,
    check_text,
    setting,
    settings_of,
)

Schedule = Literal["constant", "linear"]
Order = Literal["random", "spread"]
Quality = Literal["exact", "full", "balanced", "fast"]
Solver = Literal["ddpm", "dpmpp_2m", "dpmpp_2m_sde"]
Vision = Literal["mar", "siglip2"]
Template = Literal["plain", "sentence"]
Fit = Literal["keep", "square"]

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
ORDERS: tuple[Order, ...] = get_args(Order)
QUALITIES: tuple[Quality, ...] = get_args(Quality)
SOLVERS: tuple[Solver, ...] = get_args(Solver)
USUAL_QUALITY: Quality = "balanced"
"""Of single jobs, where neither they nor the settings file name one."""
BATCH_QUALITY: Quality = "full"
"""The same of batches and benchmarks, whose pictures may be scored."""
EVALUATIONS: dict[Solver, int] = {"ddpm": 80, "dpmpp_2m": 10, "dpmpp_2m_sde": 10}
"""Evaluations of the head for a token, unless a job says how many: `benchmarks/solvers.py` cannot
tell them from 1,000 ancestral steps, but for those of the ODE form."""
VISIONS: tuple[Vision, ...] = get_args(Vision)
TEMPLATES: tuple[Template, ...] = get_args(Template)
FITS: tuple[Fit, ...] = get_args(Fit)

MAX_COUNT = 64
MAX_SEED = LARGEST
"""The largest seed that torch and other image tools take."""

_NEW_SEEDS = 2**31
"""New seeds stay below this, short enough to read and type, and what every image tool can hold."""

_Drawing = TypeVar("_Drawing", bound="DrawingJob")


class Job:
    """Anything that can be asked for.

    Attributes:
        mode: the kind's name, in files and on the command line.
        wording: what people read.
        draws: whether it makes pictures; the others answer in words.
        needs_source: whether it is about a picture.
        prompt: what to draw, change or answer.
        source: path of a picture, where one is used.
        seed: of the first picture, or of the answer.
    """

    __slots__ = ()
    mode: ClassVar[str]
    wording: ClassVar[Wording]
    draws: ClassVar[bool]
    needs_source: ClassVar[bool]

    prompt: str
    source: str | None
    seed: int

    def __post_init__(self) -> None:
        check_text(self._noun, self.prompt)
        for each in settings_of(type(self)):
            each.check(self)
        self._check()

    @property
    def _noun(self) -> str:
        return "prompt" if self.draws else "question"

    def _check(self) -> None:
        """What must hold between fields; raises `InputError`."""

    def replace(self, **fields: Any) -> Self:
        """The same job with other fields."""
        return cast("Self", dataclasses.replace(cast("Any", self), **fields))

    @property
    def chooses(self) -> bool:
        """Whether the model chooses among its pictures, which then come all at once."""
        return False

    @property
    def done(self) -> str:
        """What became of it, in a word or two."""
        return self.wording.done

    @property
    def glyph(self) -> str:
        """A sign for it."""
        return self.wording.glyph


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """What the sampler goes by; every job that draws is one. See each setting's help."""

    guidance: float | None = setting(
        None, "number", "Guidance",
        "guidance scale (CFG): higher follows the prompt more closely, 1 turns guidance off",
        high=100, aliases=("cfg", "cfg_scale", "guidance_scale"), letter="g",
        parameter="CFG scale", sweeps=True,
    )  # fmt: skip
    iterations: int | None = setting(
        None, "whole", "Iterations",
        "MAR iterations in which the tokens of a picture are revealed", low=1, high=1024,
        noun="number of iterations",
        aliases=("num_iter", "iter", "steps", "num_inference_steps"), letter="i",
        parameter="Steps", sweeps=True,
    )  # fmt: skip
    temperature: float = setting(
        1.0, "number", "Temperature",
        "factor on the noise of the diffusion head; lower varies less", high=10,
        aliases=("temp",), letter="t", parameter="Temperature", sweeps=True,
    )  # fmt: skip
    quality: Quality = setting(
        "full", "choice", "Quality",
        "exact repeats the published sampler number for number, full starts the diffusion head "
        f"where it is numerically safe, in {EVALUATIONS['ddpm']} steps, balanced solves it in "
        f"{EVALUATIONS['dpmpp_2m_sde']}, and fast reuses the unconditional branch as well",
        choices=QUALITIES, letter="q", parameter="Sampler", sweeps=True,
    )  # fmt: skip
    schedule: Schedule = setting(
        "constant", "choice", "Schedule",
        "guidance over the iterations: the same throughout, or rising from 1", choices=SCHEDULES,
        noun="guidance schedule", aliases=("cfg_schedule",), parameter="Schedule", sweeps=True,
        advanced=True,
    )  # fmt: skip
    order: Order | None = setting(
        None, "choice", "Order",
        "in which tokens are revealed: random, another for every seed, or spread evenly",
        choices=ORDERS, parameter="Order", usual="random", sweeps=True, advanced=True,
    )  # fmt: skip
    head_steps: int | None = setting(
        None, "whole", "Head steps",
        "evaluations of the diffusion head for each token",
        low=1, high=1000, noun="number of head steps", unset="by quality",
        parameter="Head steps", sweeps=True, advanced=True,
    )  # fmt: skip
    solver: Solver | None = setting(
        None, "choice", "Solver",
        "of the diffusion head: ddpm, as published, or DPM-Solver++ (2M) as an ODE or SDE",
        choices=SOLVERS, parameter="Solver", unset="by quality", sweeps=True, advanced=True,
    )  # fmt: skip


def solver_of(settings: SamplingSettings) -> Solver:
    """How the head's process is solved; ``exact`` is ancestral sampling whatever is asked for."""
    if settings.quality == "exact":
        return "ddpm"
    usual: Solver = "ddpm" if settings.quality == "full" else "dpmpp_2m_sde"
    return settings.solver or usual


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingJob(SamplingSettings, Job):
    """A job that makes pictures; picture k has the seed ``seed`` + k."""

    draws: ClassVar[bool] = True
    own_unconditional: ClassVar[str]
    """What the unconditional branch is told where the job does not say."""

    prompt: str
    source: str | None = None
    count: int = setting(
        1, "whole", "Count", "number of pictures; picture k has seed + k", low=1, high=MAX_COUNT,
        letter="n", usual=1,
    )  # fmt: skip
    seed: int = setting(
        0, "whole", "Seed", "seed of the first picture", letter="s", parameter="Seed",
        sweeps=True, high=MAX_SEED,
    )  # fmt: skip
    unconditional: str | None = setting(
        None, "text", "Unconditional",
        "prompt that guidance steers away from, in place of the model's own",
        noun="unconditional prompt", aliases=("cfg_prompt",), advanced=True,
    )  # fmt: skip

    def _check(self) -> None:
        check_range("seed", self.seed, 0, MAX_SEED - self.count + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateJob(DrawingJob):
    """Draw pictures from text.

    Attributes:
        source: an image to keep outside of ``region``; its size is then the picture's size.
        region: the tokens of ``source`` that are redrawn.
    """

    mode: ClassVar[str] = "generate"
    needs_source: ClassVar[bool] = False
    own_unconditional: ClassVar[str] = "Generate an image."
    wording: ClassVar[Wording] = Wording(
        title="Draw",
        doing="Drawing",
        done="drawn",
        glyph="◆",
        summary="draw pictures from a prompt",
        aliases=("gen", "g"),
        example='generate "a red circle"',
        hint="What to draw. {red|blue} draws both; seed=1..4 at the end draws four.",
        purpose="draw",
    )

    best_of: int | None = setting(
        None, "whole", "Best of",
        "number of pictures drawn, from which the model chooses the best by describing them and "
        "asking itself about what the prompt names",
        low=2, high=MAX_COUNT, noun="number to choose from", unset="none", advanced=True,
    )  # fmt: skip
    template: Template = setting(
        "plain", "choice", "Template",
        "how the prompt is put to the model: plain, or as a sentence with a full stop, which is "
        "the published batch script's way and that of batch and eval for published checkpoints",
        choices=TEMPLATES, parameter="Template", advanced=True,
    )  # fmt: skip
    width: int | None = setting(
        None, "size", "Size",
        "768, 768x512, or an aspect ratio such as 3:2, in multiples of 16 pixels", name="size",
        fields=("width", "height"), aliases=("image_size",), sweeps=True,
    )  # fmt: skip
    height: int | None = None
    region: Region | None = None

    def _check(self) -> None:
        DrawingJob._check(self)
        if (self.source is None) != (self.region is None):
            raise InputError("A region needs a source image, and a source image needs a region.")
        if self.best_of is None:
            return
        if self.count >= self.best_of:
            raise InputError(
                f"The best {self.count} of {self.best_of} are all of them: give a smaller count, "
                "or a larger number to choose from."
            )
        if self.seed > MAX_SEED - self.best_of + 1:
            raise InputError(
                f"The seed {self.seed} is too large for {self.best_of} pictures in a row."
            )

    @property
    def chooses(self) -> bool:
        """Whether the model chooses among its pictures."""
        return self.best_of is not None

    @property
    def instruction(self) -> str:
        """What the model is told."""
        return instruction(self.prompt, self.template)

    @property
    def done(self) -> str:
        """What became of it."""
        return "region redrawn" if self.region else self.wording.done

    @property
    def glyph(self) -> str:
        """A sign for it."""
        return "◫" if self.region else self.wording.glyph


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJob(DrawingJob):
    """Change an image as the prompt says.

    The result has the source's size and aspect ratio, or with ``fit`` at ``square`` those of the
    square the model worked on.
    """

    mode: ClassVar[str] = "edit"
    needs_source: ClassVar[bool] = True
    own_unconditional: ClassVar[str] = "Repeat this image."
    wording: ClassVar[Wording] = Wording(
        title="Edit",
        doing="Editing",
        done="edited",
        glyph="~",
        summary="change a picture as a prompt says",
        aliases=("e",),
        example='edit cat.png "make it black"',
        hint="How to change the chosen picture.",
        purpose="change",
    )

    source: str
    size: int | None = setting(
        None, "side", "Size",
        "longest side, in pixels, at which the model works; the result has the source's size",
        aliases=("image_size",), sweeps=True,
    )  # fmt: skip
    fit: Fit = setting(
        "keep", "choice", "Fit",
        "keep returns the source's aspect ratio and size, square edits its central square and "
        "returns it at --size pixels, as the published script does",
        choices=FITS, parameter="Fit", advanced=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeJob(Job):
    """Answer a question about an image.

    Attributes:
        turns: earlier questions and answers about the same image, oldest first.
    """

    mode: ClassVar[str] = "describe"
    draws: ClassVar[bool] = False
    needs_source: ClassVar[bool] = True
    wording: ClassVar[Wording] = Wording(
        title="Describe",
        doing="Answering",
        done="described",
        glyph="?",
        summary="answer a question about a picture",
        aliases=("desc", "d"),
        example='describe cat.png "What colour is it?"',
        hint="What to ask about the chosen picture; leave it empty to have it described.",
        purpose="ask about",
    )

    source: str
    prompt: str = "Describe the image in detail."
    turns: tuple[Turn, ...] = ()
    max_new_tokens: int = setting(
        1024, "whole", "Longest answer", "longest answer in tokens", low=1, high=8192,
        noun="answer's length", unit="tokens",
    )  # fmt: skip
    temperature: float = setting(
        0.0, "number", "Temperature", "0 decodes greedily; higher samples more freely", high=10,
        aliases=("temp",), letter="t",
    )  # fmt: skip
    repetition_penalty: float | None = setting(
        None, "number", "Repetition penalty",
        "above 1 discourages tokens that were said already, in greedy decoding too", low=0.1,
        high=10, advanced=True,
    )  # fmt: skip
    top_p: float | None = setting(
        None, "number", "Top-p",
        "sample from the likeliest tokens that together have this probability", high=1,
        needs="temperature", advanced=True,
    )  # fmt: skip
    top_k: int | None = setting(
        None, "whole", "Top-k", "sample from so many likeliest tokens; 0 from all",
        high=1_000_000, needs="temperature", advanced=True,
    )  # fmt: skip
    seed: int = setting(
        0, "whole", "Seed", "seed of sampling at a temperature above 0", letter="s",
        needs="temperature", high=MAX_SEED,
    )  # fmt: skip
    vision: Vision = setting(
        "mar", "choice", "Vision",
        "vision encoder: the MAR encoder, as published, or siglip2 where the checkpoint has it",
        choices=VISIONS, noun="vision encoder",
    )  # fmt: skip


KINDS: dict[str, type[Job]] = {kind.mode: kind for kind in (GenerateJob, EditJob, DescribeJob)}
"""Every kind of job by its mode, in the order they are listed."""


def random_seed(generator: random.Random | None = None) -> int:
    """A seed to draw with when none is locked, from 0 below `_NEW_SEEDS`.

    Args:
        generator: where it comes from; the system's randomness by default.
    """
    return (generator or random.SystemRandom()).randrange(_NEW_SEEDS)


def whole_job(picture: _Drawing, job: DrawingJob) -> _Drawing:
    """The job of all of a job's pictures, from that of one, with what the checkpoint filled in."""
    choice: dict[str, Any] = {"best_of": job.best_of} if isinstance(job, GenerateJob) else {}
    return dataclasses.replace(picture, count=job.count, seed=job.seed, **choice)


def instruction(prompt: str, template: Template) -> str:
    """What the model is told to draw, in the words of the published scripts."""
    if template == "sentence":
        return f"Generate an image: {prompt.strip()}."
    return f"Generate an image: {prompt}"
