"""Texts in XMP: every property that says something, by its name without the namespace."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from unipic_tui.library.provenance.texts import EmbeddedText

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_META = "{adobe:ns:meta/}"
_MOST_ELEMENTS = 20_000


def xmp_texts(data: bytes) -> Iterator[EmbeddedText]:
    """The texts of an XMP packet; none of one that is broken or declares entities."""
    data = data.strip(b"\0 \t\r\n")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):
        return
    waiting = [(root, "")]
    for _ in range(_MOST_ELEMENTS):
        if not waiting:
            return
        element, name = waiting.pop()
        if not element.tag.startswith((_RDF, _META)):
            name = _local(element.tag)
        for key, value in element.attrib.items():
            if not key.startswith((_RDF, _XML)):
                yield EmbeddedText(_local(key), value)
        if name and element.text and element.text.strip():
            yield EmbeddedText(name, element.text)
        waiting += [(child, name) for child in reversed(element)]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
