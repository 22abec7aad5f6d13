"""Pictures from anywhere: ours, other tools', nobody's, and hostile ones."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.fakes import gradient
from tests.library.samples import HOSTILE, draw, files, png
from unipic_tui.errors import InputError, StorageError, UnipicError
from unipic_tui.jobs import GenerateJob
from unipic_tui.library import Library
from unipic_tui.library.rebuild import rebuild
from unipic_tui.metadata import encode_picture

A1111 = (
    "a red fox, (best:1.2)\nby the sea\nNegative prompt: ugly, bad\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 123456, Size: 512x768, "
    'Model hash: 6ce0161689, Model: "sd, v1:5", Version: v1.9.0'
)
INVOKE = {
    "app_version": "4.2.0",
    "positive_prompt": "a red fox",
    "negative_prompt": "ugly",
    "seed": 123456,
    "steps": 20,
    "cfg_scale": 7.5,
    "width": 512,
    "height": 768,
    "model": {"key": "x", "name": "dreamshaper"},
    "scheduler": "euler",
}
EARLY_INVOKE = {
    "model": "stable diffusion",
    "model_weights": "dreamshaper",
    "image": {
        "prompt": [{"prompt": "a red fox", "weight": 1}],
        "seed": 123456,
        "steps": 20,
        "cfg_scale": 7.5,
        "width": 512,
        "height": 768,
    },
}
DREAM = '"a red fox" -s 20 -S 123456 -W 512 -H 768 -C 7.5 -A k_lms'
COMFY = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 123456, "steps": 20, "cfg": 7.5, "sampler_name": "euler",
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dreamshaper"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
    "99": {"class_type": "CLIPTextEncode", "inputs": {"text": "unused", "clip": ["4", 1]}},
}  # fmt: skip
FLUX = {
    "1": {"class_type": "RandomNoise", "inputs": {"noise_seed": 123456}},
    "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "dreamshaper"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": ["4", 0], "clip": ["2", 0]}},
    "4": {"class_type": "PrimitiveString", "inputs": {"value": "a red fox"}},
    "5": {"class_type": "FluxGuidance", "inputs": {"guidance": 7.5, "conditioning": ["3", 0]}},
    "6": {"class_type": "BasicGuider", "inputs": {"model": ["2", 0], "conditioning": ["5", 0]}},
    "7": {"class_type": "EmptySD3LatentImage", "inputs": {"width": ["12", 0], "height": 768}},
    "8": {"class_type": "BasicScheduler", "inputs": {"steps": 20, "model": ["2", 0]}},
    "9": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {"noise": ["1", 0], "guider": ["6", 0], "sigmas": ["8", 0], "latent": ["7", 0]},
    },
    "10": {"class_type": "VAEDecode", "inputs": {"samples": ["9", 0]}},
    "11": {"class_type": "SaveImage", "inputs": {"images": ["10", 0]}},
    "12": {"class_type": "PrimitiveInt", "inputs": {"value": 512}},
}


@pytest.fixture
def session(library: Library) -> int:
    return library.sessions.create("x").id


@pytest.mark.parametrize(
    ("texts", "origin", "negative"),
    [
        ({"invokeai_metadata": json.dumps(INVOKE)}, "InvokeAI", "ugly"),
        ({"sd-metadata": json.dumps(EARLY_INVOKE), "Dream": "x"}, "InvokeAI", None),
        ({"Dream": DREAM}, "InvokeAI", None),
        ({"prompt": json.dumps(COMFY), "workflow": "{}"}, "ComfyUI", "ugly"),
        ({"prompt": json.dumps(FLUX)}, "ComfyUI", None),
    ],
    ids=["invoke", "early-invoke", "dream", "comfy", "comfy-flux"],
)
def test_other_tools_jobs_are_read(
    library: Library, session: int, tmp_path: Path, texts: dict[str, str], origin: str,
    negative: str | None,
) -> None:  # fmt: skip
    picture = library.importing.file(session, png(tmp_path / "in.png", texts))
    model = "" if "Dream" in texts and len(texts) == 1 else "dreamshaper"
    assert (picture.origin, picture.model) == (origin, model)
    assert picture.job == GenerateJob(
        prompt="a red fox", seed=123456, iterations=20, guidance=7.5, width=512, height=768,
        unconditional=negative,
    )  # fmt: skip
    assert library.entries.get(picture.entry).state == "done"
    assert [entry.id for entry in library.search.find("fox seed:123456")] == [picture.entry]
    # The file is as it was, so that its maker's tool reads it still.
    assert picture.path.read_bytes() == (tmp_path / "in.png").read_bytes()
    assert picture.path.name == "0001-in.png"


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_parameters_are_read_from_every_format(
    library: Library, session: int, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"in.{kind}"
    if kind == "png":
        png(path, {"parameters": A1111})
    else:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
        gradient(64, 64, "x").save(path, exif=exif)
    picture = library.importing.file(session, path)
    assert (picture.origin, picture.model) == ("A1111", "sd, v1:5")
    assert picture.job == GenerateJob(
        prompt="a red fox, (best:1.2)\nby the sea", unconditional="ugly, bad", seed=123456,
        iterations=20, guidance=7.5, width=512, height=768,
    )  # fmt: skip
    assert picture.path.suffix == ".png"
    # What the file says survives a rebuild from the pictures alone.
    library.close()
    for sidecar in library.folder.rglob("*.json"):
        sidecar.unlink()
    rebuild(library.folder)
    again = Library.open(library.folder)
    assert again.pictures.of_session(1)[0].job == picture.job
    again.close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_our_own_pictures_keep_their_whole_job(
    library: Library, session: int, tmp_path: Path, kind: Any
) -> None:
    job = GenerateJob(prompt="a lamp", seed=8, width=64, height=64, iterations=4, temperature=0.5)
    path = tmp_path / f"x.{kind.lower()}"
    path.write_bytes(encode_picture(gradient(64, 64, "x"), job, "nano", kind))
    picture = library.importing.file(session, path)
    assert (picture.job, picture.model, picture.origin) == (job, "nano", "unipic-tui")
    assert picture.path.name == "0001-a-lamp-s8.png"
    assert list(library.health.check(deep=True)) == []


def test_a_picture_that_says_nothing_is_called_after_its_file(
    library: Library, session: int, tmp_path: Path
) -> None:
    path = tmp_path / "Holiday photo.jpg"
    gradient(100, 50, "x").save(path)
    picture = library.importing.file(session, path)
    assert (picture.job.prompt, picture.origin, picture.model) == ("Holiday photo", "file", "")
    assert (picture.width, picture.height) == (100, 50)
    assert picture.path.name == "0001-holiday-photo.png"
    assert "Holiday photo" not in library.search.prompts()
    # What is not known is not 0.
    assert picture.seed is None
    assert library.search.find("seed:0") == []


def test_an_upright_picture_comes_out_of_a_turned_one(
    library: Library, session: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    gradient(100, 50, "x").save(tmp_path / "x.jpg", exif=exif)
    picture = library.importing.file(session, tmp_path / "x.jpg")
    with Image.open(picture.path) as image:
        assert image.size == (picture.width, picture.height) == (50, 100)


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": "[]"},
        {"prompt": "[" * 100_000},
        {"prompt": json.dumps({"1": {"inputs": {"positive": ["1", 0]}}})},
        {"prompt": json.dumps({"1": {"inputs": {"positive": ["2", 0], "text": 5}}, "2": 3})},
        {"prompt": json.dumps({"1": {"inputs": {"positive": ["1", 0], "text": ["1", 0]}}})},
        {"invokeai_metadata": '{"positive_prompt": ["x"], "seed": {}}'},
        {"invokeai_metadata": "null"},
        {"sd-metadata": '{"image": {"prompt": []}}'},
        {"sd-metadata": '{"image": 1}'},
        {"Dream": '"' * 10_000},
        {"parameters": "\n" * 10_000},
        {"parameters": "Steps: 1, Steps: 2, Steps: 3"},
        {"unipic": '{"job": {"mode": "generate", "prompt": "x", "seed": 1e400}}'},
        {"unipic": '{"job": {"mode": "describe", "prompt": "x", "source": "/etc/passwd"}}'},
    ],
    ids=range(14),
)
def test_texts_of_the_wrong_shape_are_passed_over(
    library: Library, session: int, tmp_path: Path, texts: dict[str, str]
) -> None:
    picture = library.importing.file(session, png(tmp_path / "in.png", texts))
    assert picture.path.is_file()
    assert picture.job.seed == 0


def test_values_out_of_range_are_left_out(library: Library, session: int, tmp_path: Path) -> None:
    text = "a fox\nSteps: 9999999, CFG scale: nan, Seed: -1, Size: 513x1e9, Model: x"
    picture = library.importing.file(session, png(tmp_path / "in.png", {"parameters": text}))
    assert picture.job == GenerateJob(prompt="a fox")


def test_hostile_names_and_texts_stay_in_the_library(
    library: Library, session: int, tmp_path: Path
) -> None:
    text = f"{HOSTILE}\nSteps: 20, CFG scale: 7, Seed: 5"
    for name in ("\u202egnp.exe.png", "-rf.png", "con.png", "a b\n.png", "n" * 240 + ".png"):
        picture = library.importing.file(session, png(tmp_path / name, {"parameters": text}))
        assert picture.path.parent == library.sessions.get(session).folder
        assert picture.path.name.isprintable()
        assert "\u202e" not in picture.path.name


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("width", "height", "sentence"),
    [
        (50_000, 50_000, "too large"),
        (50_000, 10, r"too large \(50000×10 pixels\)"),
        (9_000, 9_000, "too large"),
        (2**31 - 1, 2**31 - 1, "."),
    ],
)
def test_bombs_are_refused_with_a_sentence(
    library: Library, session: int, tmp_path: Path, width: int, height: int, sentence: str
) -> None:
    path = bomb(tmp_path / "bomb.png", width, height)
    before = files(library.folder)
    with pytest.raises(InputError, match=sentence):
        library.importing.file(session, path)
    assert files(library.folder) == before
    assert library.entries.of_session(session) == []


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 40, b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_refused(
    library: Library, session: int, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    before = files(library.folder)
    with pytest.raises(UnipicError):
        library.importing.file(session, path)
    with pytest.raises(StorageError, match="there is no such file"):
        library.importing.file(session, tmp_path / "missing.png")
    assert files(library.folder) == before
    assert library.entries.of_session(session) == []


def test_a_folder_is_taken_in_but_for_bad_files_and_duplicates(
    library: Library, session: int, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    png(source / "b" / "2.png", {"parameters": A1111}, key="b")
    png(source / "a" / "1.png", key="a")
    png(source / "a" / "same.png", {"parameters": "other text"}, key="a")
    (source / "a" / "broken.png").write_bytes(b"x")
    (source / "a" / "notes.txt").write_text("x")
    (source / ".hidden.png").write_bytes((source / "a" / "1.png").read_bytes())
    (source / "loop").symlink_to(source)
    _, (known,) = draw(library, session)
    (source / "c.png").write_bytes(known.path.read_bytes())
    results = list(library.importing.paths(lambda: session, [source, tmp_path / "missing.png"]))
    told = {
        result.path.name: (
            result.duplicate,
            bool(result.problem),
            result.picture.id if result.picture else None,
        )
        for result in results
    }
    assert told == {
        "c.png": (True, False, known.id),
        "1.png": (False, False, known.id + 1),
        "broken.png": (False, True, None),
        "same.png": (True, False, known.id + 1),
        "2.png": (False, False, known.id + 2),
        "missing.png": (False, True, None),
    }
    again = list(library.importing.paths(lambda: session, [source]))
    assert not any(result.picture and not result.duplicate for result in again)


def test_duplicates_are_found_by_what_they_show(
    library: Library, session: int, tmp_path: Path
) -> None:
    _, (first,) = draw(library, session)
    with Image.open(first.path) as image:
        image.convert("RGBA").save(tmp_path / "copy.png", compress_level=1)
    (found,) = library.importing.paths(lambda: session, [tmp_path / "copy.png"])
    assert (found.picture, found.duplicate) == (first, True)
    # One that is in the trash is no reason not to import it.
    library.trash.put_picture(first.id)
    (found,) = library.importing.paths(lambda: session, [tmp_path / "copy.png"])
    assert not found.duplicate


def test_a_folder_is_searched_by_content_and_what_is_left_out_is_named(
    library: Library, session: int, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    kinds = {
        "a.jfif": "JPEG",
        "b.jpe": "JPEG",
        "noending": "PNG",
        "wrong.txt": "WEBP",
        "c.HEIC": "PNG",
    }
    source.mkdir()
    for name, kind in kinds.items():
        gradient(32, 32, name).save(source / name, kind)
    (source / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (source / "real.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (source / "notes.md").write_text("x")
    (source / "empty").touch()
    (source / ".DS_Store").write_bytes(b"x")
    (source / "link").symlink_to(tmp_path)
    left_out: list[Path] = []
    results = list(library.importing.paths(lambda: session, [source], left_out))
    assert {result.path.name for result in results if result.picture} == set(kinds)
    (problem,) = [result for result in results if result.problem]
    assert "pillow-heif" in problem.problem
    assert sorted(path.name for path in left_out) == [
        ".DS_Store", "empty", "film.mov", "link", "notes.md",
    ]  # fmt: skip
