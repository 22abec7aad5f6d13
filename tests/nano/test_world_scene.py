"""Scenes lie where they should, and pictures show them."""

from itertools import combinations

import numpy as np
import pytest

from unipic_tui.nano.world.render import render, render_batch
from unipic_tui.nano.world.scene import (
    COLOURS,
    GROUNDS,
    KINDS,
    RGB,
    Scene,
    Shape,
    generator,
    sample_scene,
)


def _scenes(count: int, seed: int = 0) -> list[Scene]:
    rng = generator("train", seed)
    return [sample_scene(rng) for _ in range(count)]


def test_no_object_leaves_the_picture_or_comes_near_another() -> None:
    for scene in _scenes(500):
        for shape in scene.objects:
            assert shape.radius <= min(shape.x, shape.y, 64 - shape.x, 64 - shape.y)
        for a, b in combinations(scene.objects, 2):
            gap = max(abs(a.x - b.x), abs(a.y - b.y)) - a.radius - b.radius
            assert gap >= 3


def test_several_objects_have_a_quadrant_each() -> None:
    for scene in _scenes(300):
        assert len({shape.quadrant for shape in scene.objects}) == len(scene.objects)


def test_every_kind_colour_and_ground_occurs_and_none_hides() -> None:
    scenes = _scenes(500)
    shapes = [shape for scene in scenes for shape in scene.objects]
    assert {shape.kind for shape in shapes} == set(KINDS)
    assert {shape.colour for shape in shapes} == set(COLOURS)
    assert {scene.ground for scene in scenes} == set(GROUNDS)
    assert all(shape.colour != scene.ground for scene in scenes for shape in scene.objects)


def test_what_is_given_holds() -> None:
    rng = generator("train", 1)
    scene = sample_scene(
        rng, kinds=["star", "ring"], colours=["black", "pink"], quadrants=[3, 0], ground="white"
    )
    found = [(shape.kind, shape.colour, shape.quadrant) for shape in scene.objects]
    assert found == [("star", "black", 3), ("ring", "pink", 0)]
    assert scene.ground == "white"
    assert sample_scene(rng, 1, layout="shared").objects[0].radius <= 13
    assert sample_scene(rng, 0).objects == ()
    for _ in range(100):
        assert sample_scene(rng, colours=["black", "white"]).ground == "grey"


@pytest.mark.parametrize(
    "given",
    [
        {"n": 5},
        {"n": 2, "kinds": ["star"]},
        {"kinds": ["star", "ring"], "quadrants": [1, 1]},
        {"kinds": ["star"], "colours": ["black"], "ground": "black"},
        {"kinds": ["star", "ring"], "layout": "alone"},
        {"kinds": ["hexagon"]},
        {"n": 1, "ground": "green"},
    ],
)
def test_contradictions_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        sample_scene(generator("train", 0), **given)  # type: ignore[arg-type]


def test_a_seed_gives_the_same_scenes_and_scoring_gives_others() -> None:
    assert _scenes(5, seed=7) == _scenes(5, seed=7)
    assert sample_scene(generator("score", 7)) != sample_scene(generator("train", 7))
    with pytest.raises(ValueError, match="seed"):
        generator("train", 2**32)
    with pytest.raises(ValueError, match="seed"):
        generator("score", -1)


def test_palette_is_well_separated() -> None:
    for (_, a), (_, b) in combinations(RGB.items(), 2):
        assert np.linalg.norm(np.subtract(a, b)) > 90


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_fills_its_radius_and_nothing_else(kind: str) -> None:
    ground, black = np.array(RGB["grey"]), np.array(RGB["black"])
    picture = render(Scene("grey", (Shape(kind, "black", 30.0, 34.0, 20.0),)))
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    drawn = (picture != ground).any(axis=2)
    rows, columns = np.nonzero(drawn.any(axis=1))[0], np.nonzero(drawn.any(axis=0))[0]
    assert 14 <= rows[0] <= 18 and 50 <= rows[-1] <= 54
    assert 10 <= columns[0] <= 14 and 46 <= columns[-1] <= 50
    middle = ground if kind == "ring" else black
    assert (picture[34, 30] == middle).all()
    assert drawn[:, :30].sum() == pytest.approx(drawn[:, 30:].sum(), abs=20)  # symmetric


def test_edges_are_soft_and_areas_exact() -> None:
    scene = Scene("black", (Shape("square", "white", 32.3, 31.6, 20.0),))
    values = render(scene)[..., 0].astype(float)
    covered = (values - RGB["black"][0]) / (RGB["white"][0] - RGB["black"][0])
    assert ((covered > 0.05) & (covered < 0.95)).any()
    assert covered.sum() == pytest.approx((2 * 0.83 * 20) ** 2, rel=0.01)


def test_later_objects_cover_earlier_ones_and_edges_are_cut() -> None:
    under = Shape("circle", "red", 32.0, 32.0, 20.0)
    over = Shape("square", "blue", 32.0, 32.0, 8.0)
    outside = Shape("ring", "pink", -30.0, 200.0, 9.0)
    partly = Shape("square", "green", 0.0, 0.0, 10.0)
    picture = render(Scene("grey", (under, over, outside, partly)))
    assert tuple(picture[32, 32]) == RGB["blue"]
    assert tuple(picture[32, 20]) == RGB["red"]
    assert tuple(picture[0, 0]) == RGB["green"]


def test_a_batch_is_its_pictures() -> None:
    scenes = _scenes(6, seed=3)
    batch = render_batch(scenes)
    assert batch.shape == (6, 64, 64, 3)
    assert all((picture == render(scene)).all() for picture, scene in zip(batch, scenes))  # noqa: B905
    assert render_batch([]).shape == (0, 64, 64, 3)
