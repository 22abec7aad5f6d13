"""The ``parameters`` text that image tools write into their pictures and read from others'.

Lines of the prompt; ``Negative prompt: …`` where there is one; last a line of settings,
``Steps: 32, CFG scale: 3, Seed: 1``, whose values are JSON strings where they hold a comma, a colon
or a line break.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from unipic_tui import __version__
from unipic_tui.infotext import NEGATIVE, split_infotext
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import DrawingJob, GenerateJob

_FIRST = ("Steps", "Sampler", "CFG scale", "Seed", "Size")
"""Names that other tools know, in the order in which they write them."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the text says, nothing of it checked.

    Attributes:
        prompt: what was to be drawn; it may have several lines.
        negative: what was to be avoided; empty where there is none.
        settings: the other values by the names the tool gave them, in its order.
    """

    prompt: str
    negative: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def describe_job(job: DrawingJob, model: str, size: tuple[int, int]) -> Parameters:
    """The parameters of a picture.

    Args:
        job: a job of count 1 with every field filled in.
        model: name of the checkpoint.
        size: the picture's width and height in pixels.
    """
    told = dict.fromkeys(_FIRST, "")
    for each in settings_of(type(job)):
        value = each.of(job)
        first = each.parameter in _FIRST and value is not None
        if each.parameter and (first or not each.is_usual(value)):
            told[each.parameter] = each.shown(value)
    told |= {
        "Sampler": f"UniPic {told['Sampler']}",
        "Size": f"{size[0]}x{size[1]}",
        "Mode": "" if job.mode == GenerateJob.mode else job.mode,
        "Model": model,
        "Version": f"unipic-tui {__version__}",
    }
    settings = {name: value for name, value in told.items() if value}
    return Parameters(job.prompt, job.unconditional or "", settings)


def format_parameters(parameters: Parameters) -> str:
    """The text for a picture's ``parameters`` chunk."""
    lines = [parameters.prompt]
    if parameters.negative:
        lines.append(f"{NEGATIVE} {parameters.negative}")
    pairs = (f"{name}: {_quoted(value)}" for name, value in parameters.settings.items())
    lines.append(", ".join(pairs))
    return "\n".join(lines)


def _quoted(value: str) -> str:
    plain = not re.search(r"[,:\n\r]", value) and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def parse_parameters(text: str) -> Parameters:
    """Read the text of any tool that writes it; what is no settings line is prompt."""
    return Parameters(*split_infotext(text))
