"""Prompts, edits, descriptions and questions say what their scenes show, and are judged rightly."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from unipic_tui.nano.tokenizer import corpus
from unipic_tui.nano.world.edits import EDIT_MIX, EditKind, EditSample, edit_followed, edit_sample
from unipic_tui.nano.world.phrases import NUMBERS, VOCABULARY, plural, words
from unipic_tui.nano.world.questions import QuestionKind, describe, describe_sample, question_sample
from unipic_tui.nano.world.request import Request, Wanted, related, satisfies
from unipic_tui.nano.world.scene import COLOURS, KINDS, Detected, Scene, Shape, generator
from unipic_tui.nano.world.text_to_image import (
    DRAW_MIX,
    DrawKind,
    draw_sample,
    held_out,
    request_of,
)

RED_CIRCLE = Shape("circle", "red", 16.0, 16.0, 10.0)
BLUE_SQUARE = Shape("square", "blue", 48.0, 16.0, 10.0)
GREEN_STAR = Shape("star", "green", 16.0, 48.0, 10.0)
PAIR = Scene("grey", (RED_CIRCLE, BLUE_SQUARE))
ALL_KINDS: list[DrawKind] = [*DRAW_MIX, "described"]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_scene_is_right_for_its_own_prompt(kind: DrawKind) -> None:
    rng = generator("train", 20)
    for _ in range(300):
        sample = draw_sample(rng, kind)
        assert sample.kind == kind
        assert satisfies(sample.request, sample.scene)
        assert len(sample.scene.objects) == sample.request.count


@pytest.mark.parametrize("kind", list(DRAW_MIX))
def test_a_prompt_says_what_is_asked_and_no_more(kind: DrawKind) -> None:
    rng = generator("train", 21)
    relation_words = {"left": "left of", "right": "right of", "above": "above", "over": "above"}
    relation_words |= {"below": "below", "under": "below", "beneath": "below"}
    for _ in range(300):
        sample = draw_sample(rng, kind)
        prompt = sample.prompt.lower().replace("gray", "grey").rstrip(".")
        head, ground = prompt, "grey"
        if at := re.search(r" (on|with|against)( a)? (white|grey|black)( background)?$", prompt):
            head, ground = prompt[: at.start()], at[3]
        request, said = sample.request, words(head)
        assert request.ground == ground
        assert [word for word in said if word in COLOURS] == [
            thing.colour for thing in request.wanted if thing.colour
        ]
        assert [word for word in said if word.startswith(KINDS)] == [
            (thing.kind if thing.count == 1 else plural(thing.kind)) for thing in request.wanted
        ]
        for thing in request.wanted:
            assert f"{thing.colour or ''} {thing.kind}".strip() in head
            if thing.count > 1:
                assert {NUMBERS[thing.count], str(thing.count)} & set(said)
        relations = [relation_words[word] for word in said if word in relation_words]
        assert relations == ([request.relation] if request.relation else [])


def test_kinds_come_as_mixed() -> None:
    rng = generator("train", 22)
    counts = Counter(draw_sample(rng).kind for _ in range(4000))
    assert set(counts) == set(DRAW_MIX)
    for kind, share in DRAW_MIX.items():
        assert counts[kind] / 4000 == pytest.approx(share, abs=0.03)
    with pytest.raises(ValueError, match="no such kind"):
        draw_sample(rng, "haiku")  # type: ignore[arg-type]


def test_some_prompts_of_every_kind_are_held_out() -> None:
    rng = generator("train", 24)
    for kind in DRAW_MIX:
        prompts = [draw_sample(rng, kind).prompt for _ in range(400)]
        assert 0.02 < sum(map(held_out, prompts)) / 400 < 0.3, kind
        assert all(held_out(draw_sample(rng, kind, unseen=True).prompt) for _ in range(20))
        assert not any(held_out(draw_sample(rng, kind, unseen=False).prompt) for _ in range(40))


def test_the_plain_wording_is_the_most_frequent() -> None:
    rng = generator("train", 23)
    prompts = [draw_sample(rng, "single").prompt for _ in range(1000)]
    plain = sum(len(prompt.split()) == 2 for prompt in prompts)
    assert 200 < plain < 600


@pytest.mark.parametrize(
    ("request_", "right"),
    [
        (Request((Wanted("circle"), Wanted("square"))), True),
        (Request((Wanted("square", "blue"), Wanted("circle", "red"))), True),
        (Request((Wanted("square", "red"), Wanted("circle", "blue"))), False),
        (Request((Wanted("circle"),)), False),  # one object too many
        (Request((Wanted("circle", count=2),)), False),
        (Request((Wanted("circle"), Wanted("square")), "white"), False),
        (Request((Wanted("circle"), Wanted("square")), "grey", "left of"), True),
        (Request((Wanted("square"), Wanted("circle")), "grey", "left of"), False),
        (Request((Wanted("square"), Wanted("circle")), "grey", "right of"), True),
        (Request((Wanted("circle"), Wanted("square")), "grey", "above"), False),
        (Request((Wanted("circle", quadrant=0), Wanted("square", quadrant=1))), True),
        (Request((Wanted("circle", quadrant=2), Wanted("square", quadrant=1))), False),
    ],
)
def test_requests_are_judged(request_: Request, right: bool) -> None:
    assert satisfies(request_, PAIR) is right
    assert satisfies(request_, Detected(PAIR.ground, PAIR.objects[::-1])) is right


def test_counts_and_missing_objects() -> None:
    three = Request((Wanted("circle", count=3),))
    circles = tuple(replace(RED_CIRCLE, x=x) for x in (10.0, 30.0, 50.0))
    assert satisfies(three, Scene("grey", circles))
    assert not satisfies(three, Scene("grey", circles[:2]))
    assert not satisfies(three, Scene("grey", (*circles, GREEN_STAR)))
    assert three.count == 3
    assert Request((Wanted("circle", count=3), Wanted("star"))).count == 4


def test_above_means_a_smaller_y() -> None:
    assert related(RED_CIRCLE, "above", GREEN_STAR)
    assert related(GREEN_STAR, "below", RED_CIRCLE)
    assert not related(RED_CIRCLE, "above", replace(BLUE_SQUARE, y=20.0))


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        (Scene("black", ()), "no objects on a black background."),
        (Scene("grey", (RED_CIRCLE,)), "one red circle on a grey background."),
        (
            Scene("white", (BLUE_SQUARE, RED_CIRCLE)),
            "two objects: a red circle left of a blue square, on a white background.",
        ),
        (
            Scene("grey", (BLUE_SQUARE, GREEN_STAR)),
            "two objects: a green star left of a blue square, on a grey background.",
        ),
        (
            Scene("grey", (GREEN_STAR, replace(RED_CIRCLE, colour="orange"))),
            "two objects: an orange circle above a green star, on a grey background.",
        ),
        (
            Scene("grey", (GREEN_STAR, RED_CIRCLE, BLUE_SQUARE)),
            (
                "three objects: a red circle top left, a blue square top right, "
                "a green star bottom left, on a grey background."
            ),
        ),
        (
            Scene("grey", (RED_CIRCLE, replace(RED_CIRCLE, x=48.0))),
            "two red circles on a grey background.",
        ),
        (
            Scene("grey", (replace(RED_CIRCLE, kind="cross"), replace(GREEN_STAR, kind="cross"))),
            "two objects: a red cross above a green cross, on a grey background.",
        ),
    ],
)
def test_descriptions(scene: Scene, text: str) -> None:
    assert describe(scene) == text


def test_a_description_taken_as_a_prompt_asks_for_its_scene() -> None:
    rng = generator("train", 24)
    for _ in range(200):
        sample = describe_sample(rng)
        assert sample.answer == describe(sample.scene)
        if sample.scene.objects:
            assert satisfies(request_of(sample.scene), sample.scene)
    assert not satisfies(request_of(PAIR), Scene("grey", (replace(RED_CIRCLE, y=40.0),)))


@pytest.mark.parametrize("kind", list(EDIT_MIX))
def test_an_edit_changes_what_it_names_and_nothing_else(kind: EditKind) -> None:
    rng = generator("train", 25)
    for _ in range(200):
        sample = edit_sample(rng, kind)
        assert edit_followed(sample, sample.target) == (True, True)
        assert edit_followed(sample, sample.source) == (False, True)
        changed = [shape for shape in sample.source.objects if shape not in sample.target.objects]
        assert len(changed) == (0 if kind in {"add", "background"} else 1)
        for shape in changed:
            twins = [s for s in sample.source.objects if s.kind == shape.kind]
            if len(twins) > 1:
                assert f"{shape.colour} {shape.kind}" in sample.instruction
            assert shape.kind in sample.instruction


def test_kinds_of_edits_come_as_mixed() -> None:
    rng = generator("train", 26)
    counts = Counter(edit_sample(rng).kind for _ in range(3000))
    for kind, share in EDIT_MIX.items():
        assert counts[kind] / 3000 == pytest.approx(share, abs=0.03)
    with pytest.raises(ValueError, match="no such kind"):
        edit_sample(rng, "blur")  # type: ignore[arg-type]


def _edit(kind: EditKind, target: Scene, beside: tuple[str, Shape] | None = None) -> EditSample:
    return EditSample(kind, "", PAIR, target, beside)


def test_edits_are_judged() -> None:
    pink_circle = replace(RED_CIRCLE, colour="pink")
    recolour = _edit("recolour", Scene("grey", (pink_circle, BLUE_SQUARE)))
    near_square = replace(BLUE_SQUARE, x=50.0, radius=11.0)
    far_square = replace(BLUE_SQUARE, x=54.0)
    assert edit_followed(recolour, Scene("grey", (pink_circle, near_square))) == (True, True)
    assert edit_followed(recolour, Scene("grey", (pink_circle, far_square))) == (True, False)
    assert edit_followed(recolour, Scene("grey", (pink_circle,))) == (True, False)
    assert edit_followed(recolour, Scene("white", (pink_circle, BLUE_SQUARE))) == (True, False)
    added = Scene("grey", (pink_circle, BLUE_SQUARE, GREEN_STAR))
    assert edit_followed(recolour, added) == (True, False)
    wrong = Scene("grey", (replace(RED_CIRCLE, colour="brown"), BLUE_SQUARE))
    assert edit_followed(recolour, wrong) == (False, True)


def test_adding_removing_moving_are_judged() -> None:
    star_on_the_right = replace(GREEN_STAR, x=48.0)
    add = _edit("add", Scene("grey", (*PAIR.objects, GREEN_STAR)))
    below_square = _edit(
        "add", Scene("grey", (*PAIR.objects, star_on_the_right)), ("below", BLUE_SQUARE)
    )
    elsewhere = Scene("grey", (*PAIR.objects, star_on_the_right))
    assert edit_followed(add, elsewhere) == (True, True)
    assert edit_followed(below_square, elsewhere) == (True, True)
    above = Scene("grey", (*PAIR.objects, replace(GREEN_STAR, y=16.0, x=32.0)))
    assert edit_followed(below_square, above) == (False, True)
    twice = Scene("grey", (*PAIR.objects, GREEN_STAR, star_on_the_right))
    assert edit_followed(add, twice) == (True, False)

    remove = _edit("remove", Scene("grey", (BLUE_SQUARE,)))
    assert edit_followed(remove, Scene("grey", ())) == (True, False)

    lower = replace(RED_CIRCLE, y=48.0)
    move = _edit("move", Scene("grey", (lower, BLUE_SQUARE)))
    assert edit_followed(move, Scene("grey", (replace(lower, x=21.0), BLUE_SQUARE))) == (True, True)
    assert edit_followed(move, Scene("grey", (lower, RED_CIRCLE, BLUE_SQUARE))) == (False, True)

    background = _edit("background", Scene("black", PAIR.objects))
    assert edit_followed(background, Scene("black", (RED_CIRCLE,))) == (True, False)


def _answer(question: str, scene: Scene) -> str:
    """The answer worked out from the question's words alone, as another reader would."""
    said = words(question.replace("color", "colour").replace("gray", "grey"))
    shapes = scene.objects
    kinds = [word for word in said if word in {"circle", "square", "triangle", "star", "ring"}]
    kinds += [word for word in said if word == "cross"]
    if "many" in said:
        thing = said[2]
        count = len(shapes) if thing == "objects" else sum(thing.startswith(s.kind) for s in shapes)
        return ("zero", "one", "two", "three", "four")[count]
    if "background" in said:
        return scene.ground
    if "shape" in said:
        (shape,) = [s for s in shapes if s.colour in said]
        return shape.kind
    if "colour" in said:
        (shape,) = [s for s in shapes if s.kind in kinds]
        return shape.colour
    if len(kinds) == 1:
        named = [c for c in said if c in {"pink", "red", "white", "black", "brown"}]
        named += [c for c in said if c in {"blue", "green", "yellow", "orange", "purple"}]
        fits = [s for s in shapes if s.kind == kinds[0] and (not named or s.colour == named[0])]
        return "yes" if fits else "no"
    first, second = sorted(kinds, key=said.index)
    (a,) = [s for s in shapes if s.kind == first]
    (b,) = [s for s in shapes if s.kind == second]
    signs = {"left": b.x - a.x, "right": a.x - b.x, "above": b.y - a.y}
    signs |= {"below": a.y - b.y, "under": a.y - b.y}
    (relation,) = [word for word in said if word in signs]
    return "yes" if signs[relation] > 0 else "no"


def test_answers_are_right_and_balanced() -> None:
    rng = generator("train", 27)
    answers: Counter[str] = Counter()
    for _ in range(3000):
        sample = question_sample(rng)
        assert _answer(sample.question, sample.scene) == sample.answer, sample
        answers[sample.answer] += 1
    assert answers["yes"] / (answers["yes"] + answers["no"]) == pytest.approx(0.5, abs=0.05)
    assert all(answers[number] > 60 for number in ("zero", "one", "two", "three", "four"))


@pytest.mark.parametrize(
    ("kind", "starts"),
    [("relation", ("is the",)), ("presence", ("is there", "do you")), ("count", ("how many",))],
)
def test_a_question_may_be_of_a_given_kind(kind: QuestionKind, starts: tuple[str, ...]) -> None:
    rng = generator("train", 29)
    for _ in range(60):
        assert question_sample(rng, kind).question.lower().startswith(starts)


def test_the_vocabulary_is_what_the_corpus_holds() -> None:
    texts = list(corpus(30_000))
    assert len(texts) == 30_000
    used = {word for text in texts[len(VOCABULARY) :] for word in words(text)}
    assert used == set(VOCABULARY)
    assert list(VOCABULARY) == sorted(VOCABULARY)
    assert texts[:5] == list(corpus(5))
    assert list(corpus(300, seed=1)) != list(corpus(300, seed=2))


def test_prompts_are_short() -> None:
    rng = generator("train", 28)
    lengths = [len(words(draw_sample(rng).prompt)) for _ in range(1000)]
    assert np.mean(lengths) < 9
    assert max(lengths) <= 20
