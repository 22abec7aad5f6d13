"""Options that may stand at several places: none is ever dropped, whatever the place."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli
from unipic_tui.cli.arguments import SHARED, Parser, flag_of
from unipic_tui.cli.parser import build_parser, parse_arguments
from unipic_tui.library import Library

VALUES = {"dtype": "float16", "images": "blocks"}


def leaves(parser: Parser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Parser]]:
    """Every command that does something, with the words that lead to it."""
    family = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not family or not path:
        yield path, parser
    for each in family:
        unique = {id(child): (name, child) for name, child in reversed(each.choices.items())}
        for name, child in unique.values():
            yield from leaves(child, (*path, name))


def needed(parser: Parser) -> list[str]:
    """The least that a command takes besides its name."""
    words: list[str] = []
    for action in parser._actions:
        if action.option_strings and action.required:
            words += [action.option_strings[0], "x"]
        elif not action.option_strings and action.nargs in {None, "+"}:
            words.append(next(iter(action.choices or ["x"])))
    return words


COMMANDS = dict(leaves(build_parser()))
CASES = [
    pytest.param(path, name, place, id=f"{' '.join(path) or 'app'}, {name} at {place}")
    for path in COMMANDS
    for name in SHARED
    for place in range(len(path) + 1)
]


@pytest.mark.parametrize(("path", "name", "place"), CASES)
def test_an_option_is_taken_or_refused_at_each_place(
    path: tuple[str, ...], name: str, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = COMMANDS[path]
    switch = SHARED[name].get("action") == "store_true"
    value = VALUES.get(name, "here")
    given = [flag_of(name)] if switch else [flag_of(name), value]
    argv = [*path[:place], *given, *path[place:], *needed(parser)]
    if flag_of(name) in parser.format_help():
        assert getattr(parse_arguments(argv), name) == (True if switch else value)
        return
    with pytest.raises(SystemExit) as stop:
        parse_arguments(argv)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert flag_of(name) in said
    assert f"see {parser.prog} --help" in said


@pytest.mark.parametrize(("path", "parser"), COMMANDS.items())
def test_what_is_not_given_is_open(path: tuple[str, ...], parser: Parser) -> None:
    args = parse_arguments([*path, *needed(parser)])
    off = {"json": False, "quiet": False}
    assert {name: getattr(args, name) for name in SHARED} == dict.fromkeys(SHARED) | off


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ["--library", "a", "library", "--library", "b", "trash"],
            "--library is given twice, as 'a' and as 'b': leave out one",
        ),
        (
            ["--device", "cpu", "generate", "x", "--device", "cuda"],
            "--device is given twice, as 'cpu' and as 'cuda': leave out one",
        ),
        (["--theme", "nord", "generate", "x"], "--theme has no use with generate: leave it out"),
        (["--json"], "--json has no use with the app: leave it out"),
    ],
)
def test_what_cannot_hold_is_refused(cli: Cli, argv: list[str], sentence: str) -> None:
    assert sentence in cli.refuses(*argv)


def test_the_same_twice_is_fine() -> None:
    args = parse_arguments(["--library", "a", "library", "--library", "a", "trash"])
    assert args.library == "a"


@pytest.mark.parametrize(
    "argv",
    [
        ["--library", "A", "library", "trash"],
        ["library", "--library", "A", "trash"],
        ["library", "trash", "--library", "A"],
    ],
)
def test_the_trash_of_the_named_library_is_emptied(
    cli: Cli, tmp_path: Path, argv: list[str]
) -> None:
    Image.new("RGB", (16, 16)).save("x.png")
    kept = tmp_path / "data"
    for folder in (Path("A"), kept):
        cli("library", "import", "x.png", "--library", str(folder))
        with_trash(folder)
    assert "1 picture deleted" in cli(*argv, "--empty", "--yes").err
    for folder, left in ((Path("A"), 0), (kept, 1)):
        library = Library.open(folder)
        assert len(library.trash.deletions()) == left
        library.close()


def with_trash(folder: Path) -> None:
    """Put the only session of a library into its trash."""
    library = Library.open(folder)
    (session,) = library.sessions.all()
    library.trash.put_session(session.id)
    library.close()


def test_doctor_looks_at_the_named_library(cli: Cli) -> None:
    Path("file").write_text("")
    for argv in (["--library", "file", "doctor"], ["doctor", "--library", "file"]):
        (check,) = [e for e in cli(*argv, "--json").events if e.get("name") == "Library"]
        assert check["state"] == "fails"
        assert "file" in check["text"]


@pytest.mark.parametrize(("command", "quality"), [("generate", "balanced"), ("batch", "full")])
def test_the_help_names_the_quality_that_is_used(command: str, quality: str) -> None:
    shown = " ".join(COMMANDS[(command,)].format_help().split())
    assert f"(default: the settings file's, or {quality})" in shown


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--cfg-scale", "--cfg"),
        ("--out", "--output"),
        ("--width", "--size"),
        ("--height=512", "--size"),
        ("--promt", "--prompt"),
        ("--Guidence", "--guidance"),
        ("--seeds", "--seed"),
    ],
)
def test_a_flag_that_does_not_exist_names_the_one_that_is_meant(
    cli: Cli, flag: str, meant: str
) -> None:
    said = cli.refuses("generate", "x", flag)
    assert f"arguments: {flag}: did you mean {meant}; see" in said
    assert meant in COMMANDS[("generate",)].format_help()


@pytest.mark.parametrize("flag", ["--batch_size", "--negative", "--foo"])
def test_a_flag_that_is_like_none_names_none(cli: Cli, flag: str) -> None:
    assert f"arguments: {flag}; see" in cli.refuses("generate", "x", flag)


def test_a_file_that_looks_like_a_flag(cli: Cli) -> None:
    Image.new("RGB", (16, 16)).save("./-dash.png")
    assert "-dash.png: for the file, write ./-dash.png;" in cli.refuses("edit", "-dash.png", "x")
