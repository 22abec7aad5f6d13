"""The formats: for each tool a small parser of the texts it writes into its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.library.provenance import comfy
from unipic_tui.library.provenance.comfygraph import is_graph
from unipic_tui.library.provenance.result import Provenance, collect, label
from unipic_tui.library.provenance.texts import EmbeddedText, Texts, json_object
from unipic_tui.metadata import RECORD_LIMIT, PictureMetadata, parse_record
from unipic_tui.parameters import Parameters, parse_parameters

OWN = "unipic-tui"

Found = tuple[Provenance, EmbeddedText | None]
"""What was read, and the text that told it, where it was a single one."""
Reader = Callable[[Texts], Found | None]

_INFOTEXT_LIMIT = 2_000_000
_DREAM = re.compile(r'\s*"(.*)"((?:\s+--?\w[^"\n]*)?)\s*', re.DOTALL)
_DREAM_SETTING = re.compile(r"(?<!\S)(-[sSWHCA]|--\w+)[ =]*([^\s-]\S*)")
_BRACKETS = re.compile(r"(?<!\\)\[(.*?)(?<!\\)\]", re.DOTALL)
_TOLD = frozenset({"steps", "seed", "cfg scale", "guidance scale", "sampler", "size"})
_INFOTEXT_KEYS = ("parameters", "UserComment", "comment", "Comment", "ImageDescription")


def own_record(texts: Texts) -> str:
    """Our own record as it stands in the file; "" where there is none."""
    record = texts.get("unipic") or ""
    described = texts.get("ImageDescription") or ""
    if not record and described.startswith('{"version"'):  # else it is a photographer's
        record = described
    return record if len(record) <= RECORD_LIMIT else ""


def read_own(texts: Texts) -> PictureMetadata | None:
    """Our own record; ``None`` where there is none that is usable."""
    try:
        return parse_record(own_record(texts))
    except InputError:
        return None


def _own(texts: Texts) -> Found | None:
    own = read_own(texts)
    if own is None or own.job is None:
        return None
    job = own.job
    infotext = texts.get("parameters") or texts.get("UserComment") or ""
    values: dict[str, object] = {
        **parse_parameters(infotext[:_INFOTEXT_LIMIT]).settings,
        "prompt": job.prompt,
        "negative_prompt": job.unconditional,
        "seed": job.seed,
        "model": own.model,
        "version": f"{OWN} {own.version}",
    }
    return collect(OWN, values), None


def _invoke(texts: Texts) -> Found | None:
    for item, data in texts.objects:
        if "positive_prompt" in data and ("app_version" in data or "generation_mode" in data):
            names = {"prompt": ("positive_prompt",), "writer": ("app_version",)}
            return collect("InvokeAI", data, names), item
        if item.key == "invokeai_metadata":
            return collect("InvokeAI", data, {"writer": ("app_version",)}), item
        if item.key == "sd-metadata" and isinstance(data.get("image"), dict):
            image = data["image"]
            values = {**data, **image, **_bracketed(_subprompts(image.get("prompt")))}
            names = {"model": ("model_weights",), "writer": ("app_version",)}
            return collect("InvokeAI", values, names), item
    return None


def _subprompts(value: object) -> str:
    """The prompt, which was a list of weighted ones for a while."""
    parts = value if isinstance(value, list) else [value]
    texts = (part.get("prompt") if isinstance(part, dict) else part for part in parts)
    return ", ".join(text for text in texts if isinstance(text, str))


def _bracketed(prompt: str) -> dict[str, object]:
    """The prompt without what stands in brackets, which was the negative prompt."""
    negative = " ".join(found.strip() for found in _BRACKETS.findall(prompt))
    if negative:
        prompt = re.sub(r" {2,}", " ", _BRACKETS.sub(" ", prompt))
    return {"prompt": prompt.strip(), "negative_prompt": negative}


def _dream(texts: Texts) -> Found | None:
    for item in texts.items:
        match = _DREAM.fullmatch(item.text[:_INFOTEXT_LIMIT]) if item.key == "Dream" else None
        if match is not None:
            prompt = re.sub(r'\\(["\\])', r"\1", match[1])
            values = {**dict(_DREAM_SETTING.findall(match[2])), **_bracketed(prompt)}
            return collect("InvokeAI", _by_flag(values)), item
    return None


def _by_flag(values: Mapping[str, object]) -> dict[str, object]:
    # -s and -S differ, as the names of fields do not.
    flags = {
        "-s": "steps", "-S": "seed", "-C": "cfg_scale", "-W": "width", "-H": "height",
        "-A": "sampler",
    }  # fmt: skip
    return {flags.get(name, name.lstrip("-")): value for name, value in values.items()}


def _swarm(texts: Texts) -> Found | None:
    names = {
        "negative": ("negativeprompt",),
        "guidance": ("cfgscale",),
        "distilled": ("fluxguidancescale",),
        "sampler": ("sampler", "comfyuisampler"),
        "writer": ("swarm_version",),
    }
    for item, data in texts.objects:
        if isinstance(data.get("sui_image_params"), dict):
            rest = [name for name in data if name != "sui_image_params"]
            return collect("SwarmUI", data["sui_image_params"], names, rest), item
    return None


def _fooocus(texts: Texts) -> Found | None:
    names = {
        "prompt": ("prompt", "raw_prompt"),
        "negative": ("negative_prompt", "negative prompt", "negative", "raw_negative_prompt"),
        "model": ("base_model", "base model", "base_model_name", "model"),
        "writer": ("version", "software"),
    }
    for item, data in texts.objects:
        program = str(data.get("version") or data.get("software") or "").lower()
        if (
            "metadata_scheme" in data
            or "fooocus" in program
            or {"base_model", "performance"} <= (data.keys())
        ):
            return collect("Fooocus", data, names), item
    return None


def _novelai(texts: Texts) -> Found | None:
    names = {
        "prompt": ("prompt", "v4 base", "Description"),
        "negative": ("uc", "v4 negative base", "negative_prompt"),
        "guidance": ("scale",),
        "model": ("Source",),
        "writer": ("Software",),
    }
    outer = {item.key: item.text for item in texts.items}
    for item, data in texts.objects:
        around: Mapping[str, Any] = outer
        inner: Mapping[str, Any] | None = data
        if "Comment" in data:  # WebP: all of a PNG's texts in one object
            around, inner = data, json_object(data["Comment"])
        ours = str(around.get("Software")).startswith("NovelAI")
        if inner is None or not ("uc" in inner or "v4_prompt" in inner or ours):
            continue
        if ("scale" not in inner and "steps" not in inner) or "c" in inner:
            continue
        values = {
            name: around[name] for name in ("Description", "Source", "Software") if name in around
        }
        v4 = {
            "v4 base": _caption(inner, "v4_prompt"),
            "v4 negative base": _caption(inner, "v4_negative_prompt"),
        }
        return collect("NovelAI", {**values, **v4, **inner}, names), item
    return None


def _caption(data: Mapping[str, Any], key: str) -> object:
    part = data.get(key)
    caption = part.get("caption") if isinstance(part, dict) else None
    return caption.get("base_caption") if isinstance(caption, dict) else None


def _mflux(texts: Texts) -> Found | None:
    for item, data in texts.objects:
        if "mflux_version" in data:
            return collect("mflux", data, {"writer": ("mflux_version",)}), item
    return None


def _draw_things(texts: Texts) -> Found | None:
    names = {
        "prompt": ("c",),
        "negative": ("uc",),
        "guidance": ("scale", "guidanceScale"),
        "writer": ("CreatorTool",),
    }
    tool = texts.get("CreatorTool") or "Draw Things"
    for item, data in texts.objects:
        if "c" in data and {"uc", "scale", "sampler"} & data.keys():
            second = data.get("v2")
            more = second if isinstance(second, dict) else {}
            return collect("Draw Things", {**more, **data, "CreatorTool": tool}, names), item
    description = texts.get("description") if texts.get("CreatorTool") == "Draw Things" else None
    if description is None:
        return None
    found = parse_parameters(description[:_INFOTEXT_LIMIT])
    prompt, _, negative = f"\n{found.prompt}".partition("\n-")
    values = {**found.settings, "c": prompt, "uc": negative, "CreatorTool": tool}
    return collect("Draw Things", values, {**names, "guidance": ("guidance scale",)}), None


def _easy_diffusion(texts: Texts) -> Found | None:
    names = {
        "steps": ("num_inference_steps", "steps"),
        "model": ("use_stable_diffusion_model", "stable diffusion model"),
    }
    loose = {item.key: item.text for item in texts.items}
    for item, data in ((None, loose), *texts.objects):
        keys = {key.lower() for key in data}
        if "prompt" in keys and keys & {"num_inference_steps", *names["model"]}:
            return collect("Easy Diffusion", data, names), item
    return None


def _automatic(texts: Texts) -> Found | None:
    """A1111 and all that write as it does, wherever the text lies."""
    for item in _by_key(texts):
        found = infotext(item)
        if found is not None and _TOLD & {name.lower() for name in found.settings}:
            return from_infotext(found), item
    return None


def _plain(texts: Texts) -> Found | None:
    """A prompt alone, where only prompts lie."""
    for item in texts.items:
        found = infotext(item) if item.key == "parameters" else None
        if found is not None and found.prompt:
            return from_infotext(found), item
    return None


def _by_key(texts: Texts) -> list[EmbeddedText]:
    order = {key: place for place, key in enumerate(_INFOTEXT_KEYS)}
    return sorted(texts.items, key=lambda item: order.get(item.key, len(order)))


def infotext(item: EmbeddedText) -> Parameters | None:
    """The parameters that a text holds; ``None`` for JSON, which is never a prompt."""
    if len(item.text) > _INFOTEXT_LIMIT or item.text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}:
        return None
    return parse_parameters(item.text)


def from_infotext(found: Parameters) -> Provenance:
    """The common result of the ``parameters`` text."""
    values = {**found.settings, "prompt": found.prompt, "negative_prompt": found.negative}
    version = next((text for name, text in found.settings.items() if name == "Version"), "")
    read = collect(_origin(version), values)
    if read.model is None and (named := _resource(found.settings)):
        read = replace(read, model=named)
    return read


def _origin(version: str) -> str:
    for start, origin in _VERSIONS:
        if re.match(start, version, re.IGNORECASE):
            return origin
    return "A1111"


_VERSIONS = (
    (r"unipic-tui", OWN), (r"f\d|neo", "Forge"), (r"fooocus", "Fooocus"), (r"comfyui", "ComfyUI"),
)  # fmt: skip


def _resource(settings: Mapping[str, str]) -> str | None:
    """The checkpoint in Civitai's list of resources."""
    listed = json_object('{"list": ' + settings.get("Civitai resources", "[]") + "}") or {}
    for each in listed.get("list") or ():
        if isinstance(each, dict) and each.get("type") == "checkpoint":
            return label(each)
    return None


def _comfy(texts: Texts) -> Found | None:
    for item, data in texts.objects:
        for graph in (data, data.get("prompt"), json_object(data.get("prompt"))):
            if isinstance(graph, dict) and is_graph(graph):
                return comfy.read_graph(graph), item
    for item, data in texts.objects:
        if isinstance(data.get("nodes"), list) and "links" in data:
            # The editor's form of the graph: the values have no names there.
            return Provenance("ComfyUI", unread=(item.key,)), item
    return None


READERS: tuple[Reader, ...] = (
    _own, _invoke, _dream, _swarm, _fooocus, _mflux, _draw_things, _novelai, _easy_diffusion,
    _automatic, _comfy, _plain,
)  # fmt: skip
"""Every format, the most particular first."""


def read_format(texts: Texts) -> Found:
    """What the first format says that knows any of the texts; an empty result where none does."""
    for reader in READERS:
        found = reader(texts)
        if found is not None:
            read, used = found
            others = (item.key for item in texts.items if item is not used)
            keys = dict.fromkeys((*read.unread, *(others if used else ())))
            return replace(read, unread=tuple(keys)), used
    return Provenance(unread=tuple(dict.fromkeys(item.key for item in texts.items))), None
