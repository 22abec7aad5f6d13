"""Where texts lie in a file, and in which encoding."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import pytest
from PIL import Image, features

from tests.library.provenance.building import (
    A1111,
    NEGATIVE,
    PROMPT,
    SETTINGS,
    chunk,
    exif,
    graph,
    picture,
    png,
    text_chunk,
    xmp,
)
from unipic_tui.library.provenance import Provenance, read_provenance

COMMENT, DESCRIPTION, MAKE, MODEL, XP_COMMENT = 0x9286, 0x010E, 0x010F, 0x0110, 0x9C9C
KINDS = ["PNG", "JPEG", "WEBP", "TIFF", *(["AVIF"] if features.check("avif") else [])]


def check(path: Path, origin: str = "A1111") -> Provenance:
    found = read_provenance(path)
    assert (found.origin, found.prompt, found.negative) == (origin, PROMPT, NEGATIVE)
    assert (found.seed, found.steps, found.guidance) == (424242, 30, 5.5)
    assert (found.width, found.height) == (832, 1216)
    return found


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt compressed"])
@pytest.mark.parametrize("after", [False, True])
def test_texts_of_a_png(tmp_path: Path, kind: str, after: bool) -> None:
    text = text_chunk("parameters", A1111, kind)
    check(png(tmp_path / "a.png", after=(text,)) if after else png(tmp_path / "a.png", text))


def test_a_text_that_calls_itself_latin_1(tmp_path: Path) -> None:
    for body in ("Möwe 灯台".encode(), "Möwe".encode("latin-1")):
        found = read_provenance(
            png(tmp_path / "a.png", text_chunk("parameters", body + b"\n" + SETTINGS.encode()))
        )
        assert found.prompt in {"Möwe 灯台", "Möwe"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"UNICODE\0", "utf-16-be"),
        (b"UNICODE\0", "utf-16-le"),
        (b"UNICODE\0", "utf-16"),
        (b"UNICODE\0", "utf-8"),
        (b"UNICODE\0", "utf-8-sig"),
        (b"ASCII\0\0\0", "utf-8"),
        (b"\0\0\0\0\0\0\0\0", "utf-8"),
        (b"JIS\0\0\0\0\0", "utf-8"),
        (b"", "utf-8"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"Unicode\0", "utf-16-le"),
    ],
)
def test_user_comments(tmp_path: Path, kind: str, order: str, mark: bytes, encoding: str) -> None:
    for tail in (b"", b"\0", b"\0\0\0"):
        block = exif({COMMENT: mark + A1111.encode(encoding) + tail}, order)
        check(picture(tmp_path / "a", kind, block))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_other_scripts_keep_their_characters(tmp_path: Path, encoding: str) -> None:
    text = f"灯台と霧、маяк\n{SETTINGS}"
    block = exif({COMMENT: b"UNICODE\0" + text.encode(encoding)})
    assert read_provenance(picture(tmp_path / "a", "JPEG", block)).prompt == "灯台と霧、маяк"


@pytest.mark.parametrize("kind", [1, 2, 7])
@pytest.mark.parametrize("tag", [COMMENT, DESCRIPTION, MAKE])
def test_other_tags_and_types(tmp_path: Path, kind: int, tag: int) -> None:
    check(picture(tmp_path / "a", "JPEG", exif({tag: A1111.encode() + b"\0"}, "<", kind)))


def test_a_comment_as_windows_writes_it(tmp_path: Path) -> None:
    block = exif({XP_COMMENT: A1111.encode("utf-16-le") + b"\0\0"}, "<", 1)
    check(picture(tmp_path / "a", "JPEG", block))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("first", "second"), [(MAKE, MODEL), (MODEL, MAKE), (DESCRIPTION, MAKE)])
def test_graphs_in_exif(tmp_path: Path, kind: str, first: int, second: int) -> None:
    tags = {
        first: b'workflow:{"nodes": [], "links": []}\0',
        second: b"prompt:" + json.dumps(graph()).encode() + b"\0",
    }
    check(picture(tmp_path / "a", kind, exif(tags, ">", 2)), "ComfyUI")
    capital = {tag: value[:1].upper() + value[1:] for tag, value in tags.items()}
    check(picture(tmp_path / "a", kind, exif(capital, "<", 2)), "ComfyUI")


@pytest.mark.parametrize("kind", [each for each in KINDS if each != "TIFF"])
def test_graphs_and_lines_in_xmp(tmp_path: Path, kind: str) -> None:
    quoted = json.dumps(graph()).replace("&", "&amp;").replace('"', "&quot;")
    inside = f"<exif:UserComment><rdf:Alt><rdf:li>{quoted}</rdf:li></rdf:Alt></exif:UserComment>"
    check(picture(tmp_path / "a", kind, xmp=xmp(inside)), "ComfyUI")
    check(picture(tmp_path / "a", kind, xmp=xmp("", f'exif:prompt="{quoted}"')), "ComfyUI")
    lines = A1111.replace("\n", "&#10;")
    check(picture(tmp_path / "a", kind, xmp=xmp(f"<dc:description>{lines}</dc:description>")))


def test_a_graph_beside_its_workflow_in_one_comment(tmp_path: Path) -> None:
    for inner in (graph(), json.dumps(graph())):
        comment = json.dumps({"prompt": inner, "workflow": {"nodes": []}}).encode()
        check(picture(tmp_path / "a", "WEBP", exif({COMMENT: comment})), "ComfyUI")


def test_comments_of_jpeg_and_gif(tmp_path: Path) -> None:
    for kind in ("JPEG", "GIF"):
        image = Image.new("RGB", (24, 16))
        image.save(tmp_path / "a", kind, comment=A1111.encode())
        check(tmp_path / "a")


def test_a_comment_longer_than_a_segment(tmp_path: Path) -> None:
    data = picture(tmp_path / "a", "JPEG").read_bytes()
    text = f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{SETTINGS}, Note: {'x' * 70_000}".encode()
    parts = (text[start : start + 60_000] for start in range(0, len(text), 60_000))
    comment = b"".join(b"\xff\xfe" + struct.pack(">H", len(part) + 2) + part for part in parts)
    (tmp_path / "a").write_bytes(data[:2] + comment + data[2:])
    check(tmp_path / "a")


def test_xmp_in_several_segments(tmp_path: Path) -> None:
    data = picture(tmp_path / "a", "JPEG").read_bytes()
    packet = xmp(f"<dc:description>{A1111.replace(chr(10), '&#10;')}</dc:description>")
    half = len(packet) // 2
    segments = b""
    for offset, part in ((half, packet[half:]), (0, packet[:half])):
        body = b"http://ns.adobe.com/xmp/extension/\0" + b"F" * 32
        body += struct.pack(">II", len(packet), offset) + part
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    (tmp_path / "a").write_bytes(data[:2] + segments + data[2:])
    check(tmp_path / "a")


def test_exif_as_imagemagick_keeps_it(tmp_path: Path) -> None:
    block = b"Exif\0\0" + exif({COMMENT: b"UNICODE\0" + A1111.encode("utf-16-be")})
    raw = f"\nexif\n{len(block):8d}\n{block.hex()}\n"
    check(png(tmp_path / "a.png", text_chunk("Raw profile type exif", raw, "zTXt")))


def test_a_text_of_megabytes_is_read_and_one_beyond_the_limit_is_not(tmp_path: Path) -> None:
    large = graph(n99=node_of(3_000_000))
    check(png(tmp_path / "a.png", text_chunk("prompt", json.dumps(large), "zTXt")), "ComfyUI")
    check(
        png(tmp_path / "a.png", after=(text_chunk("prompt", json.dumps(large), "zTXt"),)), "ComfyUI"
    )
    bomb = text_chunk("prompt", b" " * 20_000_000, "zTXt")
    check(png(tmp_path / "a.png", bomb, text_chunk("parameters", A1111)))


def node_of(size: int) -> dict[str, object]:
    return {"class_type": "Note", "inputs": {"text": "x" * size}}


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"MM\0*",
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x86\x92\x07\0\xff\xff\xff\xff\0\0\0\0" * 40,
        exif({COMMENT: bytes(range(256)) * 4}),
        exif({COMMENT: b"UNICODE\0" + bytes(range(128, 256)) * 4}),
        exif({COMMENT: b"\0" * 400}),
        exif({DESCRIPTION: b"My holiday: sun, sea, sand"}),
        exif({MAKE: b"Canon", MODEL: b"EOS 5D: the camera"}),
    ],
    ids=range(9),
)
def test_what_is_nothing_is_not_taken_for_a_prompt(tmp_path: Path, block: bytes) -> None:
    found = read_provenance(png(tmp_path / "a.png", chunk(b"eXIf", block)))
    assert found == Provenance(unread=found.unread)


@pytest.mark.parametrize(
    "packet",
    [
        b"<x",
        b"<a>" * 5000,
        b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        xmp("<dc:description>A day by the sea. Steps: many</dc:description>"),
    ],
    ids=range(4),
)
def test_broken_xmp_is_passed_over(tmp_path: Path, packet: bytes) -> None:
    found = read_provenance(picture(tmp_path / "a", "PNG", xmp=packet))
    assert (found.origin, found.prompt) == ("", None)


def test_a_file_cut_within_its_texts(tmp_path: Path) -> None:
    whole = png(tmp_path / "a.png", after=(text_chunk("parameters", A1111),)).read_bytes()
    for length in range(len(whole) - 200, len(whole), 7):
        (tmp_path / "b.png").write_bytes(whole[:length])
        assert read_provenance(tmp_path / "b.png").origin in {"", "A1111"}


def test_in_every_format_a_picture_without_texts_tells_nothing(tmp_path: Path) -> None:
    for kind in (*KINDS, "BMP", "PPM", "GIF"):
        buffer = io.BytesIO()
        Image.new("RGB", (24, 16)).save(buffer, kind)
        (tmp_path / "a").write_bytes(buffer.getvalue())
        assert read_provenance(tmp_path / "a") == Provenance()
