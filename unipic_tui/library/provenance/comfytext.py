"""The prompts that reach a sampler of ComfyUI: through conditionings, and through strings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from unipic_tui.library.provenance.comfygraph import Graph, Link, Node, named
from unipic_tui.library.provenance.result import PROMPT_LIMIT

Role = Literal["positive", "negative"]

_OPPOSITE: dict[Role, Role] = {"positive": "negative", "negative": "positive"}
_DEPTH = 80
_conditioning = named(r"(conditioning.*|cond_?\d*|base_cond.*|any_?\d*|input\d*|value\d*|)")
_pipe = named(r"(.*pipe.*|.*tuple.*|context|ctx.*)")
_loader = named(r"(base_)?(ckpt|unet|checkpoint).*")
_string_link = named(r"(.*(text|prompt|string|str|value|input|any|wildcard).*|[a-h]|source|)")
_no_text = named(r".*(clip|encoder|model|name|mode|font|file|path|delim|separator|style|select).*")
_text = named(r"(.*(text|prompt|string|wildcard|positive|negative|caption).*|value|str|[a-c])")
_part = named(r"(?:.*(?:text|prompt|string|str|value|input|any|arg))?[ _]?(?:[a-h]|\d{1,2})")
_selector = named(r"(select|input|index|selected|switch|which|select_index)")
_JOINS = re.compile(r"conc?at|join|append|combine|stringfunction|merge")
_DELIMITERS = ("delimiter", "separator", "sep", "delim")
_ENCODED = ("text_g", "t5xxl", "text", "prompt", "text_l", "clip_l", "caption")
"""Texts of an encoder with several text models, the fullest first."""


class Prompts:
    """Finds the texts of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[tuple[str, int, Role, bool], str] = {}

    def of_sampler(self, sampler: Node, role: Role) -> str:
        """What reaches a sampler in a role; "" where nothing does."""
        return self._role(sampler, role, 0)[:PROMPT_LIMIT]

    def _role(self, node: Node, role: Role, depth: int) -> str:
        """What a node is given for a role: a sampler, a guider, a pipe, a loader with texts."""
        if depth > _DEPTH:
            return ""
        told = self._told(node, role, depth)
        if told is not None:
            return told
        for name, value in node.inputs.items():
            if name == "guider" or _pipe(name):
                found = self.graph.link(value)
                if found is not None and (text := self._role(found.node, role, depth + 1)):
                    return text
        alone = node.inputs.get("prompt") if role == "positive" else None
        return self._string(alone, role, depth)

    def _told(self, node: Node, role: Role, depth: int) -> str | None:
        """What an input of the role's name gives; ``None`` where there is no such input."""
        for name in (role, f"base_{role}", f"{role}_cond", f"cond_{role}"):
            if name in node.inputs:
                return self._given(node.inputs[name], role, depth)
        if (given := self._string_of_role(node, role, depth)) is not None:
            return given
        names = ("conditioning", "cond1", "cond") if role == "positive" else ()
        found = (self.graph.link(node.inputs.get(name)) for name in names)
        source = next((link for link in found if link is not None), None)
        return None if source is None else self._conditioned(source, role, depth + 1)

    def _given(self, value: object, role: Role, depth: int) -> str:
        if isinstance(value, str):
            return value
        found = self.graph.link(value)
        return "" if found is None else self._conditioned(found, role, depth + 1)

    def _once(self, source: Link, role: Role, depth: int, *, string: bool) -> str:
        """What an output gives, worked out once: many nodes may read it, or it may read itself."""
        key = (source.node.key, source.slot, role, string)
        if depth > _DEPTH:
            return ""
        if key not in self._known:
            self._known[key] = ""
            read = self._read_string if string else self._read_conditioning
            self._known[key] = read(source, role, depth)
        return self._known[key]

    def _conditioned(self, source: Link, role: Role, depth: int) -> str:
        """The text of a conditioning."""
        return self._once(source, role, depth, string=False)

    def _read_conditioning(self, source: Link, role: Role, depth: int) -> str:
        node, inputs = source.node, source.node.inputs
        if "zeroout" in node.kind or "zero_out" in node.kind:
            return ""
        if "positive" in inputs or "negative" in inputs or any(map(_pipe, inputs)):
            if self._is_conditioner(node) and source.slot in {0, 1}:
                role = "negative" if source.slot else "positive"
            if text := self._role(node, role, depth + 1):
                return text
            if any(name in inputs for name in _OPPOSITE):
                return ""
        if "switch" in node.kind and (chosen := self._chosen(node)) is not None:
            return self._conditioned(chosen, role, depth + 1)
        # A box of GLIGEN has a text of its own, for a part of the picture; the prompt is behind it.
        behind = [
            self._conditioned(found, role, depth + 1)
            for name in inputs
            if _conditioning(name) and (found := self.graph.link(inputs[name])) is not None
        ]
        return _joined(behind, ", ") or self._encoded(node, role, depth)

    @staticmethod
    def _is_conditioner(node: Node) -> bool:
        """Whether a node changes two conditionings, and gives both in the order it got them."""
        both = all(isinstance(node.inputs.get(each), list) for each in _OPPOSITE)
        return both and not any(_pipe(name) or _loader(name) for name in node.inputs)

    def _encoded(self, node: Node, role: Role, depth: int) -> str:
        texts = [self._string(node.inputs.get(name), role, depth + 1) for name in _ENCODED]
        return _joined(texts, ", ") or self._string_at(Link(node, 0), role, depth + 1)

    def _chosen(self, node: Node) -> Link | None:
        """The link that a switch lets through; the first where it does not tell."""
        number = next((node.inputs[name] for name in node.inputs if _selector(name)), None)
        links = {
            name: found
            for name in node.inputs
            if (found := self.graph.link(node.inputs[name])) is not None
        }
        if isinstance(number, bool):
            return links.get("on_true" if number else "on_false") or _first(links.values())
        matching = [found for name, found in links.items() if name.endswith(str(number))]
        return _first(matching) or _first(links.values())

    # strings

    def _string(self, value: object, role: Role, depth: int) -> str:
        """A text as it stands, or what a link to one gives."""
        if isinstance(value, str):
            return value if self.graph.spend(len(value) // 64) else ""
        found = self.graph.link(value)
        return "" if found is None else self._string_at(found, role, depth + 1)

    def _string_at(self, source: Link, role: Role, depth: int) -> str:
        """The text that a node gives."""
        return self._once(source, role, depth, string=True)

    def _read_string(self, source: Link, role: Role, depth: int) -> str:
        node = source.node
        chosen = self._chosen(node) if "switch" in node.kind else None
        if chosen is not None:
            return self._string_at(chosen, role, depth + 1)
        for read in (self._populated, self._replaced, self._concatenated, self._string_of_role):
            if (text := read(node, role, depth)) is not None:
                return text
        inputs = node.inputs
        names = [name for name in inputs if _readable(name, role)]
        if not names:  # one that hands on what it is given
            links = [name for name in inputs if isinstance(inputs[name], list)]
            names = [name for name in links if _string_link(name)] if len(links) == 1 else []
        texts = (self._string(inputs[name], role, depth + 1) for name in names)
        return next((text for text in texts if text.strip()), "")

    def _populated(self, node: Node, role: Role, depth: int) -> str | None:
        """What the choices of a wildcard node, or a function of strings, came to."""
        for name in ("populated_text", "result"):
            if (text := self._string(node.inputs.get(name), role, depth + 1)).strip():
                return text
        return None

    def _string_of_role(self, node: Node, role: Role, depth: int) -> str | None:
        """A text that a node has for either role; ``None`` where it makes no such difference."""
        names = {each: _role_names(node, each) for each in _OPPOSITE}
        if not names[role] and not (role == "negative" and names["positive"]):
            return None
        return _joined(
            (self._string(node.inputs[name], role, depth + 1) for name in names[role]), ", "
        )

    def _replaced(self, node: Node, role: Role, depth: int) -> str | None:
        if "replace" not in node.kind and node.inputs.get("action") != "replace":
            return None
        for names in (("string", "find", "replace"), ("text_a", "text_b", "text_c")):
            if all(name in node.inputs for name in names):
                whole, old, new = (
                    self._string(node.inputs[name], role, depth + 1) for name in names
                )
                return whole[:PROMPT_LIMIT].replace(old, new)[:PROMPT_LIMIT] if old else whole
        return None

    def _concatenated(self, node: Node, role: Role, depth: int) -> str | None:
        parts = [name for name in node.inputs if _part(name)]
        if len(parts) < 2 or not _JOINS.search(node.kind):
            return None
        given = next((node.inputs[name] for name in _DELIMITERS if name in node.inputs), None)
        if not isinstance(given, str):
            given = ", " if "stringfunction" in node.kind else " "
        texts = [self._string(node.inputs[name], role, depth + 1) for name in parts]
        between = given.replace("\\n", "\n")
        return between.join(text for text in texts if text)[:PROMPT_LIMIT]


def _role_names(node: Node, role: Role) -> list[str]:
    wanted = re.compile(rf"(?:.*[_ ])?(?:{role}|{role[:3]})(?:[_ ].*)?")
    return [
        name
        for name, value in node.inputs.items()
        if isinstance(value, str | list) and wanted.fullmatch(name.lower()) and _text(name)
    ]


def _readable(name: str, role: Role) -> bool:
    return _text(name) and not _no_text(name) and _OPPOSITE[role] not in name.lower()


def _joined(texts: Iterable[str], between: str) -> str:
    """The texts that say something, each once."""
    return between.join(dict.fromkeys(text for text in texts if text.strip()))[:PROMPT_LIMIT]


def _first(links: Iterable[Link]) -> Link | None:
    return next(iter(links), None)
