"""Prompt and settings from the node graph that ComfyUI writes into its pictures.

The graph maps node ids to ``{"class_type": …, "inputs": {…}}``; an input is a value, or a link
``[node id, output]``. It is read backwards from the saved picture: to the sampler that drew it,
and from the sampler's slots to the texts, numbers and the checkpoint that feed them. Nodes come in
thousands of kinds, so they are known by the names of their inputs rather than by their class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from unipic_tui.library.provenance import result
from unipic_tui.library.provenance.comfygraph import Graph, Node, named
from unipic_tui.library.provenance.comfytext import Prompts
from unipic_tui.library.provenance.result import Provenance

_Value = TypeVar("_Value")

_picture = named(r"(images?\d*|pixels|samples|latents?|latent_image|image_?[a-z0-9])")
_latent = named(
    r"(latent.*|samples|optional_latent|init_latent|pixels|images?|.*pipe.*|.*tuple.*|)"
)
_control = named(r"(guider|sigmas|noise|sampler|settings|.*pipe.*|.*tuple.*|context|ctx.*)")
_model = named(r"(.*model\d*|unet|guider|.*pipe.*|.*tuple.*|context|ctx.*|)")
_no_model = named(r".*(upscale|control|clip|vae|style|sam|detect|ipadapter|patch).*")
_guided = named(r"(positive|conditioning.*|guider|.*pipe.*|.*tuple.*)")
_SEEDS = ("seed", "noise_seed")
_MODEL_NAMES = (
    "ckpt_name", "base_ckpt_name", "unet_name", "gguf_name", "model_name", "diffusion_name",
    "model_path",
)  # fmt: skip
_MOST_PASSES = 20


def read_graph(data: dict[str, Any]) -> Provenance:
    """What a graph says of the picture that was saved from it."""
    graph = Graph(data)
    sampler = _find_sampler(graph)
    if sampler is None:
        return Provenance("ComfyUI")
    prompts = Prompts(graph)
    positive = prompts.of_sampler(sampler, "positive").strip()
    negative = prompts.of_sampler(sampler, "negative").strip()
    width, height = _size(graph, sampler) or (None, None)
    return Provenance(
        origin="ComfyUI",
        prompt=result.text(positive),
        negative=None if negative == positive else result.text(negative),
        seed=_look(graph, sampler, _SEEDS, result.seed) if _adds_noise(graph, sampler) else None,
        steps=_look(graph, sampler, ("steps",), result.steps),
        guidance=_guidance(graph, sampler),
        sampler=_look(graph, sampler, ("sampler_name",), result.label),
        width=width,
        height=height,
        model=_checkpoint(graph, sampler),
    )


def _find_sampler(graph: Graph) -> Node | None:
    """The sampler that made the saved picture: of several passes the first, which drew it."""
    nodes = list(graph.nodes.values())
    saving = [node for node in nodes if "save" in node.kind]
    showing = [node for node in nodes if "preview" in node.kind]
    for end in (*saving, *showing):
        for follow in (_picture, _any):
            found = _nearest(graph, end, follow)
            if found is not None:
                return _first_pass(graph, found)
    samplers = [node for node in nodes if _samples(node)]
    if len(samplers) == 1 or not (saving or showing):
        return next((_first_pass(graph, node) for node in reversed(samplers)), None)
    return None


def _any(_: str) -> bool:
    return True


def _nearest(graph: Graph, start: Node, follow: Callable[[str], bool]) -> Node | None:
    behind = (node for node in graph.upstream(start, follow) if node is not start)
    return next((node for node in behind if _samples(node)), None)


def _samples(node: Node) -> bool:
    """Whether a node draws: it is given a prompt, and has steps or a seed."""
    inputs = node.inputs
    prompted = any(isinstance(inputs[name], list) for name in inputs if _guided(name))
    if not prompted and not ("prompt" in inputs and "clip" not in inputs):
        return False
    return any(name in inputs for name in (*_SEEDS, "steps", "noise", "sigmas"))


def _first_pass(graph: Graph, sampler: Node) -> Node:
    """The pass that set the picture up, where later ones only work on what it drew."""
    for _ in range(_MOST_PASSES):
        strength = _look(graph, sampler, ("denoise",), result.guidance)
        if _adds_noise(graph, sampler) and strength is not None and strength >= 1:
            break  # nothing is left of what was there before
        earlier = _nearest(graph, sampler, _latent)
        if earlier is None:
            break
        sampler = earlier
    return sampler


def _adds_noise(graph: Graph, sampler: Node) -> bool:
    source = graph.link(sampler.inputs.get("noise"))
    if source is not None and "disable" in source.node.kind:
        return False
    return sampler.inputs.get("add_noise") not in {"disable", False}


def _settings(graph: Graph, sampler: Node) -> Iterator[Node]:
    """The sampler, and the nodes that hold parts of its settings."""
    return graph.upstream(sampler, _control)


def _look(
    graph: Graph, sampler: Node, names: tuple[str, ...], convert: Callable[[object], _Value | None]
) -> _Value | None:
    for node in _settings(graph, sampler):
        for name in names:
            if name in node.inputs:
                # A sampler that has the input is the one to tell it, even that it is unknown.
                return graph.value(node, name, convert)
    return None


def _guidance(graph: Graph, sampler: Node) -> float | None:
    """The weight of classifier-free guidance; of the distilled one where that is off (1)."""
    weight = _look(graph, sampler, ("cfg", "cfg_conds"), result.guidance)
    if weight is not None and weight != 1:
        return weight
    for node in graph.upstream(sampler, _guided):
        if "guidance" in node.inputs:
            distilled = graph.value(node, "guidance", result.guidance)
            if distilled is not None:
                return distilled
    return weight


def _size(graph: Graph, sampler: Node) -> tuple[int, int] | None:
    """The size of the latent that the sampler started from."""
    for node in graph.upstream(sampler, _latent):
        for before in ("", "empty_latent_"):
            width = graph.value(node, f"{before}width", result.side)
            height = graph.value(node, f"{before}height", result.side)
            if width is not None and height is not None:
                return width, height
        for name in ("dimensions", "resolution"):
            if (found := result.size(node.inputs.get(name))) is not None:
                return found
    return None


def _checkpoint(graph: Graph, sampler: Node) -> str | None:
    for node in graph.upstream(sampler, lambda name: _model(name) and not _no_model(name)):
        for name in _MODEL_NAMES:
            found = graph.value(node, name, result.label)
            if found is not None:
                return found
        if (found := result.label(node.inputs.get("model"))) is not None:
            return found
    return None
