"""What the model can be asked to do: immutable descriptions of work, to and from plain dicts.

A job says everything that determines its result, so that a picture carrying its job can be made
again. Fields left at ``None`` take the default of whatever checkpoint runs the job; the engine
returns the job with every field filled in (`Picture.job` in `unipic_tui.events`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, get_args, get_origin, get_type_hints

from unipic_tui.errors import InputError

Schedule = Literal["constant", "linear"]
Order = Literal["random", "spread"]
Quality = Literal["exact", "full", "fast"]
Vision = Literal["mar", "siglip2"]

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
ORDERS: tuple[Order, ...] = get_args(Order)
QUALITIES: tuple[Quality, ...] = get_args(Quality)
VISIONS: tuple[Vision, ...] = get_args(Vision)

TOKEN_PIXELS = 16
"""Side of the square of pixels that one image token stands for."""
MAX_SIDE = 4096
"""Longest side, in pixels, that a job may ask for."""
MAX_COUNT = 64
MAX_SEED = 2**63 - 1

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of image tokens: left column, top row, columns, rows."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise InputError(
                f"The region {self} must start at 0 or later and hold at least one token: "
                "give it as x,y,width,height in tokens of 16 pixels."
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``x,y,width,height`` (in tokens); raises `InputError` for anything else."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise InputError(
                f"The region {text!r} is not four whole numbers: "
                "give it as x,y,width,height in tokens of 16 pixels."
            ) from None
        return cls(x, y, width, height)


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange about an image."""

    question: str
    answer: str


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is None or low <= value <= high:  # no comparison holds for a NaN
        return
    shown = "given" if isinstance(value, int) and abs(value) > 10**20 else _number(value)
    raise InputError(f"The {name} {shown} is out of range: use {_number(low)} to {_number(high)}.")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"The {name} {value!r} is unknown: use one of {', '.join(choices)}.")


def _check_text(name: str, value: str) -> None:
    if not value.strip():
        raise InputError(f"The {name} is empty: say in words what you want.")
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates: no tokenizer and no file takes them
        raise InputError(f"The {name} holds bytes that are not UTF-8 text: type it anew.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampling:
    """The settings shared by everything that draws.

    Attributes:
        prompt: what to draw, or how to change the source.
        count: number of pictures, 1 to 64.
        seed: seed of the first picture; picture k of the job has seed + k.
        guidance: weight of classifier-free guidance, 0 or more; 1 turns it off.
        schedule: guidance over the iterations: ``constant`` or ``linear`` from 1 upwards.
        iterations: MAR iterations, 1 to 1024.
        order: in which the tokens appear: ``random``, another order for every seed, or ``spread``,
            evenly over the picture.
        temperature: factor on the noise of the diffusion head, 0 to 10.
        head_steps: steps of the diffusion head a token, 1 to 1000.
        unconditional: what the unconditional branch of the guidance is told, in place of the
            mode's own words.
        quality: ``exact`` repeats the published sampler to the number, ``full`` starts the head
            at a timestep that is numerically safe, ``fast`` also anneals its steps and reuses
            the unconditional branch.
    """

    prompt: str
    count: int = 1
    seed: int = 0
    guidance: float | None = None
    schedule: Schedule = "constant"
    iterations: int | None = None
    order: Order | None = None
    temperature: float = 1.0
    head_steps: int | None = None
    unconditional: str | None = None
    quality: Quality = "full"

    def _check_sampling(self) -> None:
        _check_text("prompt", self.prompt)
        _check_range("count", self.count, 1, MAX_COUNT)
        _check_range("seed", self.seed, 0, MAX_SEED - self.count + 1)
        _check_range("guidance", self.guidance, 0, 100)
        _check_choice("guidance schedule", self.schedule, SCHEDULES)
        _check_range("number of iterations", self.iterations, 1, 1024)
        if self.order is not None:
            _check_choice("order", self.order, ORDERS)
        _check_range("temperature", self.temperature, 0, 10)
        _check_range("number of head steps", self.head_steps, 1, 1000)
        _check_choice("quality", self.quality, QUALITIES)
        if self.unconditional is not None:
            _check_text("unconditional prompt", self.unconditional)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateJob(_Sampling):
    """Draw pictures from text.

    Attributes:
        width, height: size in pixels, multiples of 16.
        source: an image to keep outside of ``region``; its size is then the picture's size.
        region: the tokens of ``source`` that are drawn anew.
    """

    mode: ClassVar[Literal["generate"]] = "generate"

    width: int | None = None
    height: int | None = None
    source: str | None = None
    region: Region | None = None

    def __post_init__(self) -> None:
        self._check_sampling()
        for name, value in (("width", self.width), ("height", self.height)):
            _check_range(name, value, TOKEN_PIXELS, MAX_SIDE)
            if value is not None and value % TOKEN_PIXELS:
                raise InputError(f"The {name} {value} is not a multiple of {TOKEN_PIXELS}.")
        if (self.source is None) != (self.region is None):
            raise InputError("A region needs a source image, and a source image needs a region.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJob(_Sampling):
    """Change an image as the prompt says; the result has the source's size and aspect ratio.

    Attributes:
        source: path of the image to change.
        size: longest side, in pixels, at which the model works; ``None`` for the checkpoint's.
    """

    mode: ClassVar[Literal["edit"]] = "edit"

    source: str
    size: int | None = None

    def __post_init__(self) -> None:
        self._check_sampling()
        _check_range("size", self.size, TOKEN_PIXELS, MAX_SIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeJob:
    """Answer a question about an image.

    Attributes:
        source: path of the image.
        prompt: the question.
        turns: earlier questions and answers about the same image, oldest first.
        max_new_tokens: longest answer, 1 to 8192 tokens.
        temperature: 0 always takes the likeliest token; above it, tokens are sampled.
        seed: seed of that sampling.
        vision: which encoder looks: the MAR encoder, as the published scripts do, or SigLIP2.
    """

    mode: ClassVar[Literal["describe"]] = "describe"

    source: str
    prompt: str = "Describe the image in detail."
    turns: tuple[Turn, ...] = ()
    max_new_tokens: int = 1024
    temperature: float = 0.0
    seed: int = 0
    vision: Vision = "mar"

    def __post_init__(self) -> None:
        _check_text("question", self.prompt)
        _check_range("answer's length", self.max_new_tokens, 1, 8192)
        _check_range("temperature", self.temperature, 0, 10)
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_choice("vision encoder", self.vision, VISIONS)


Job = GenerateJob | EditJob | DescribeJob
DrawingJob = GenerateJob | EditJob
_KINDS: dict[str, type[Job]] = {kind.mode: kind for kind in (GenerateJob, EditJob, DescribeJob)}


def job_to_dict(job: Job) -> dict[str, Any]:
    """A JSON-ready dict with the job's ``mode`` and every field."""
    return {"mode": job.mode, **dataclasses.asdict(job)}


def job_from_dict(data: dict[str, Any]) -> Job:
    """The job that `job_to_dict` wrote.

    Raises:
        InputError: the dict names no known mode, or a field is unknown, missing or out of range.
    """
    fields = dict(data)
    kind = _KINDS.get(str(fields.pop("mode", "")))
    if kind is None:
        raise InputError("The saved job names no known mode (generate, edit or describe).")
    try:
        if fields.get("region") is not None:
            fields["region"] = _read(Region, fields["region"])
        if "turns" in fields:
            fields["turns"] = tuple(_read(Turn, turn) for turn in fields["turns"])
        return _read(kind, fields)
    except (TypeError, AttributeError) as error:
        raise InputError(f"The saved job does not fit this version: {error}.") from None


def _read(kind: type[_Kind], fields: dict[str, Any]) -> _Kind:
    """A dataclass from untrusted fields; raises `TypeError` where they are not its own."""
    known = _known(cast("Any", kind))
    for name, value in fields.items():
        if name not in known:
            raise TypeError(f"it has an unknown field {str(name)[:40]!r}")
        types, _ = known[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"its {name} is of the wrong type, {type(value).__name__}")
    for name, (_, needed) in known.items():
        if needed and name not in fields:
            raise TypeError(f"it lacks the field {name!r}")
    return kind(**fields)


@cache
def _known(kind: type[Any]) -> dict[str, tuple[tuple[type, ...], bool]]:
    """For each field, the types it may have, and whether it must be given.

    Worked out once for each kind of job: a library reads jobs by the thousand.
    """
    hints = get_type_hints(kind)
    return {
        field.name: (_types(hints[field.name]), field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    }


def _types(hint: Any) -> tuple[type, ...]:
    if get_origin(hint) is Literal:
        return (str,)  # which ones are allowed is the job's own check
    if get_origin(hint) is tuple:
        return (tuple,)
    options = get_args(hint)
    if options:
        return tuple(each for option in options for each in _types(option))
    return (int, float) if hint is float else (hint,)
