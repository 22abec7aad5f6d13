"""YAML as plain data: what JSON could hold as well, so that it can be carried into records."""

from __future__ import annotations

import json
from typing import Any

import yaml  # type: ignore[import-untyped]

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML without aliases, and with dates left as text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node; an alias would let a few lines stand for gigabytes in a record."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="it has aliases (*name)")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_plain(text: str) -> Any:
    """The data of a YAML document, keys as text.

    Raises:
        ValueError: it is no YAML, or holds what JSON cannot; says what, in a few words.
        RecursionError: it is nested too deeply.
    """
    try:
        return json.loads(json.dumps(yaml.load(text, _PlainLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise ValueError(f"{error.problem}{where}") from None
    except yaml.YAMLError:
        raise ValueError("it has control characters in it") from None
    except TypeError:
        raise ValueError("it holds values that are no text, number, list or object") from None
