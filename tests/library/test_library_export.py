"""Taking sessions out: folder, zip, web page, contact sheet."""

from __future__ import annotations

import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.fakes import gradient
from tests.library.samples import HOSTILE, ask, draw, edit
from unipic_tui.errors import InputError, StorageError
from unipic_tui.library import Library
from unipic_tui.library.contact import contact_sheet
from unipic_tui.library.export import Kind, export_session
from unipic_tui.library.provenance import read_metadata
from unipic_tui.library.records import StoredPicture


@pytest.fixture
def pictures(library: Library) -> list[StoredPicture]:
    """Session 1 with three pictures, one made from another and asked about."""
    session = library.sessions.create("My <Trip> & more")
    _, drawn = draw(library, session.id, count=2)
    _, edited = edit(library, drawn[0], HOSTILE)
    ask(library, edited, "What is it?", f"Perhaps a dog.\n{HOSTILE}")
    library.pictures.set_tags(drawn[0].id, ["sea", HOSTILE])
    library.pictures.set_note(edited.id, HOSTILE)
    library.pictures.set_favourite(edited.id, True)
    return library.pictures.of_session(session.id)


def test_a_folder_holds_the_pictures_and_all_that_is_known(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert export_session(library, 1, out) == 3
    assert {path.name for path in out.iterdir()} == {
        *(picture.path.name for picture in pictures),
        "session.json",
    }
    metadata = read_metadata(out / pictures[0].path.name)
    assert metadata is not None
    assert metadata.job == pictures[0].job
    data = json.loads((out / "session.json").read_text())
    assert data["name"] == "My <Trip> & more"
    assert [job["job"]["mode"] for job in data["jobs"]] == ["generate", "edit", "describe"]
    assert data["jobs"][1]["made_from"] == pictures[0].path.name
    assert data["jobs"][2]["answer"] == f"Perhaps a dog.\n{HOSTILE}"
    assert data["jobs"][1]["pictures"][0]["note"] == HOSTILE.strip()
    with pytest.raises(StorageError, match="is there already: name a new folder"):
        export_session(library, 1, out, force=True)


def test_an_exported_folder_can_be_taken_in_again(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    export_session(library, 1, tmp_path / "out")
    other = Library.open(tmp_path / "other")
    session = other.sessions.create("again")
    found = list(other.importing.paths(lambda: session.id, [tmp_path / "out"]))
    assert [result.problem for result in found] == [""] * 3
    assert [picture.job for picture in other.pictures.of_session(session.id)][:2] == [
        picture.job for picture in pictures[:2]
    ]
    other.close()


def test_a_zip_holds_the_same(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    export_session(library, 1, out)
    top = pictures[0].path.parent.name
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            *(f"{top}/{picture.path.name}" for picture in pictures),
            f"{top}/session.json",
        }
        assert archive.read(f"{top}/{pictures[2].path.name}") == pictures[2].path.read_bytes()


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "p", "em", "br"),
    *("article", "figure", "img", "figcaption"),
}
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "id", "alt", "src"}


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.depths: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
        if tag == "article":
            self.depths.append(self.open.count("article"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_needs_nothing_and_runs_nothing(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    out = tmp_path / "out.html"
    export_session(library, 1, out)
    text = out.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= TAGS
    for _, attributes in page.tags:
        assert set(attributes) <= ATTRIBUTES
        source = attributes.get("src")
        assert source is None or re.fullmatch(r"data:image/(png|jpeg);base64,[\w+/=]+", source)
    shown = "".join(page.text)
    assert "My <Trip> & more" in shown
    assert "<b>[bold]x[/bold]</b>" in shown
    assert "Perhaps a dog." in shown
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "default-src 'none'" in text
    # Drawn, below it the edit, below that the question.
    assert page.depths == [1, 2, 3]
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 3


def test_a_page_shows_large_pictures_smaller(library: Library, tmp_path: Path) -> None:
    session = library.sessions.create("x")
    gradient(3000, 1000, "x").save(tmp_path / "x.png")
    library.importing.file(session.id, tmp_path / "x.png")
    export_session(library, session.id, tmp_path / "out.html")
    assert "data:image/jpeg" in (tmp_path / "out.html").read_text()


def test_a_contact_sheet_shows_every_picture(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    out = tmp_path / "sheet.png"
    export_session(library, 1, out)
    with Image.open(out) as sheet:
        sheet.load()
        colours = {colour for _, colour in sheet.getcolors(1 << 24) or []}
    for picture in pictures:
        with Image.open(picture.path) as image:
            assert image.getpixel((32, 32)) in colours


def test_sheets_of_many_stay_small() -> None:
    tiny = Image.new("RGB", (8, 8), (200, 10, 10))
    sheet = contact_sheet(((tiny, f"{n} {HOSTILE}") for n in range(3000)), 3000, title=HOSTILE)
    assert sheet.width * sheet.height < 64_000_000
    assert (200, 10, 10) in {colour for _, colour in sheet.getcolors(1 << 24) or []}
    assert contact_sheet([(tiny, "x" * 1000)], 1).size[0] < 400


def test_labels_are_cut_to_their_picture() -> None:
    blank = Image.new("RGB", (256, 256), (0, 0, 0))
    sheet = contact_sheet([(blank, "W" * 500), (blank, "")], 2, columns=2)
    right = sheet.crop((8 + 256 + 8, 8 + 256, sheet.width, sheet.height))
    assert len(right.getcolors() or []) == 1


@pytest.mark.parametrize(
    ("name", "kind", "opens"),
    [("x.zip", "html", "<!doctype"), ("x", "zip", "PK"), ("x.html", "sheet", "\x89PNG")],
)
def test_the_kind_may_be_named(
    library: Library,
    pictures: list[StoredPicture],
    tmp_path: Path,
    name: str,
    kind: Kind,
    opens: str,
) -> None:
    export_session(library, 1, tmp_path / name, kind)
    assert (tmp_path / name).read_bytes().decode("latin-1").startswith(opens)


def test_a_file_that_is_there_is_not_overwritten_unless_asked(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    for name in ("x.zip", "x.html", "x.png"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(StorageError, match="is there already: use --force to replace it"):
            export_session(library, 1, tmp_path / name)
        assert (tmp_path / name).read_text() == "mine"
        export_session(library, 1, tmp_path / name, force=True)
        assert (tmp_path / name).read_bytes() != b"mine"


@pytest.mark.parametrize("name", ["x.zip", "x.html", "x.png", "x"])
def test_nothing_half_written_stays(
    library: Library, pictures: list[StoredPicture], tmp_path: Path, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="the folder does not exist"):
        export_session(library, 1, tmp_path / "missing" / name)
    for target in ("os.fsync", "shutil.copyfile"):
        monkeypatch.setattr(target, full)
    with pytest.raises(StorageError, match="the disk is full"):
        export_session(library, 1, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"library"}


def test_a_picture_that_is_missing_is_a_sentence(
    library: Library, pictures: list[StoredPicture], tmp_path: Path
) -> None:
    pictures[1].path.unlink()
    for name in ("x", "x.zip"):
        with pytest.raises(StorageError, match=pictures[1].path.name):
            export_session(library, 1, tmp_path / name)
    export_session(library, 1, tmp_path / "x.html")
    assert "there is no such file" in (tmp_path / "x.html").read_text()
    export_session(library, 1, tmp_path / "x.png")


def test_the_library_itself_is_no_place_to_export_to(
    library: Library, pictures: list[StoredPicture]
) -> None:
    for out in (library.folder, library.folder / "x.zip", library.folder / "sessions" / "x"):
        with pytest.raises(InputError, match="lies in the library: name a place outside"):
            export_session(library, 1, out)


def test_an_empty_session_has_no_sheet(library: Library, tmp_path: Path) -> None:
    session = library.sessions.create("empty")
    with pytest.raises(InputError, match="has no pictures"):
        export_session(library, session.id, tmp_path / "x.png")
    assert export_session(library, session.id, tmp_path / "x.html") == 0
