"""How a picture was made, as far as its file tells: our own pictures and those of other tools.

Read are ``parameters`` (A1111 and all that follow it), InvokeAI's ``invokeai_metadata``,
``sd-metadata`` and ``Dream``, and the node graph in ComfyUI's ``prompt``. All of it is a stranger's
word: what does not fit a job is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipic_tui.jobs import DrawingJob, GenerateJob
from unipic_tui.library import comfy
from unipic_tui.library.records import clean, lenient_job
from unipic_tui.metadata import read_metadata
from unipic_tui.parameters import Parameters
from unipic_tui.pictures import open_image
from unipic_tui.text import one_line

OWN = "unipic-tui"
FILE = "file"
"""Origin of a picture whose file says nothing of its making."""

_LIMIT = 4_000_000
_PROMPT_LIMIT = 20_000
_DREAM = re.compile(r'"((?:[^"\\]|\\.)*)"(.*)', re.DOTALL)
_DREAM_SETTING = re.compile(r"(?<!\S)-([sSWHC])\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class Making:
    """How a picture was made.

    Attributes:
        origin: what wrote the file: ``unipic-tui``, ``A1111``, ``InvokeAI``, ``ComfyUI``, or
            ``file`` where it says nothing.
        job: the job that the file tells of, or as much of one as can be made of it.
        model: name of the model, "" where it is not told.
        parameters: the ``parameters`` text, if the file has one.
    """

    origin: str
    job: DrawingJob
    model: str = ""
    parameters: Parameters | None = None


def read_making(path: Path, name: str) -> Making:
    """How the picture in a file was made.

    Args:
        path: a picture.
        name: what to call it when the file tells no prompt.

    Raises:
        InputError: the file is no picture, or is damaged or too large.
        StorageError: it is missing or cannot be read.
    """
    metadata = read_metadata(path)
    parameters = metadata.parameters if metadata is not None else None
    if metadata is not None and metadata.job is not None:
        return Making(OWN, metadata.job, metadata.model, parameters)
    texts = _texts(path)
    for origin, key, reader in _READERS:
        try:
            found = reader(texts[key])
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            continue
        if str(found.get("prompt") or "").strip():
            return Making(origin, _job(found), _model(found.get("model")), parameters)
    if parameters is not None and parameters.prompt.strip():
        found = _automatic(parameters)
        return Making("A1111", _job(found), _model(found.get("model")), parameters)
    return Making(FILE, _job({"prompt": name}), "", parameters)


def _texts(path: Path) -> dict[str, str]:
    """A PNG's texts, those behind the pixels too."""
    with open_image(path) as image:
        try:
            texts = getattr(image, "text", {})
        except Exception:  # decoders raise whatever they stumble over; the pixels are read later
            return {}
        return {key: str(text) for key, text in texts.items() if len(text) <= _LIMIT}


def _model(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("name") or value.get("model_name") or ""
    return one_line(clean(str(value or "")), 200)


def _job(found: Mapping[str, Any]) -> DrawingJob:
    """The job of what was found: only values that have the right type and range."""
    prompt = clean(str(found["prompt"]))[:_PROMPT_LIMIT].strip()
    data: dict[str, Any] = {"mode": "generate", "prompt": prompt or "picture"}
    negative = found.get("negative")
    if isinstance(negative, str) and negative.strip():
        data["unconditional"] = clean(negative)[:_PROMPT_LIMIT].strip()
    for name in ("seed", "iterations", "width", "height"):
        data[name] = _number(found.get(name), int)
    data["guidance"] = _number(found.get("guidance"), float)
    job = lenient_job({name: value for name, value in data.items() if value is not None})
    assert isinstance(job, GenerateJob)
    return job


def _number(value: object, kind: Callable[[float], Any]) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return int(value) if kind is int and not isinstance(value, float) else kind(float(value))
    except (ValueError, OverflowError):
        return None


def _automatic(parameters: Parameters) -> dict[str, Any]:
    settings = {name.lower(): value for name, value in parameters.settings.items()}
    width, _, height = settings.get("size", "").partition("x")
    return {
        "prompt": parameters.prompt,
        "negative": parameters.negative,
        "seed": settings.get("seed"),
        "iterations": settings.get("steps"),
        "guidance": settings.get("cfg scale"),
        "width": width,
        "height": height,
        "model": settings.get("model"),
    }


def _invoke(text: str) -> dict[str, Any]:
    data = json.loads(text)
    return {
        "prompt": data["positive_prompt"],
        "negative": data.get("negative_prompt"),
        "seed": data.get("seed"),
        "iterations": data.get("steps"),
        "guidance": data.get("cfg_scale"),
        "width": data.get("width"),
        "height": data.get("height"),
        "model": data.get("model"),
    }


def _early_invoke(text: str) -> dict[str, Any]:
    data = json.loads(text)
    image = data["image"]
    prompt = image["prompt"]
    if isinstance(prompt, list):
        prompt = prompt[0]["prompt"]
    return {
        "prompt": prompt,
        "seed": image.get("seed"),
        "iterations": image.get("steps"),
        "guidance": image.get("cfg_scale"),
        "width": image.get("width"),
        "height": image.get("height"),
        "model": data.get("model_weights"),
    }


def _dream(text: str) -> dict[str, Any]:
    match = _DREAM.match(text.strip())
    if match is None:
        return {}
    settings = dict(_DREAM_SETTING.findall(match[2]))
    return {
        "prompt": re.sub(r"\\(.)", r"\1", match[1]),
        "seed": settings.get("S"),
        "iterations": settings.get("s"),
        "guidance": settings.get("C"),
        "width": settings.get("W"),
        "height": settings.get("H"),
    }


_READERS: tuple[tuple[str, str, Callable[[str], dict[str, Any]]], ...] = (
    ("InvokeAI", "invokeai_metadata", _invoke),
    ("InvokeAI", "sd-metadata", _early_invoke),
    ("InvokeAI", "Dream", _dream),
    ("ComfyUI", "prompt", comfy.read_graph),
)
