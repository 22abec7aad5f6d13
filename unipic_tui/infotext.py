"""Splitting the ``parameters`` text: prompt, negative prompt, settings.

Tools write the prompt's lines, ``Negative prompt: …``, and a line of settings that starts with
``Steps:``; values with a comma, a colon or a line break are JSON strings. Real files bend all of
it: no line break before either mark, values that are bare JSON, values with bare commas, and
further lines behind the settings.
"""

from __future__ import annotations

import json
import re

NEGATIVE = "Negative prompt:"

KNOWN = frozenset(
    {
        "steps", "sampler", "schedule type", "cfg scale", "guidance scale", "distilled cfg scale",
        "seed", "size", "model", "model hash", "version", "clip skip", "vae",
        "denoising strength", "hires upscale", "created date", "width", "height",
        "civitai resources", "head steps", "strength",
    }
)  # fmt: skip
"""Names of settings, in lower case, that are common enough to tell a line of them from prose."""

_STEPS = re.compile(r"(?<![A-Za-z])Steps:\s*\d")
_FIRST_KNOWN = re.compile(r"^(?:Sampler|CFG scale|Seed|Size|Model|Schedule type):", re.MULTILINE)
_KEY = re.compile(r"\s*(\w[\w \-/().+&]{0,80}):[ \t]*")
_TEMPLATE = re.compile(r"(?:Negative )?Template$")
_NEXT_TEMPLATE = re.compile(r"\n(?=Negative Template:)")
_NEXT_BLOCK = re.compile(rf"\n\s*(?={re.escape(NEGATIVE)}|Steps:\s*\d)")
_NUMBER = re.compile(r"-?[\d.]+(?:\s*[x×]\s*\d+)?")
_END = re.compile(r"[ \t]*(?:[,\n]|$)")
_DECODER = json.JSONDecoder(strict=False)
_JSON_STARTS = frozenset('"{[')
_PLAIN = re.compile(r"[^,\n]*")
_MARK = re.compile(rf"^[ \t]*{re.escape(NEGATIVE)}[ \t]*", re.MULTILINE)
_INLINE_MARK = re.compile(rf"(?<!\w){re.escape(NEGATIVE)}")
_MOST_PAIRS = 1000
_FEWEST_KNOWN = 2
_MOST_REJECTED = 50
"""How often something may turn out to be no settings, or no JSON, before it is taken for text."""
_MOST_LINES = 5


def split_infotext(text: str) -> tuple[str, str, dict[str, str]]:
    """The prompt, the negative prompt and the settings, in the order of the text.

    Whatever is no settings line is prompt. Of a setting that is named twice the first counts.
    """
    text = re.sub(r"\r\n?", "\n", text).strip("\ufeff\0 \t\n")
    start, settings, earlier = _find_settings(text)
    head = text[:start]
    mark = _MARK.search(head, earlier) or (settings and _INLINE_MARK.search(head, earlier))
    if head.rpartition("\n")[2].strip():
        head = head.rstrip(", ")  # the settings follow on the same line
    if not mark:
        return head.strip(), "", settings
    negative = _MARK.sub("", head[mark.end() :])
    return head[: mark.start()].strip(), negative.strip(), settings


def _find_settings(text: str) -> tuple[int, dict[str, str], int]:
    """Where the settings start, what they are, and where an earlier block of them ends.

    The last block counts, since people paste another picture's whole text into their prompt.
    """
    start, settings, earlier, end = len(text), dict[str, str](), 0, 0
    rejected = 0
    for match in _STEPS.finditer(text):
        if match.start() < end:
            continue
        pairs, stop = _read_pairs(text, match.start(), _block_end(text, match.end()))
        starts_line = not text[: match.start()].rpartition("\n")[2].strip()
        last_line = starts_line and "\n" not in text[match.start() :]
        if last_line or _known(pairs) >= _FEWEST_KNOWN:
            if settings and _continues(text, end, match.start()):
                settings, end = {**pairs, **settings}, stop
            else:
                start, settings, earlier, end = match.start(), pairs, end, stop
        elif (rejected := rejected + 1) > _MOST_REJECTED:
            break
    if settings:
        return start, settings, earlier
    for match in list(_FIRST_KNOWN.finditer(text))[-_MOST_LINES:]:
        settings, _ = _read_pairs(text, match.start(), len(text))
        if _known(settings) > _FEWEST_KNOWN:
            return match.start(), settings, 0
    return len(text), {}, 0


def _continues(text: str, end: int, start: int) -> bool:
    """Whether a block of settings goes on in the next line, with nothing of a prompt between."""
    before = text[:start].rstrip()
    line = before.rfind("\n") + 1
    return not text[end:start].strip() and _known(_read_pairs(before, line, len(before))[0]) > 0


def _block_end(text: str, start: int) -> int:
    """Where another picture's text starts; templates stand last and may hold anything."""
    limit = _NEXT_BLOCK.search(text, start)
    template = text.find("\nTemplate:", start)
    if limit is None or 0 <= template < limit.start():
        return len(text)
    return limit.start()


def _known(settings: dict[str, str]) -> int:
    return sum(name.lower() in KNOWN for name in settings)


def _read_pairs(text: str, start: int, end: int) -> tuple[dict[str, str], int]:
    """The pairs from there on, and where the last of them ends."""
    settings: dict[str, list[str]] = {}
    parts: list[str] = []
    position, failures = start, 0
    while position < end and len(settings) < _MOST_PAIRS:
        separator = text[position - 1] if position > start else ","
        match = _KEY.match(text, position, end)
        if match is None:  # a value that holds a bare comma or line break goes on
            stop = _plain_end(text, position, end)
            value = text[position:stop].strip()
            if value and not (parts and _NUMBER.fullmatch(parts[0])):
                parts += ["\n" if separator == "\n" else ", ", value]
            position = stop + 1
            continue
        key = match[1].strip()
        if _TEMPLATE.match(key) and not text.startswith('"', match.end()):
            following = _NEXT_TEMPLATE.search(text, match.end(), end)
            stop = following.start() if following else end
            value, position = text[match.end() : stop].strip(), stop + 1
        else:
            decoded = None
            if text[match.end() : match.end() + 1] in _JSON_STARTS and failures < _MOST_REJECTED:
                decoded = _json_value(text, match.end(), end)
                failures += decoded is None
            stop = _plain_end(text, match.end(), end)
            value, position = decoded or (text[match.end() : stop].strip(), stop + 1)
        parts = [value]
        settings.setdefault(key, parts)
    return {key: "".join(value) for key, value in settings.items()}, min(position, end)


def _json_value(text: str, start: int, end: int) -> tuple[str, int] | None:
    """The JSON that starts there and fills the value, and where the next pair starts."""
    try:
        value, stop = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None  # a value that merely starts like JSON
    rest = _END.match(text, stop)
    if rest is None or stop > end:
        return None
    return value if isinstance(value, str) else text[start:stop], rest.end()


def _plain_end(text: str, start: int, end: int) -> int:
    match = _PLAIN.match(text, start, end)
    return match.end() if match else end
