"""Prompt and settings from the node graph that ComfyUI writes into its pictures.

The graph maps node ids to ``{"class_type": …, "inputs": {…}}``; an input is a value, or a link
``[node id, output]``. Nodes of any kind may be there, so they are known by their inputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

_MOST_NODES = 5000
_TEXTS = (
    "text",
    "text_g",
    "text_l",
    "t5xxl",
    "clip_l",
    "prompt",
    "string",
    "value",
    "conditioning",
)
_MODELS = ("ckpt_name", "unet_name", "model_name")


def read_graph(text: str) -> dict[str, Any]:
    """What the graph says: prompt, negative, seed, iterations, guidance, width, height, model.

    Raises:
        ValueError, TypeError, AttributeError: it is no such graph.
    """
    graph = {
        str(key): node
        for key, node in json.loads(text).items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }
    nodes = list(_upstream(graph))
    return {
        "prompt": _conditioning(graph, nodes, ("positive", "conditioning")),
        "negative": _conditioning(graph, nodes, ("negative",)),
        "seed": _value(graph, nodes, ("seed", "noise_seed")),
        "iterations": _value(graph, nodes, ("steps",)),
        "guidance": _value(graph, nodes, ("cfg", "guidance")),
        "width": _value(graph, nodes, ("width",)),
        "height": _value(graph, nodes, ("height",)),
        "model": _value(graph, nodes, _MODELS),
    }


def _upstream(graph: dict[str, Node]) -> Iterator[Node]:
    """The nodes that made the picture, the last ones first; all of them where no end is known."""
    ends = [key for key, node in graph.items() if "save" in str(node.get("class_type")).lower()]
    waiting = (ends or list(graph))[:_MOST_NODES]
    seen = set(waiting)
    while waiting:
        node = graph[waiting.pop(0)]
        yield node
        for value in node["inputs"].values():
            key = _link(value)
            if key in graph and key not in seen and len(seen) < _MOST_NODES:
                seen.add(key)
                waiting.append(key)


def _link(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and len(value) == 2 else ""


def _value(graph: dict[str, Node], nodes: list[Node], names: tuple[str, ...]) -> object:
    """The first value of one of these names; a link is followed to a node that holds just one."""
    for node in nodes:
        for name in names:
            value = node["inputs"].get(name)
            linked = graph.get(_link(value))
            if linked is not None:
                plain = [each for each in linked["inputs"].values() if not isinstance(each, list)]
                value = plain[0] if plain else None
            if isinstance(value, str | int | float):
                return value
    return None


def _conditioning(graph: dict[str, Node], nodes: list[Node], names: tuple[str, ...]) -> str:
    for node in nodes:
        for name in names:
            key = _link(node["inputs"].get(name))
            if key in graph and (text := _text(graph, key)):
                return text
    return ""


def _text(graph: dict[str, Node], key: str) -> str:
    """The first text at or behind a node."""
    waiting, seen = [key], {key}
    while waiting:
        inputs = graph[waiting.pop(0)]["inputs"]
        for name in _TEXTS:
            value = inputs.get(name)
            if isinstance(value, str) and value.strip():
                return value
        for value in inputs.values():
            link = _link(value)
            if link in graph and link not in seen and len(seen) < _MOST_NODES:
                seen.add(link)
                waiting.append(link)
    return ""
