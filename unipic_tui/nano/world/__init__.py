"""The closed world of the embedded model: coloured shapes on a plain ground.

Needs numpy alone. Everything random comes from a ``numpy.random.Generator``.
"""

from unipic_tui.nano.world.answering import (
    QuestionSample,
    describe,
    describe_sample,
    question_sample,
)
from unipic_tui.nano.world.blame import to_blame
from unipic_tui.nano.world.corpus import (
    corpus,
)
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.drawing import (
    DRAW_MIX,
    DrawKind,
    DrawSample,
    Request,
    Wanted,
    draw_sample,
    held_out,
    related,
    request_of,
    satisfies,
    surplus,
)
from unipic_tui.nano.world.editing import (
    EDIT_MIX,
    EditKind,
    EditSample,
    edit_followed,
    edit_sample,
)
from unipic_tui.nano.world.render import (
    render,
    render_batch,
)
from unipic_tui.nano.world.scene import (
    COLOURS,
    DEFAULT_GROUND,
    GROUNDS,
    KINDS,
    RGB,
    SIZE,
    Detected,
    Picture,
    Scene,
    Shape,
    generator,
    sample_scene,
)
from unipic_tui.nano.world.wording import (
    VOCABULARY,
)

__all__ = [
    "COLOURS",
    "DEFAULT_GROUND",
    "DRAW_MIX",
    "EDIT_MIX",
    "GROUNDS",
    "KINDS",
    "RGB",
    "SIZE",
    "VOCABULARY",
    "Detected",
    "DrawKind",
    "DrawSample",
    "EditKind",
    "EditSample",
    "Picture",
    "QuestionSample",
    "Request",
    "Scene",
    "Shape",
    "Wanted",
    "corpus",
    "describe",
    "describe_sample",
    "detect",
    "draw_sample",
    "edit_followed",
    "edit_sample",
    "generator",
    "held_out",
    "question_sample",
    "related",
    "render",
    "render_batch",
    "request_of",
    "sample_scene",
    "satisfies",
    "surplus",
    "to_blame",
]
