"""What each tool writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.library.provenance.building import (
    A1111,
    NEGATIVE,
    PROMPT,
    SETTINGS,
    exif,
    graph,
    picture,
    with_texts,
    xmp,
)
from unipic_tui.jobs import EditJob
from unipic_tui.library.provenance import Provenance, read_provenance
from unipic_tui.metadata import Format, encode_picture

USER_COMMENT = 0x9286

INVOKE = {
    "app_version": "5.6.0", "generation_mode": "sdxl_txt2img", "positive_prompt": PROMPT,
    "negative_prompt": NEGATIVE, "width": 832, "height": 1216, "seed": 424242, "cfg_scale": 5.5,
    "steps": 30, "scheduler": "dpmpp_2m",
    "model": {"key": "k", "name": "mistmix", "base": "sdxl"},
}  # fmt: skip
EARLY_INVOKE = {
    "model": "stable diffusion", "model_weights": "mistmix", "app_version": "2.3.5",
    "image": {
        "prompt": [{"prompt": f"{PROMPT} [{NEGATIVE}]", "weight": 1.0}], "steps": 30,
        "cfg_scale": 5.5, "width": 832, "height": 1216, "seed": 424242, "sampler": "k_lms",
    },
}  # fmt: skip
DREAM = f'"{PROMPT} [{NEGATIVE}]" -s 30 -S 424242 -W 832 -H 1216 -C 5.5 -A k_lms'
SWARM = {
    "sui_image_params": {
        "prompt": PROMPT, "negativeprompt": NEGATIVE, "model": "mistmix", "seed": 424242,
        "steps": 30, "cfgscale": 5.5, "aspectratio": "2:3", "width": 832, "height": 1216,
        "sampler": "euler", "swarm_version": "0.9.5",
    },
    "sui_extra_data": {"date": "2025-01-01"},
}  # fmt: skip
FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "mistmix", "full_prompt": [PROMPT, "more"],
    "guidance_scale": 5.5, "metadata_scheme": "fooocus", "negative_prompt": NEGATIVE,
    "performance": "Speed", "prompt": PROMPT, "resolution": "(832, 1216)", "sampler": "dpmpp_2m",
    "seed": "424242", "steps": 30, "version": "Fooocus v2.5.5",
}  # fmt: skip
RUINED = {
    "Prompt": PROMPT, "Negative": NEGATIVE, "steps": 30, "cfg": 5.5, "width": 832, "height": 1216,
    "seed": 424242, "sampler_name": "euler", "base_model_name": "mistmix",
    "software": "RuinedFooocus",
}  # fmt: skip
NOVELAI: dict[str, Any] = {
    "prompt": PROMPT, "uc": NEGATIVE, "steps": 30, "scale": 5.5, "seed": 424242, "width": 832,
    "height": 1216, "sampler": "k_euler", "request_type": "PromptGenerateRequest",
}  # fmt: skip
NOVELAI_4 = {name: value for name, value in NOVELAI.items() if name not in {"prompt", "uc"}} | {
    "v4_prompt": {"caption": {"base_caption": PROMPT, "char_captions": [{"char_caption": "x"}]}},
    "v4_negative_prompt": {"caption": {"base_caption": NEGATIVE, "char_captions": []}},
}
NOVELAI_TEXTS = {"Software": "NovelAI", "Source": "mistmix", "Title": "x", "Description": PROMPT}
MFLUX = {
    "mflux_version": "0.11.0", "model": "mistmix", "seed": 424242, "steps": 30, "guidance": 5.5,
    "height": 1216, "width": 832, "prompt": PROMPT, "negative_prompt": NEGATIVE, "quantize": 8,
    "lora_paths": None,
}  # fmt: skip
DRAW_THINGS = {
    "c": PROMPT, "uc": NEGATIVE, "seed": 424242, "steps": 30, "scale": 5.5, "size": "832x1216",
    "model": "mistmix", "sampler": "DDIM", "seed_mode": "Scale Alike",
}  # fmt: skip
EASY = {
    "prompt": PROMPT, "negative_prompt": NEGATIVE, "seed": 424242, "num_inference_steps": 30,
    "guidance_scale": 5.5, "width": 832, "height": 1216, "sampler_name": "euler",
    "use_stable_diffusion_model": "mistmix",
}  # fmt: skip
EASY_LABELS = {
    "Prompt": PROMPT, "Negative Prompt": NEGATIVE, "Seed": "424242", "Steps": "30",
    "Guidance Scale": "5.5", "Width": "832", "Height": "1216", "Stable Diffusion model": "mistmix",
}  # fmt: skip
FORGE = f"{A1111}, Version: f2.0.1v1.10.1-previous-1-gabc"


@pytest.mark.parametrize(
    ("origin", "texts"),
    [
        ("InvokeAI", {"invokeai_metadata": INVOKE, "invokeai_graph": {"nodes": {}}}),
        ("InvokeAI", {"sd-metadata": EARLY_INVOKE, "Dream": "x"}),
        ("InvokeAI", {"sd-metadata": {**EARLY_INVOKE, "image": {
            **EARLY_INVOKE["image"], "prompt": f"[{NEGATIVE}] {PROMPT}"}}}),  # type: ignore[dict-item]
        ("InvokeAI", {"Dream": DREAM}),
        ("SwarmUI", {"parameters": SWARM}),
        ("Fooocus", {"parameters": FOOOCUS, "fooocus_scheme": "fooocus"}),
        ("Fooocus", {"parameters": RUINED}),
        ("Fooocus", {"parameters": f"{A1111}, Version: Fooocus v2.5", "fooocus_scheme": "a1111"}),
        ("NovelAI", {**NOVELAI_TEXTS, "Comment": NOVELAI}),
        ("NovelAI", {**NOVELAI_TEXTS, "Comment": {
            name: value for name, value in NOVELAI.items() if name != "prompt"}}),
        ("NovelAI", {**NOVELAI_TEXTS, "Comment": NOVELAI_4}),
        ("Easy Diffusion", {name: str(value) for name, value in EASY.items()}),
        ("Easy Diffusion", EASY_LABELS),
        ("A1111", {"parameters": A1111}),
        ("Forge", {"parameters": FORGE}),
        ("ComfyUI", {"prompt": graph(), "workflow": {"nodes": [], "links": []}}),
    ],
    ids=range(16),
)  # fmt: skip
def test_texts_in_a_png(tmp_path: Path, origin: str, texts: dict[str, Any]) -> None:
    check(with_texts(tmp_path / "a.png", **texts), origin)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("origin", "data"),
    [
        ("SwarmUI", SWARM),
        ("Fooocus", FOOOCUS),
        ("NovelAI", {**NOVELAI_TEXTS, "Comment": json.dumps(NOVELAI)}),
        ("mflux", MFLUX),
        ("Draw Things", DRAW_THINGS),
        ("Easy Diffusion", EASY),
        ("InvokeAI", INVOKE),
    ],
    ids=range(7),
)
def test_json_in_a_user_comment(
    tmp_path: Path, kind: str, origin: str, data: dict[str, Any]
) -> None:
    comment = b"UNICODE\0" + json.dumps(data).encode("utf-16-be")
    check(picture(tmp_path / "a", kind, exif({USER_COMMENT: comment})), origin)


def test_draw_things_in_xmp(tmp_path: Path) -> None:
    quoted = json.dumps(DRAW_THINGS).replace('"', "&quot;")
    tool = 'xmp:CreatorTool="Draw Things"'
    inside = f"<exif:UserComment><rdf:Alt><rdf:li>{quoted}</rdf:li></rdf:Alt></exif:UserComment>"
    check(picture(tmp_path / "a.png", "PNG", xmp=xmp(inside, tool)), "Draw Things")
    line = SETTINGS.replace("CFG scale", "Guidance Scale")
    inside = f"<dc:description>{PROMPT}&#10;-{NEGATIVE}&#10;{line}</dc:description>"
    check(picture(tmp_path / "a.png", "PNG", xmp=xmp(inside, tool)), "Draw Things")


def check(path: Path, origin: str) -> None:
    found = read_provenance(path)
    assert (found.origin, found.prompt, found.negative) == (origin, PROMPT, NEGATIVE)
    assert (found.seed, found.steps, found.guidance) == (424242, 30, 5.5)
    assert (found.width, found.height) == (832, 1216)
    if "Dream" not in found.unread and origin not in {"InvokeAI"}:
        assert found.model in {"mistmix", "mistmix.safetensors"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_our_own(tmp_path: Path, kind: Format) -> None:
    from PIL import Image

    job = EditJob(
        prompt=PROMPT, source="/a.png", unconditional=NEGATIVE, seed=2**62, iterations=8,
        guidance=2.5,
    )  # fmt: skip
    image = Image.new("RGB", (48, 32))
    (tmp_path / "a").write_bytes(encode_picture(image, job, "nano", kind))
    found = read_provenance(tmp_path / "a")
    assert found.writer is not None
    assert found.writer.startswith("unipic-tui ")
    assert (found.origin, found.prompt, found.negative) == ("unipic-tui", PROMPT, NEGATIVE)
    assert (found.seed, found.steps, found.guidance) == (2**62, 8, 2.5)
    assert (found.width, found.height, found.model) == (48, 32, "nano")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("Seed: 18446744073709551615", {"seed": 2**64 - 1}),
        ("Seed: 18446744073709551616", {"seed": None}),
        ("Seed: -1", {"seed": None}),
        ("Seed: 0", {"seed": 0}),
        ("Seed: None", {"seed": None}),
        ("Seed: 1e3", {"seed": None}),
        ("Seed: ١٢", {"seed": None}),
        ("Seed: 5.0", {"seed": 5}),
        ("Size: 512", {"width": None, "height": None}),
        ("Size: 512x", {"width": None, "height": None}),
        ("Size: 0x512", {"width": None, "height": None}),
        ("Size: 512 × 768", {"width": 512, "height": 768}),
        ("Size: 512X768", {"width": 512, "height": 768}),
        ("width: 512, height: 768", {"width": 512, "height": 768}),
        ("width: 512", {"width": None, "height": None}),
        ("CFG scale: nan", {"guidance": None}),
        ("CFG scale: inf", {"guidance": None}),
        ("CFG scale: -3", {"guidance": None}),
        ("CFG scale: 0", {"guidance": 0.0}),
        ("CFG scale: 1, Distilled CFG Scale: 3.5", {"guidance": 3.5}),
        ("CFG scale: 4, Distilled CFG Scale: 3.5", {"guidance": 4.0}),
        ("Distilled CFG Scale: 3.5", {"guidance": 3.5}),
        ("Model: None", {"model": None}),
        ("App: SD.Next, Version: d5d857a", {"writer": "A1111 d5d857a"}),
    ],
)
def test_values(tmp_path: Path, settings: str, expected: dict[str, object]) -> None:
    text = f"a fox\nSteps: 20, Sampler: Euler, {settings}"
    found = read_provenance(with_texts(tmp_path / "a.png", parameters=text))
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.prompt, found.steps) == ("a fox", 20)


@pytest.mark.parametrize(
    "data",
    [
        {"steps": True, "seed": False, "width": "x", "height": 5, "cfg_scale": [6, 6]},
        {"steps": 0, "seed": 1.5, "width": -5, "height": 5, "cfg_scale": {"a": 1}},
        {"steps": "many", "seed": 10**400, "width": 5, "height": None, "cfg_scale": None},
        {"steps": None, "seed": None, "negative_prompt": None, "model": None},
        {"steps": float("nan"), "seed": float("inf"), "cfg_scale": float("nan")},
    ],
    ids=range(5),
)
def test_values_of_the_wrong_type_are_unknown(tmp_path: Path, data: dict[str, Any]) -> None:
    metadata = {"app_version": "5", "positive_prompt": "a fox", **data}
    found = read_provenance(with_texts(tmp_path / "a.png", invokeai_metadata=metadata))
    assert found == Provenance("InvokeAI", "a fox", writer="InvokeAI 5", unread=found.unread)


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": {"prompt": "a fox", "colour": 3}},
        {"parameters": '["Steps: 1, Seed: 2, Size: 8x8"]'},
        {"parameters": '{"prompt": "broken, Steps: 1, Seed: 2'},
        {"prompt": {"1": {"text": "a fox"}}},
        {"prompt": "a fox"},
        {"Comment": {"prompt": "a fox", "seed": 1}},
        {"Description": "a fox"},
        {"Software": "GIMP", "Comment": "Created with GIMP: nice, Size: large"},
        {"c2pa": {"c": "x", "claim": 1}},
        {"prompt": "[" * 100_000},
        {"prompt": '{"a":' * 100_000},
    ],
    ids=range(11),
)
def test_what_is_unknown_is_never_a_prompt(tmp_path: Path, texts: dict[str, Any]) -> None:
    found = read_provenance(with_texts(tmp_path / "a.png", **texts))
    assert found == Provenance(unread=tuple(texts))


def test_what_is_left_unread_is_named(tmp_path: Path) -> None:
    found = read_provenance(
        with_texts(tmp_path / "a.png", Title="x", parameters=f"{A1111}, Clip skip: 2, VAE: a")
    )
    assert found.unread == ("Clip skip", "VAE", "Title")


def test_the_checkpoint_of_a_civitai_picture(tmp_path: Path) -> None:
    listed = [{"type": "lora", "modelName": "a"}, {"type": "checkpoint", "modelName": "Mist XL"}]
    text = f"a fox\nSteps: 4, Seed: 1, Civitai resources: {json.dumps(listed)}"
    assert read_provenance(with_texts(tmp_path / "a.png", parameters=text)).model == "Mist XL"


def test_flags_of_the_oldest_invoke(tmp_path: Path) -> None:
    dream = r'"a \"red\" fox [mud, [x] rain] at dawn [dust]" --steps 30 -S7 --width=512 -H 768'
    found = read_provenance(with_texts(tmp_path / "a.png", Dream=dream))
    assert found.prompt is not None
    assert found.prompt.startswith('a "red" fox')
    assert found.seed == 7
