"""Search: words, phrases, filters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import gradient
from tests.library.samples import HOSTILE, ask, draw, edit
from unipic_tui.errors import InputError
from unipic_tui.events import Picture
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.rebuild import rebuild
from unipic_tui.library.sidecars import PictureSidecar
from unipic_tui.metadata import encode_picture


@pytest.fixture
def filled(library: Library) -> Library:
    return fill(library)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A filled library for tests that only look."""
    library = fill(Library.open(tmp_path_factory.mktemp("search")))
    yield library
    library.close()


def fill(library: Library) -> Library:
    """Entries 1 fox, 2 its edit, 3 a question about that, 4 wide castle, 5 灯塔, 6 failed."""
    session = library.sessions.create("Animals & more")
    _, (fox,) = draw(library, session.id, "A réd fox by the sea", seed=42)
    _, edited = edit(library, fox, "make it blue", seed=7)
    ask(library, edited, "What is it?", "A blue animal, maybe a dog")
    entry = library.entries.add(session.id, GenerateJob(prompt="a castle"))
    job = GenerateJob(prompt="a castle", width=128, height=64, seed=42)
    wide = library.pictures.add(
        entry.id, Picture(0, gradient(128, 64, "c"), job, "UniPic-1.5B", 1.0)
    )
    library.entries.set_state(entry.id, "done")
    draw(library, library.sessions.create("中文").id, "海边的红色灯塔", seed=3)
    failed = library.entries.add(session.id, GenerateJob(prompt="nothing came of it"))
    library.entries.set_state(failed.id, "failed", error="no")
    library.pictures.set_favourite(wide.id, True)
    library.pictures.set_tags(fox.id, ["poster", "two words"])
    library.pictures.set_note(edited.id, "send to Alma")
    return library


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("fox", [1]),
        ("RED", [1]),
        ("réd", [1]),
        ("fo", [1]),
        ("ox", []),
        ("sea fox", [1]),
        ('"by the sea"', [1]),
        ('"the by sea"', []),
        ('"by the se"', []),
        ('"by the sea', [1]),
        ("dog", [3]),
        ("blue", [3, 2]),
        ("poster", [1]),
        ("alma", [2]),
        ("灯塔", [5]),
        ("红色灯", [5]),
        ("塔灯", []),
        ("-blue", [6, 5, 4, 1]),
        ("blue -dog", [2]),
        ('-"what is it"', [6, 5, 4, 2, 1]),
        ("mode:edit", [2]),
        ("mode:draw", [6, 5, 4, 1]),
        ("mode:generate", [6, 5, 4, 1]),
        ("mode:describe", [3]),
        ("mode:d", [6, 5, 4, 3, 1]),
        ("-mode:edit", [6, 5, 4, 3, 1]),
        ("MODE:EDIT", [2]),
        ("fav:", [4]),
        ("-fav:", [6, 5, 3, 2, 1]),
        ("note:", [2]),
        ("tag:poster", [1]),
        ('tag:"two words"', [1]),
        ("tag:#Poster", [1]),
        ("tag:post", []),
        ("tag:", [1]),
        ("size:128", [4]),
        ("size:64", [5, 4, 2, 1]),
        ("size:128x64", [4]),
        ("size:128x", [4]),
        ("size:64×128", []),
        ("seed:42", [4, 1]),
        ("seed:42 fox", [1]),
        ("model:unipic", [4]),
        ("model:%", []),
        ("session:animals", [6, 4, 3, 2, 1]),
        ("session:中", [5]),
        ("state:failed", [6]),
        ("state:failed,queued", [6]),
        ("after:2020", [6, 5, 4, 3, 2, 1]),
        ("after:2020-02-03", [6, 5, 4, 3, 2, 1]),
        ("before:2020-1", []),
        ("after:2999-12", []),
        ("seed:", [6, 5, 4, 3, 2, 1]),
        ("colour:blue", []),
        ("???", [6, 5, 4, 3, 2, 1]),
        ("a*", [4, 3, 2, 1]),
        ('fox" OR "castle', []),
        ("NEAR(fox sea)", []),
        ("prompt:fox", []),
    ],
)
def test_queries(shared: Library, query: str, found: list[int]) -> None:
    assert [entry.id for entry in shared.search.find(query)] == found


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, 2**63, 2**64 - 1, None])
def test_a_seed_is_kept_whole_or_as_unknown(library: Library, seed: int | None) -> None:
    session = library.sessions.create("x")
    entry = library.entries.add(session.id, GenerateJob(prompt="a fox"))
    image = gradient(64, 64, "x")
    data = PictureSidecar(job=job_to_dict(entry.job), seed=seed, model="")
    with library.database.write():
        file = encode_picture(image, GenerateJob(prompt="a fox"), "")
        library.pictures.insert(entry.id, data, file, (64, 64), ("a fox", None))

    def check(library: Library) -> None:
        assert [picture.seed for picture in library.pictures.of_session(session.id)] == [seed]
        for wanted in (0, 7, 2**63 - 1, 2**63, 2**64 - 1):
            found = library.search.find(f"seed:{wanted}")
            assert [each.id for each in found] == [entry.id] * (wanted == seed), wanted

    check(library)
    library.close()
    rebuild(library.folder)
    again = Library.open(library.folder)
    check(again)
    again.close()


def test_entries_come_as_the_app_knows_them(filled: Library) -> None:
    (entry,) = filled.search.find("dog")
    assert entry == filled.entries.get(3)


def test_no_more_than_asked_for_the_latest_first(filled: Library) -> None:
    assert [entry.id for entry in filled.search.find("a", limit=2)] == [4, 3]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("mode:paint", "mode:paint is unknown: use mode:draw, mode:edit or mode:describe"),
        ("seed:x", "seed:x is no seed: write a whole number"),
        ("seed:18446744073709551616", "is no seed"),
        ("size:big", "size:big is no size: write size:1024 or size:1024x768"),
        ("size:1x2x3", "is no size"),
        ("after:yesterday", "after:yesterday is no date: write after:2026, after:2026-11"),
        ("before:2026-13", "before:2026-13 is no date"),
        ("after:2026-02-30", "is no date"),
        ("state:lost", "state:lost is unknown: use one of queued, paused"),
    ],
)
def test_filters_that_cannot_be_are_a_sentence(shared: Library, query: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        shared.search.find(query)


@pytest.mark.parametrize(
    "query",
    [HOSTILE, "'; DROP TABLE entries; --", '"""', "-", "--", ":::", "\ud800", "*", "x" * 10_000],
)
def test_anything_may_be_typed(shared: Library, query: str) -> None:
    shared.search.find(query)
    assert len(shared.search.find("")) == 6


def test_changes_are_found_at_once(filled: Library) -> None:
    assert filled.search.find("tag:new") == []
    picture = filled.pictures.of_entry(4)[0]
    filled.pictures.set_tags(picture.id, ["new"])
    assert [entry.id for entry in filled.search.find("tag:new")] == [4]
    filled.pictures.set_tags(picture.id, ["other"])
    assert filled.search.find("new") == []
    filled.trash.put_picture(picture.id)
    assert filled.search.find("castle") == []
    filled.trash.undo()
    assert [entry.id for entry in filled.search.find("castle other fav:")] == [4]
    filled.entries.set_state(3, "done", answer="A purple animal")
    assert filled.search.find("dog") == []
    assert [entry.id for entry in filled.search.find("purple")] == [3]


def test_hostile_text_is_found(library: Library) -> None:
    session = library.sessions.create("x")
    entry, _ = draw(library, session.id, HOSTILE + " needle")
    assert [each.id for each in library.search.find("needle egnp")] == []
    assert [each.id for each in library.search.find("needle gnp.exe")] == [entry.id]


def test_prompts_are_told_once_the_latest_first(filled: Library) -> None:
    session = filled.sessions.create("y")
    draw(filled, session.id, "a castle")
    assert filled.search.prompts()[:3] == ["a castle", "nothing came of it", "海边的红色灯塔"]
    assert filled.search.prompts(1) == ["a castle"]
    assert len(filled.search.prompts()) == 6
