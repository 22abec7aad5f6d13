"""The detector reads pictures back, also blurred and noisy ones."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.render import render, render_batch
from unipic_tui.nano.world.scene import RGB, Detected, Scene, Shape, generator, sample_scene

Picture = npt.NDArray[np.uint8]


def _degraded(picture: Picture, rng: np.random.Generator, sigma: float, noise: float) -> Picture:
    """The picture blurred by a Gaussian of ``sigma`` pixels, with noise added."""
    taps = np.exp(-(np.arange(-4, 5) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    soft = np.pad(picture.astype(float), ((4, 4), (4, 4), (0, 0)), mode="edge")
    soft = np.sum([tap * soft[i : i + 64] for i, tap in enumerate(taps)], axis=0)
    soft = np.sum([tap * soft[:, i : i + 64] for i, tap in enumerate(taps)], axis=0)
    soft += rng.normal(0, noise, soft.shape)
    degraded: Picture = soft.round().clip(0, 255).astype(np.uint8)
    return degraded


def _agree(scene: Scene, found: Detected, tolerance: float) -> bool:
    """Whether all was read: ground, number, kinds, colours, and places within ``tolerance`` px."""
    if scene.ground != found.ground or len(scene.objects) != len(found.objects):
        return False
    truth = sorted(scene.objects, key=lambda shape: (shape.quadrant, shape.y, shape.x))
    return all(
        (a.kind, a.colour) == (b.kind, b.colour)
        and max(abs(a.x - b.x), abs(a.y - b.y), abs(a.radius - b.radius)) < tolerance
        for a, b in zip(truth, found.objects, strict=True)
    )


@pytest.mark.parametrize(
    ("change", "tolerance"),
    [
        (lambda picture, rng: picture, 0.5),
        (lambda picture, rng: _degraded(picture, rng, 0.7, 8), 1.0),
        (lambda picture, rng: _degraded(picture, rng, 1.0, 12), 1.0),
    ],
    ids=["rendered", "blurred and noisy", "worse"],
)
def test_pictures_are_read_right(
    change: Callable[[Picture, np.random.Generator], Picture], tolerance: float
) -> None:
    rng = generator("score", 11)
    scenes = [sample_scene(rng) for _ in range(500)]
    pictures = [change(picture, rng) for picture in render_batch(scenes)]
    right = [
        _agree(scene, detect(picture), tolerance)
        for scene, picture in zip(scenes, pictures, strict=True)
    ]
    assert np.mean(right) >= 0.99


def test_wrong_colours_and_low_contrast_are_forgiven() -> None:
    rng = generator("score", 12)
    scenes = [sample_scene(rng) for _ in range(200)]
    right = []
    for scene, picture in zip(scenes, render_batch(scenes), strict=True):
        faded = picture * 0.88 + 15 + rng.uniform(-12, 12, size=3)
        found = detect(_degraded(faded.clip(0, 255).astype(np.uint8), rng, 0.7, 6))
        right.append(_agree(scene, found, 1.0))
    assert np.mean(right) >= 0.99


def test_larger_pictures_are_read_in_the_same_units() -> None:
    scene = Scene("white", (Shape("star", "green", 20.0, 24.0, 12.0),))
    double = render(scene).repeat(2, axis=0).repeat(2, axis=1)
    assert _agree(scene, detect(double), 0.5)


def test_an_empty_picture_and_specks_hold_nothing() -> None:
    picture = render(Scene("black", ()))
    picture[10:13, 10:13] = RGB["red"]
    picture[40, 40] = RGB["white"]
    assert detect(picture) == Detected("black", ())


def test_a_shapeless_thing_is_unclear_but_counted() -> None:
    picture = render(Scene("grey", (Shape("ring", "red", 16.0, 16.0, 12.0),)))
    picture[44:47, 5:60] = RGB["blue"]
    found = detect(picture)
    assert [(shape.kind, shape.colour) for shape in found.objects] == [
        ("ring", "red"),
        ("unclear", "blue"),
    ]


def test_pieces_that_meet_far_down_or_at_a_corner_are_one() -> None:
    picture = render(Scene("white", ()))
    picture[10:50, 10:16] = RGB["red"]  # two arms of a U
    picture[10:50, 40:46] = RGB["red"]
    assert len(detect(picture).objects) == 2
    picture[50:56, 16:40] = RGB["red"]  # its foot, which touches both arms at a corner only
    assert len(detect(picture).objects) == 1


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 4), (4, 64, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture has the shape"):
        detect(np.zeros(shape, dtype=np.uint8))
