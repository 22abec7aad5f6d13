"""The closed world of the embedded model: coloured shapes on a plain ground.

Needs numpy alone. Everything random comes from a ``numpy.random.Generator``.
"""

from unipic_tui.nano.world.render import render, render_batch
from unipic_tui.nano.world.scene import (
    COLOURS,
    DEFAULT_GROUND,
    GROUNDS,
    KINDS,
    RGB,
    SIZE,
    Detected,
    Scene,
    Shape,
    generator,
    sample_scene,
)

__all__ = [
    "COLOURS",
    "DEFAULT_GROUND",
    "GROUNDS",
    "KINDS",
    "RGB",
    "SIZE",
    "Detected",
    "Scene",
    "Shape",
    "generator",
    "render",
    "render_batch",
    "sample_scene",
]
