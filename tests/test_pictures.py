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
from PIL import Image

from unipic_tui.errors import InputError, StorageError, UnipicError
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
