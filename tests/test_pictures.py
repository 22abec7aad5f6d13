"""Picture files of every kind, and those that only claim to be one."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from unipic_tui.errors import InputError, StorageError, UnipicError
from unipic_tui.picturefiles import HEAD, is_picture
from unipic_tui.pictures import load_image, open_image

pytestmark = pytest.mark.filterwarnings("ignore")

RED, GREEN = (255, 0, 0), (0, 255, 0)


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tif", "a.ppm", "a.gif"])
def test_formats(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    image = load_image(saved(tmp_path, Image.new("RGB", (20, 10), RED), name, **options))
    assert (image.mode, image.size, image.getpixel((3, 3))) == ("RGB", (20, 10), RED)


def test_the_name_says_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (2, 2), RED), "a.png")
    assert load_image(path.rename(tmp_path / "a.txt")).getpixel((0, 0)) == RED


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    layer = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    layer.putpixel((1, 0), (255, 0, 0, 128))
    image = load_image(saved(tmp_path, layer, "a.png"))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((1, 0)) == (255, 127, 127)


def test_palettes(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.putpixel((0, 0), 0)
    assert load_image(saved(tmp_path, image, "a.png")).getpixel((1, 0)) == RED
    clear = load_image(saved(tmp_path, image, "b.png", transparency=0))
    assert clear.getpixel((0, 0)) == (255, 255, 255)
    assert clear.getpixel((1, 0)) == RED


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN)]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(path).getpixel((0, 0)) == RED


def test_sixteen_bits(tmp_path: Path) -> None:
    values = np.array([[0, 65535, 32768, 257]], dtype=np.uint16)
    image = load_image(saved(tmp_path, Image.fromarray(values), "a.png"))
    assert [image.getpixel((x, 0)) for x in range(4)] == [
        (0, 0, 0), (255, 255, 255), (128, 128, 128), (1, 1, 1),
    ]  # fmt: skip


def test_floats(tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0, 0.5, np.nan]], dtype=np.float32)
    image = load_image(saved(tmp_path, Image.fromarray(values), "a.tif"))
    assert [image.getpixel((x, 0)) for x in range(4)] == [
        (0, 0, 0), (255, 255, 255), (128, 128, 128), (0, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["1", "L", "LA", "CMYK"])
def test_other_modes(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path, Image.new(mode, (3, 2)), "a.tif")
    assert load_image(path).mode == "RGB"


def test_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), RED)
    image.putpixel((0, 0), GREEN)
    exif = Image.Exif()
    exif[0x112] = 6  # turned a quarter to the left by the camera
    upright = load_image(saved(tmp_path, image, "a.png", exif=exif))
    assert upright.size == (2, 4)
    assert upright.getpixel((1, 0)) == GREEN


def test_broken_exif_is_no_obstacle(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (4, 2), RED), "a.png", exif=b"Exif\0\0MM\0*junkjunk")
    assert load_image(path).size == (4, 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "is not a picture that can be read here"),
        (b"\x89PNG\r\n\x1a\n", "is not a picture|is damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
        (b"GIF89a", "is not a picture|is damaged"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        load_image(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
def test_cut_short_anywhere(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / "a"
    for length in range(0, len(whole) * 9 // 10, max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_damaged_anywhere(tmp_path: Path, kind: str) -> None:
    """Flipped bytes give pixels or a sentence, never another exception."""
    generator = np.random.default_rng(5)
    buffer = io.BytesIO()
    Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(buffer, kind)
    whole = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    path = tmp_path / "a"
    for _ in range(150):
        damaged = whole.copy()
        places = generator.integers(0, min(len(whole), 200), 4)
        damaged[places] = generator.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        try:
            assert load_image(path).mode == "RGB"
        except UnipicError as error:
            assert str(path) in error.message


@pytest.mark.parametrize(
    ("width", "height"), [(9000, 9000), (30_000, 30_000), (20_001, 1), (1, 50_000)]
)
def test_bombs_are_refused_unopened(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height))
    with pytest.raises(InputError, match=r"too large .*: scale it down"):
        load_image(path)


def test_the_decoder_says_nothing_itself(tmp_path: Path) -> None:
    """Pillow's own warnings would land in the middle of a screen."""
    (tmp_path / "bomb.png").write_bytes(png_header(10_000, 10_000))
    tiff = bytearray(saved(tmp_path, Image.new("RGB", (9, 9)), "a.tif").read_bytes())
    start = int.from_bytes(tiff[4:8], "little")
    tiff[start + 6 : start + 10] = b"\xff\xff\0\0"  # a tag with too many entries
    (tmp_path / "a.tif").write_bytes(tiff)
    code = (
        "import sys\n"
        "from unipic_tui.pictures import load_image\n"
        "for name in sys.argv[1:]:\n"
        "    try: load_image(name)\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb.png"), str(tmp_path / "a.tif")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["InputError", "InputError"]


def test_the_largest_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(8000, 8000))
    with open_image(path) as image:
        assert image.size == (8000, 8000)


@pytest.mark.parametrize("place", ["missing.png", ".", "pipe"])
def test_what_is_no_file(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    with pytest.raises(StorageError):
        load_image(tmp_path / place)


def wide_gamut() -> bytes:
    """A profile with primaries other than sRGB's: its red and green are swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = int.from_bytes(profile[128:132], "big")
    places = {bytes(profile[start : start + 4]): start for start in range(132, 132 + 12 * tags, 12)}
    red, green = places[b"rXYZ"] + 4, places[b"gXYZ"] + 4
    profile[red : red + 8], profile[green : green + 8] = (
        profile[green : green + 8],
        profile[red : red + 8],
    )
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_colours_are_brought_to_srgb(tmp_path: Path, mode: str, kind: str) -> None:
    image = Image.new("RGB", (4, 4), RED).convert(mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    path = saved(tmp_path, image, f"a.{kind.lower()}", icc_profile=wide_gamut(), **options)
    red, green, blue = load_image(path).getpixel((0, 0))  # type: ignore[misc]
    assert (red < 10, green > 245, blue < 10) == (True, True, True)


def test_srgbs_own_profile_changes_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = saved(tmp_path, Image.fromarray(noise), "a.png", icc_profile=profile)
    assert np.array_equal(np.asarray(load_image(path)), noise)


@pytest.mark.parametrize("profile", [b"junk", b"x" * 5_000_000, wide_gamut()[:200]], ids=range(3))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_profile_that_is_broken_or_huge_is_ignored(
    tmp_path: Path, profile: bytes, kind: str
) -> None:
    path = saved(tmp_path, Image.new("RGB", (4, 4), RED), f"a.{kind.lower()}", icc_profile=profile)
    assert load_image(path).getpixel((0, 0))[0] > 250  # type: ignore[index]


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("behind", [False, True])
def test_texts_without_end_are_ignored(tmp_path: Path, kind: bytes, behind: bool) -> None:
    whole = saved(tmp_path, Image.new("RGB", (4, 4), RED), "a.png").read_bytes()
    large = b"x" * 3_000_000
    body = {
        b"tEXt": b"k\0" + large,
        b"zTXt": b"k\0\0" + zlib.compress(large),
        b"iTXt": b"k\0\1\0\0\0" + zlib.compress(large),
    }[kind]
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    place = len(whole) - 12 if behind else 33
    (tmp_path / "a.png").write_bytes(whole[:place] + chunk * 30 + whole[place:])
    assert load_image(tmp_path / "a.png").getpixel((0, 0)) == RED


def test_a_text_with_a_wrong_checksum_is_ignored(tmp_path: Path) -> None:
    whole = saved(tmp_path, Image.new("RGB", (4, 4), RED), "a.png").read_bytes()
    chunk = struct.pack(">I", 3) + b"tEXtk\0x" + b"junk"
    (tmp_path / "a.png").write_bytes(whole[:33] + chunk + whole[33:])
    assert load_image(tmp_path / "a.png").getpixel((0, 0)) == RED


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_mark(
    tmp_path: Path, options: dict[str, object], missing: int
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), "a.jpg", **options)
    whole = load_image(path)
    path.write_bytes(path.read_bytes()[:-missing])
    assert load_image(path).tobytes() == whole.tobytes()
    assert load_image(path, max_side=30).size == (22, 30)
    path.write_bytes(path.read_bytes()[: -400 - missing])
    with pytest.raises(InputError, match="cut short"):
        load_image(path)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_heic_gets_a_sentence_that_says_what_to_install(tmp_path: Path, brand: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + b"\0" * 99)
    with pytest.raises(InputError, match=r"HEIC picture.*pip install pillow-heif.*JPEG"):
        load_image(tmp_path / "a.jpg")


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow has no JPEG 2000")
def test_jpeg_2000(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (8, 8), RED), "a.jp2")
    assert load_image(path).getpixel((0, 0)) == RED


def test_libtiff_says_nothing_itself(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), "a.tif", compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[200:3000] = bytes(2800)
    path.write_bytes(data)
    code = (
        "import sys\nfrom unipic_tui.pictures import load_image\n"
        "try: load_image(sys.argv[1])\nexcept Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("InputError\n", "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_pictures_are_known_by_their_first_bytes(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    assert is_picture(buffer.getvalue()[:HEAD])
    assert not is_picture(b"PK\x03\x04" + buffer.getvalue()[:HEAD])


@pytest.mark.parametrize(
    "head", [b"", b"P", b"Picture", b"#!/bin/sh", b"\0\0\0\x18ftypmp42", b"RIFF....WAVE"]
)
def test_what_is_no_picture_is_known_by_its_first_bytes(head: bytes) -> None:
    assert not is_picture(head)
