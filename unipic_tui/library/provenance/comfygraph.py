"""ComfyUI's graph: its nodes, and the way along their links."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

_MOST_NODES = 50_000
_BUDGET = 200_000
"""How many links are followed in one graph; a picture's own way takes some hundreds."""
_DEPTH = 60

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One node.

    Attributes:
        key: its id.
        kind: its class in lower case.
        inputs: its values and links, by their names.
    """

    key: str
    kind: str
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """The output of a node that another one reads: the node, and the output's number."""

    node: Node
    slot: int


class Graph:
    """The nodes by their ids. Following links ends after so many of them, whatever the graph.

    Args:
        data: the graph as ComfyUI writes it.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.nodes: dict[str, Node] = {}
        for key, node in data.items():
            if is_node(node) and len(self.nodes) < _MOST_NODES:
                kind = str(node.get("class_type") or "").lower()
                self.nodes[str(key)] = Node(str(key), kind, node["inputs"])
        self._left = _BUDGET

    def spend(self, cost: int = 1) -> bool:
        """Whether there is patience left for so much more work on this graph."""
        self._left -= cost
        return self._left > 0

    def link(self, value: object) -> Link | None:
        """Where a value leads; ``None`` where it is no link, or too many were followed."""
        if not isinstance(value, list) or len(value) != 2:
            return None
        if isinstance(value[0], list | dict) or isinstance(value[1], bool):
            return None
        node = self.nodes.get(str(value[0]))
        if node is None or not isinstance(value[1], int) or not self.spend():
            return None
        return Link(node, value[1])

    def upstream(self, node: Node, follow: Callable[[str], bool]) -> Iterator[Node]:
        """The node and those behind it, nearest first, by the inputs that may be followed."""
        waiting, seen = deque([node]), {node.key}
        while waiting:
            current = waiting.popleft()
            yield current
            for name in current.inputs:
                if not follow(name):
                    continue
                found = self.link(current.inputs[name])
                if found is not None and found.node.key not in seen:
                    seen.add(found.node.key)
                    waiting.append(found.node)

    def value(
        self, node: Node, name: str, convert: Callable[[object], _Value | None], depth: int = 0
    ) -> _Value | None:
        """An input's value; behind a link, what the node there holds under such a name."""
        value = node.inputs.get(name)
        found = self.link(value)
        if found is None or depth > _DEPTH:
            return convert(value)
        inputs = found.node.inputs
        # Nodes for seeds and numbers call it as they like. A node that has nothing else than a
        # link hands it on; one that computes is not followed.
        related = [key for key in inputs if name in key]
        only = list(inputs) if len(inputs) == 1 else []
        for key in dict.fromkeys((name, *_NUMBERS, *related, *only)):
            if key in inputs:
                result = self.value(found.node, key, convert, depth + 1)
                if result is not None:
                    return result
        return None


_NUMBERS = (
    "seed", "noise_seed", "value", "Value", "int", "float", "number", "Number", "INT", "FLOAT",
)  # fmt: skip


def is_node(value: object) -> bool:
    """Whether a value of a JSON object is a node of a graph."""
    return (
        isinstance(value, dict) and isinstance(value.get("inputs"), dict) and "class_type" in value
    )


def is_graph(data: dict[str, Any]) -> bool:
    """Whether a JSON object is a graph."""
    return any(is_node(node) for node in list(data.values())[:_MOST_NODES])


def named(pattern: str) -> Callable[[str], bool]:
    """Whether an input's name, in lower case, is of a kind."""
    compiled = re.compile(pattern)
    return lambda name: compiled.fullmatch(name.lower()) is not None
