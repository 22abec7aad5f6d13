"""The shared inputs that were read wrongly once, where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from unipic_tui.library.provenance import Provenance, read_provenance
from unipic_tui.pictures import load_image

ROOT = Path(__file__).parents[3]
PLACES = (
    os.environ.get("UNIPIC_CASES", ""),
    ROOT.parent / "shared" / "cases",
    "/work/shared/cases",
)
CASES = next((Path(place) for place in PLACES if place and Path(place).is_dir()), Path("missing"))
EXPECTED: dict[str, Any] = (
    json.loads((CASES / "metadata" / "expected.json").read_text()) if CASES.is_dir() else {}
)
# The expected values are open for these; this is what was chosen.
CHOSEN: dict[str, dict[str, Any]] = {
    # As A1111 itself reads it: the first mark ends the prompt.
    "23-a1111-negative-word-in-prompt.png": {
        "prompt": "a sign", "neg": "is written here in a museum\ndust", "seed": 777001, "it": 24,
        "g": 6.5, "wh": [512, 768],
    },
    # A text that is no text is unknown; the rest of the graph is not.
    "67-comfy-odd-values.png": {
        "prompt": None, "neg": "blurry, low detail", "seed": 777001, "it": 24, "g": 6.5,
        "wh": [512, 768],
    },
    # The editor's form names no values: only who wrote it is told.
    "68-comfy-workflow-only.png": {
        "prompt": None, "neg": None, "seed": None, "it": None, "g": None, "wh": [None, None],
    },
}  # fmt: skip

pytestmark = pytest.mark.skipif(not EXPECTED, reason="the shared cases are not here")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case(name: str) -> None:
    expected = EXPECTED[name] or CHOSEN[name]
    found = read_provenance(CASES / "metadata" / name)
    for key, field in (
        ("prompt", "prompt"),
        ("neg", "negative"),
        ("it", "steps"),
        ("g", "guidance"),
    ):
        if key in expected:
            assert getattr(found, field) == expected[key]
    if expected["seed"] == "not0":
        assert found.seed != 0
    else:
        assert found.seed == expected["seed"]
    size = [found.width, found.height]
    if expected["wh"] == "both-or-none":
        assert (found.width is None) == (found.height is None)
    else:
        assert size == expected["wh"]


def test_all_files_open() -> None:
    files = [
        *(CASES / "metadata" / name for name in EXPECTED),
        CASES / "80-huge-icc-profile.png",
        *sorted((CASES / "87-phone-folder").iterdir()),
    ]
    for file in files:
        assert load_image(file).mode == "RGB"
        assert isinstance(read_provenance(file), Provenance)
