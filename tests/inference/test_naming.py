"""Reading what a prompt names."""

import pytest

from unipic_tui.inference.naming import Named, Thing, article, plural, read_names
from unipic_tui.nano.world.scene import DEFAULT_GROUND, generator
from unipic_tui.nano.world.text_to_image import draw_sample


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a bench", Named((Thing(1, ("bench",)),))),
        ("cat", Named((Thing(1, ("cat",)),))),
        ("A photo of four clocks.", Named((Thing(4, ("clock",)),))),
        ("2 wine glasses", Named((Thing(2, ("wine", "glass")),))),
        (
            "a photo of a dog right of a teddy bear",
            Named((Thing(1, ("dog",)), Thing(1, ("teddy", "bear"))), "right of"),
        ),
        (
            "an orange cat on top of the red chair",
            Named((Thing(1, ("orange", "cat")), Thing(1, ("red", "chair"))), "above"),
        ),
        (
            "a star, a ring and a cross",
            Named(tuple(Thing(1, (n,)) for n in ["star", "ring", "cross"])),
        ),
        ("exactly three stars on black", Named((Thing(3, ("star",)),), background="black")),
        ("one star on a white background", Named((Thing(1, ("star",)),), background="white")),
        (
            "two objects: a red ring top left, an orange cross bottom right, on a grey background.",
            Named((Thing(1, ("red", "ring")), Thing(1, ("orange", "cross"))), background="grey"),
        ),
        ("no objects on a white background.", Named(background="white")),
        ("a photo", Named()),
        ("", Named()),
        ("… 一只猫 ?!", Named((Thing(1, ("一只猫",)),))),
    ],
)
def test_what_a_prompt_names(prompt: str, named: Named) -> None:
    assert read_names(prompt) == named


def test_prompts_of_the_embedded_world() -> None:
    rng = generator("score", 5)
    for _ in range(300):
        sample = draw_sample(rng)
        named = read_names(sample.prompt)
        wanted = [
            Thing(thing.count, tuple(filter(None, (thing.colour, thing.kind))))
            for thing in sample.request.wanted
        ]
        assert list(named.things) == wanted, sample.prompt
        assert named.relation == (sample.request.relation or ""), sample.prompt
        ground = named.background.replace("gray", "grey") or DEFAULT_GROUND
        assert ground == sample.request.ground, sample.prompt


def test_words() -> None:
    assert [plural(word) for word in ("ring", "cross", "fly", "key", "box")] == [
        "rings",
        "crosses",
        "flies",
        "keys",
        "boxes",
    ]
    assert article("orange ring") == "an orange ring"
    assert article("ring") == "a ring"
