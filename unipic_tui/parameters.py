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
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import DrawingJob, GenerateJob

_NEGATIVE = "Negative prompt:"
_KEY = re.compile(r"\s*(\w[\w \-/().]{0,80}):\s*")
_FIRST = ("Steps", "Sampler", "CFG scale", "Seed", "Size")
"""Names that other tools know, in the order in which they write them."""
_FEWEST_SETTINGS = 3
"""How many pairs make a last line settings rather than prompt, unless it starts with Steps."""


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
        lines.append(f"{_NEGATIVE} {parameters.negative}")
    pairs = (f"{name}: {_quoted(value)}" for name, value in parameters.settings.items())
    lines.append(", ".join(pairs))
    return "\n".join(lines)


def _quoted(value: str) -> str:
    plain = not re.search(r"[,:\n\r]", value) and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def parse_parameters(text: str) -> Parameters:
    """Read the text of any tool that writes it; what is no settings line is prompt."""
    lines = text.strip().splitlines()
    settings = _settings(lines[-1]) if lines else None
    if settings is not None:
        lines.pop()
    first = next((i for i, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[first:]).removeprefix(_NEGATIVE)
    return Parameters("\n".join(lines[:first]).strip(), negative.strip(), settings or {})


def _settings(line: str) -> dict[str, str] | None:
    """The pairs of a settings line; ``None`` where the line is something else."""
    settings: dict[str, str] = {}
    position = 0
    while position < len(line):
        key = _KEY.match(line, position)
        if key is None:
            return None
        value, position = _value(line, key.end())
        settings[key[1]] = value
    enough = len(settings) >= _FEWEST_SETTINGS or line.startswith("Steps:")
    return settings if enough else None


def _value(line: str, start: int) -> tuple[str, int]:
    """The value that starts there, and where the next pair starts."""
    if line.startswith('"', start):
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(line, start)
        except ValueError:
            pass  # a value that merely starts with a quotation mark
        else:
            rest = line[end:].lstrip()
            if not rest or rest.startswith(","):
                return str(value), len(line) - len(rest) + 1
    end = line.find(",", start)
    end = len(line) if end < 0 else end
    return line[start:end].strip(), end + 1
