"""ComfyUI's graph, read by slots from the sampler back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.library.provenance.building import (
    NEGATIVE,
    PROMPT,
    graph,
    node,
    png,
    text_chunk,
    with_texts,
)
from unipic_tui.library.provenance import Provenance, read_provenance

SAMPLER: dict[str, Any] = graph()["5"]["inputs"]
WORDS = {"words": PROMPT[:12], "more": PROMPT[13:]}


def sampler(**changes: Any) -> dict[str, Any]:
    return node("KSampler", **{**SAMPLER, **changes})


def upscaled(**changes: Any) -> dict[str, Any]:
    """A second pass on an enlarged latent, which is saved."""
    second = {**SAMPLER, "seed": 5, "steps": 12, "cfg": 2.0, "latent_image": ["20", 0], **changes}
    return graph(
        n20=node("LatentUpscale", samples=["5", 0], width=1664, height=2432),
        n21=node("KSampler", **second),
        n6=node("VAEDecode", samples=["21", 0], vae=["1", 2]),
    )


GRAPHS: dict[str, dict[str, Any]] = {
    "plain": graph(),
    "controlnet": graph(
        n5=sampler(positive=["20", 0], negative=["20", 1]),
        n20=node("ControlNetApplyAdvanced", positive=["2", 0], negative=["3", 0], strength=1,
                 control_net=["21", 0], image=["22", 0]),
        n21=node("ControlNetLoader", control_net_name="canny.safetensors"),
        n22=node("LoadImage", image="a.png"),
    ),
    "two controlnets": graph(
        n5=sampler(positive=["23", 0], negative=["23", 1]),
        n20=node("ControlNetApplyAdvanced", positive=["2", 0], negative=["3", 0]),
        n23=node("ControlNetApplyAdvanced", positive=["20", 0], negative=["20", 1]),
    ),
    "inpaint": graph(
        n5=sampler(positive=["20", 0], negative=["20", 1], latent_image=["20", 2]),
        n20=node("InpaintModelConditioning", positive=["2", 0], negative=["3", 0],
                 pixels=["21", 0], mask=["22", 1], vae=["1", 2]),
        n21=node("ImageScale", image=["22", 0], width=832, height=1216),
        n22=node("LoadImage", image="a.png"),
    ),
    "image to video": graph(
        n5=sampler(positive=["20", 0], negative=["20", 1], latent_image=["20", 2]),
        n20=node("WanImageToVideo", positive=["2", 0], negative=["3", 0], width=832, height=1216),
    ),
    "second pass without noise": upscaled(add_noise="disable"),
    "second pass": upscaled(denoise=0.4),
    "refiner": graph(
        n5=node("KSamplerAdvanced", **{
            **{k: v for k, v in SAMPLER.items() if k not in {"seed", "denoise"}},
            "noise_seed": 424242, "add_noise": "enable", "start_at_step": 0, "end_at_step": 24}),
        n21=node("KSamplerAdvanced", **{
            **{k: v for k, v in SAMPLER.items() if k not in {"seed", "denoise"}},
            "noise_seed": 0, "add_noise": "disable", "start_at_step": 24,
            "latent_image": ["5", 0]}),
        n6=node("VAEDecode", samples=["21", 0], vae=["1", 2]),
    ),
    "face detailer": graph(
        n7=node("SaveImage", images=["30", 0]),
        n30=node("FaceDetailer", image=["6", 0], model=["1", 0], positive=["31", 0],
                 negative=["3", 0], seed=1, steps=9, cfg=3.0, denoise=0.5),
        n31=node("CLIPTextEncode", text="a face", clip=["1", 1]),
    ),
    "tiled upscaler": graph(
        n7=node("SaveImage", images=["30", 0]),
        n30=node("UltimateSDUpscale", image=["6", 0], model=["1", 0], positive=["2", 0],
                 negative=["3", 0], seed=1, steps=9, cfg=3.0, denoise=0.2, upscale_model=["31", 0]),
        n31=node("UpscaleModelLoader", model_name="4x.pth"),
    ),
    "upscaled by a model": graph(
        n0=node("UpscaleModelLoader", model_name="4x.pth"),
        n7=node("SaveImage", images=["30", 0]),
        n30=node("ImageUpscaleWithModel", upscale_model=["0", 0], image=["6", 0]),
    ),
    "another branch": graph(
        n0=sampler(seed=1, steps=2, cfg=1.5, positive=["31", 0]),
        n31=node("CLIPTextEncode", text="a draft", clip=["1", 1]),
        n32=node("VAEDecode", samples=["0", 0], vae=["1", 2]),
        n33=node("PreviewImage", images=["32", 0]),
    ),
    "seed node": graph(n5=sampler(seed=["20", 3]), n20=node("Seed (rgthree)", seed=424242)),
    "seed through a reroute": graph(
        n5=sampler(seed=["21", 0]), n21=node("Reroute", **{"": ["20", 0]}),
        n20=node("PrimitiveInt", value=424242),
    ),
    "numbers from nodes": graph(
        n5=sampler(steps=["20", 0], cfg=["21", 0]),
        n4=node("EmptyLatentImage", width=["22", 0], height=["22", 1], batch_size=1),
        n20=node("INTConstant", value=30), n21=node("PrimitiveFloat", value=5.5),
        n22=node("CR Aspect Ratio", width=832, height=1216, aspect_ratio="custom"),
    ),
    "concatenated": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("StringConcatenate", string_a=["21", 0], string_b=WORDS["more"], delimiter=" "),
        n21=node("PrimitiveString", value=WORDS["words"]),
    ),
    "joined": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("JoinStringMulti", inputcount=2, string_1=WORDS["words"], string_2=WORDS["more"],
                 delimiter=" ", return_list=False),
    ),
    "text concatenate": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("Text Concatenate", text_a=["21", 0], text_b=WORDS["more"], delimiter=" ",
                 clean_whitespace="true"),
        n21=node("Text Multiline", text=WORDS["words"]),
    ),
    "string function": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("StringFunction|pysssss", action="append", tidy_tags="yes", text_a="x",
                 text_b="y", text_c="", result=PROMPT),
    ),
    "replaced": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("StringReplace", string=PROMPT.replace("fog", "X"), find="X", replace="fog"),
    ),
    "wildcards": graph(
        n2=node("ImpactWildcardEncode", model=["1", 0], clip=["1", 1], seed=3, mode="populate",
                wildcard_text="a __thing__ in {fog|rain}", populated_text=PROMPT),
        n5=sampler(positive=["2", 2], model=["2", 0]),
    ),
    "wildcards into an encoder": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n20=node("ImpactWildcardProcessor", wildcard_text="__x__", populated_text=PROMPT, seed=3),
    ),
    "area": graph(
        n5=sampler(positive=["20", 0]),
        n20=node("ConditioningSetArea", conditioning=["2", 0], width=64, height=64, x=0, y=0),
    ),
    "box": graph(
        n5=sampler(positive=["20", 0]),
        n20=node("GLIGENTextBoxApply", conditioning_to=["2", 0], clip=["1", 1], text="a gull",
                 width=64, height=64, x=0, y=0),
    ),
    "the same text twice": graph(
        n5=sampler(positive=["20", 0]),
        n20=node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["21", 0]),
        n21=node("ConditioningSetMask", conditioning=["2", 0], mask=["9", 0]),
    ),
    "two text models": graph(
        n2=node("CLIPTextEncodeSDXL", text_g=PROMPT, text_l=PROMPT, width=4096, height=4096,
                clip=["1", 1]),
    ),
    "loader with texts": graph(
        n1=node("Efficient Loader", ckpt_name="mistmix.safetensors", positive=PROMPT,
                negative=NEGATIVE, empty_latent_width=832, empty_latent_height=1216),
        n5=sampler(positive=["1", 1], negative=["1", 2], latent_image=["1", 3]),
    ),
    "loader with linked texts": graph(
        n1=node("Efficient Loader", ckpt_name="mistmix.safetensors", positive=["20", 0],
                negative=["21", 0], empty_latent_width=832, empty_latent_height=1216),
        n5=sampler(positive=["1", 1], negative=["1", 2], latent_image=["1", 3]),
        n20=node("String Literal", string=PROMPT), n21=node("String Literal", string=NEGATIVE),
    ),
    "pipe": graph(
        n5=node("ImpactKSamplerBasicPipe", basic_pipe=["20", 0], seed=424242, steps=30, cfg=5.5,
                sampler_name="euler", denoise=1.0, latent_image=["4", 0]),
        n20=node("ToBasicPipe", model=["1", 0], clip=["1", 1], positive=["2", 0],
                 negative=["3", 0]),
    ),
    "out of a pipe": graph(
        n5=sampler(positive=["21", 3], negative=["21", 4], model=["21", 0]),
        n20=node("ToBasicPipe", model=["1", 0], positive=["2", 0], negative=["3", 0]),
        n21=node("FromBasicPipe", basic_pipe=["20", 0]),
    ),
    "tuple": graph(
        n5=node("KSampler SDXL (Eff.)", sdxl_tuple=["20", 0], noise_seed=424242, steps=30, cfg=5.5,
                sampler_name="euler", latent_image=["4", 0]),
        n20=node("Pack SDXL Tuple", base_model=["1", 0], base_positive=["2", 0],
                 base_negative=["3", 0]),
    ),
    "easy pipe": graph(
        n1=node("easy fullLoader", ckpt_name="mistmix.safetensors", positive=PROMPT,
                negative=NEGATIVE, empty_latent_width=832, empty_latent_height=1216),
        n4=node("easy preSampling", pipe=["1", 0], seed=424242, steps=30, cfg=5.5, denoise=1,
                sampler_name="euler"),
        n5=node("easy kSampler", pipe=["4", 0], image_output="Save"),
        n7=node("SaveImage", images=["5", 1]),
    ),
    "custom sampler": graph(
        n5=node("SamplerCustomAdvanced", noise=["20", 0], guider=["21", 0], sampler=["22", 0],
                sigmas=["23", 0], latent_image=["4", 0]),
        n20=node("RandomNoise", noise_seed=424242),
        n21=node("CFGGuider", model=["24", 0], positive=["2", 0], negative=["3", 0], cfg=5.5),
        n22=node("KSamplerSelect", sampler_name="euler"),
        n23=node("BasicScheduler", model=["24", 0], scheduler="simple", steps=30, denoise=1.0),
        n24=node("LoraLoaderModelOnly", model=["1", 0], lora_name="x.safetensors"),
    ),
    "styles": graph(
        n2=node("CLIPTextEncode", text=["20", 0], clip=["1", 1]),
        n3=node("CLIPTextEncode", text=["20", 1], clip=["1", 1]),
        n20=node("SDXL Prompt Styler", text_positive=PROMPT, text_negative=NEGATIVE, style="base"),
    ),
    "switch": graph(
        n5=sampler(positive=["20", 0]),
        n20=node("ImpactSwitch", select=2, input1=["21", 0], input2=["2", 0]),
        n21=node("CLIPTextEncode", text="unused", clip=["1", 1]),
    ),
    "dimensions": graph(n4=node("SDXL Empty Latent Image (rgthree)",
                                dimensions="832 x 1216 (portrait)", batch_size=1)),
    "odd values beside": graph(
        n5=sampler(denoise=float("nan"), x={"y": [1, 2]}, z=[["a"], {}]),
        extra={"airs": []}, extraMetadata="{}", n40={"inputs": 3}, n41=None, n42={"class_type": 1},
    ),
    "cyclic": graph(
        n20=node("Reroute", **{"": ["20", 0]}),
        n1=node("CheckpointLoaderSimple", ckpt_name="mistmix.safetensors", again=["1", 0]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, GRAPHS[name])
    assert (found.origin, found.prompt, found.negative) == ("ComfyUI", PROMPT, NEGATIVE)
    assert (found.seed, found.steps, found.guidance) == (424242, 30, 5.5)
    assert (found.width, found.height) == (832, 1216)
    assert found.model == "mistmix.safetensors"


def read(tmp_path: Path, data: dict[str, Any]) -> Provenance:
    text = json.dumps(data)
    return read_provenance(png(tmp_path / "a.png", text_chunk("prompt", text, "zTXt")))


@pytest.mark.parametrize(
    "changes",
    [
        {"n3": node("CLIPTextEncode", text="", clip=["1", 1])},
        {"n3": node("CLIPTextEncode", text="  \n", clip=["1", 1])},
        {"n3": node("ConditioningZeroOut", conditioning=["2", 0])},
        {"n3": node("CLIPTextEncode", text=PROMPT, clip=["1", 1])},
        {"n5": sampler(negative=["2", 0])},
        {"n5": node("KSampler", **{k: v for k, v in SAMPLER.items() if k != "negative"})},
        {"n5": sampler(negative=["99", 0])},
        {
            "n5": sampler(positive=["20", 0], negative=["20", 1]),
            "n20": node("ControlNetApplyAdvanced", positive=["2", 0], negative=["21", 0]),
            "n21": node("ConditioningZeroOut", conditioning=["2", 0]),
        },
        {
            "n5": sampler(positive=["20", 0], negative=["20", 1]),
            "n20": node("ControlNetApplyAdvanced", positive=["2", 0], negative=["3", 0]),
            "n3": node("CLIPTextEncode", text="", clip=["1", 1]),
        },
        {
            "n1": node("Efficient Loader", ckpt_name="m", positive=PROMPT, negative=""),
            "n5": sampler(positive=["1", 1], negative=["1", 2]),
        },
        {
            "n5": sampler(negative=["20", 0]),
            "n20": node("ReferenceLatent", conditioning=["3", 0], latent=["4", 0]),
            "n3": node("ConditioningZeroOut", conditioning=["2", 0]),
        },
    ],
    ids=range(11),
)
def test_a_negative_that_is_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    found = read(tmp_path, graph(**changes))
    assert (found.prompt, found.negative) == (PROMPT, None)


def test_slots_that_are_crossed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        graph(
            n5=sampler(positive=["20", 1], negative=["20", 0]),
            n20=node("ControlNetApplyAdvanced", positive=["3", 0], negative=["2", 0]),
        ),
    )
    assert (found.prompt, found.negative) == (PROMPT, NEGATIVE)


def test_regions_are_told_together(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        graph(
            n5=sampler(positive=["20", 0]),
            n20=node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["21", 0]),
            n21=node("ConditioningSetArea", conditioning=["22", 0], width=64, height=64),
            n22=node("CLIPTextEncode", text="a gull", clip=["1", 1]),
        ),
    )
    assert found.prompt == f"{PROMPT}, a gull"
    assert (found.width, found.height) == (832, 1216)


def test_flux_tells_its_own_guidance(tmp_path: Path) -> None:
    guided = node("FluxGuidance", conditioning=["2", 0], guidance=3.5)
    assert (
        read(tmp_path, graph(n5=sampler(positive=["20", 0], cfg=1.0), n20=guided)).guidance == 3.5
    )
    assert read(tmp_path, graph(n5=sampler(positive=["20", 0], cfg=4), n20=guided)).guidance == 4.0


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"n5": sampler(seed=2**64 - 1)}, "seed", 2**64 - 1),
        ({"n5": sampler(seed=-1)}, "seed", None),
        ({"n5": sampler(seed=["20", 0])}, "seed", None),
        ({"n5": sampler(seed=["2", 0])}, "seed", None),
        ({"n5": sampler(seed=["20", 0]), "n20": node("Math", a=3, value="a*2")}, "seed", None),
        ({"n5": sampler(add_noise="disable", latent_image=["4", 0])}, "seed", None),
        ({"n4": node("EmptyLatentImage", width=832, height=["9", 0])}, "width", None),
        ({"n4": node("VAEEncode", pixels=["20", 0]), "n20": node("LoadImage")}, "width", None),
        ({"n2": node("CLIPTextEncode", text=[["x"], {}], clip=["1", 1])}, "prompt", None),
        ({"n2": node("CLIPTextEncode", text=["2", 0], clip=["1", 1])}, "prompt", None),
        ({"n1": node("CheckpointLoader", ckpt_name={"content": "a.ckpt"})}, "model", "a.ckpt"),
        ({"n1": node("UNETLoader", unet_name="f.gguf")}, "model", "f.gguf"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_a_graph_does_not_tell(
    tmp_path: Path, changes: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(read(tmp_path, graph(**changes)), field) == value


def test_a_graph_with_no_sampler_and_the_editors_form(tmp_path: Path) -> None:
    only = {"1": node("CLIPTextEncode", text="a note", clip=["2", 0])}
    assert read(tmp_path, only) == Provenance("ComfyUI")
    workflow = {"nodes": [{"id": 6, "widgets_values": ["a fox"]}], "links": []}
    found = read_provenance(with_texts(tmp_path / "a.png", workflow=workflow))
    assert found == Provenance("ComfyUI", unread=("workflow",))


def chain(length: int) -> dict[str, Any]:
    """Combined conditionings and strings, each of the one before it twice."""
    nodes = graph(n5=sampler(positive=[f"c{length}", 0]))
    nodes["c0"] = node("CLIPTextEncode", text=[f"s{length}", 0], clip=["1", 1])
    nodes["s0"] = node("PrimitiveString", value="x" * 50_000)
    for index in range(1, length + 1):
        before = index - 1
        nodes[f"c{index}"] = node(
            "ConditioningCombine",
            conditioning_1=[f"c{before}", 0],
            conditioning_2=[f"c{before}", 0],
        )
        nodes[f"s{index}"] = node(
            "JoinStrings", string1=[f"s{before}", 0], string2=[f"s{before}", 0], delimiter=" "
        )
    return nodes


@pytest.mark.parametrize("length", [50, 5000])
def test_hostile_graphs_come_to_an_end(tmp_path: Path, length: int) -> None:
    found = read(tmp_path, chain(length))
    assert found.origin == "ComfyUI"
    assert found.seed in {None, 424242}
    many = {str(index): sampler(latent_image=[str(index + 1), 0]) for index in range(length)}
    assert read(tmp_path, {**many, "s": node("SaveImage", images=["0", 0])}).origin == "ComfyUI"
