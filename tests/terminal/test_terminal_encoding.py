"""Geometry, half blocks, sixels, kitty's sequences, and the lines that carry them."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from unipic_tui.terminal import kitty, sixel
from unipic_tui.terminal.geometry import FITTED, MAX_ZOOM, Zoom, fit_cells, visible_part
from unipic_tui.terminal.halfblocks import half_block_pixels, half_block_strips
from unipic_tui.terminal.rendering import ByteCache
from unipic_tui.terminal.strips import Band, JoinedStrip, PictureStrip

CELL = (10, 20)
TRUECOLOR = Console(color_system="truecolor", file=io.StringIO())


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


# geometry


@pytest.mark.parametrize(
    ("picture", "area", "expected"),
    [
        ((100, 100), (80, 20), (40, 20)),
        ((200, 100), (80, 40), (80, 20)),
        ((100, 400), (80, 20), (10, 20)),
        ((4000, 10), (80, 20), (80, 1)),
        ((10, 4000), (80, 20), (1, 20)),
        ((16, 16), (1, 1), (1, 1)),
    ],
)
def test_a_picture_fits_with_its_aspect_ratio(
    picture: tuple[int, int], area: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit_cells(picture, area, CELL) == expected


def test_a_fitted_view_shows_everything() -> None:
    assert visible_part((300, 200), (30, 10), CELL, FITTED) == ((0, 0, 300, 200), (30, 10))


def test_zoom_shows_the_part_around_its_centre() -> None:
    box, size = visible_part((400, 400), (40, 20), CELL, Zoom(2.0, 0.75, 0.25))
    assert size == (40, 20)
    assert box == (200, 0, 400, 200)


def test_zoom_fills_the_room_beside_a_narrow_picture() -> None:
    box, size = visible_part((100, 200), (40, 20), CELL, Zoom(2.0))
    assert size == (40, 20)
    assert box == (0, 50, 100, 150)


def test_panning_stays_on_the_picture() -> None:
    zoom = Zoom(4.0)
    for _ in range(50):
        zoom = zoom.moved(1, 1)
    box, _ = visible_part((400, 400), (40, 20), CELL, zoom)
    assert box[2:] == (400, 400)


def test_zoom_has_limits() -> None:
    assert Zoom().scaled(0.1).factor == 1
    assert Zoom().scaled(1000).factor == MAX_ZOOM


# half blocks


def test_half_blocks_show_two_pixels_a_cell() -> None:
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    pixels[0, 0] = (252, 0, 0)
    pixels[1, 0] = (0, 252, 0)
    (line,) = half_block_strips(pixels, TRUECOLOR)
    first, second = line
    assert first.text == "▀"
    assert first.style is not None and second.style is not None
    assert first.style.color is not None and first.style.bgcolor is not None
    assert first.style.color.triplet == (252, 0, 0)
    assert first.style.bgcolor.triplet == (0, 252, 0)
    assert second.text == " "


def test_half_blocks_say_each_colour_once() -> None:
    pixels = np.full((2, 50, 3), 200, dtype=np.uint8)
    pixels[:, 25:] = 40
    (line,) = half_block_strips(pixels, TRUECOLOR)
    written = line.render(TRUECOLOR)
    assert written == f"\x1b[48;2;200;200;200m{' ' * 25}\x1b[48;2;40;40;40m{' ' * 25}\x1b[0m"


def test_half_blocks_make_do_with_few_colours() -> None:
    pixels = np.full((2, 4, 3), 200, dtype=np.uint8)
    (line,) = half_block_strips(pixels, Console(color_system="256", file=io.StringIO()))
    assert re.fullmatch(
        r"\x1b\[48;5;\d+m {4}\x1b\[0m",
        line.render(Console(color_system="256", file=io.StringIO())),
    )


def test_half_block_pixels_keep_the_colours() -> None:
    pixels = half_block_pixels(Image.new("RGB", (640, 640), (10, 200, 30)), 8, 4)
    assert pixels.shape == (8, 8, 3)
    assert (pixels == (10, 200, 30)).all()


# sixels


def decode_sixels(sixels: str) -> Image.Image:
    """What a terminal shows that takes colours to be settled once the first pixel is drawn.

    As in xterm, to define a colour does not select it.
    """
    match = re.fullmatch(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)(.*)\x1b\\', sixels, re.DOTALL)
    assert match
    width, height = int(match[1]), int(match[2])
    shown = np.zeros((height, width, 3), dtype=np.uint8)
    colours: dict[int, tuple[int, ...]] = {}
    x = y = 0
    colour = -1
    drawing = False
    for token in re.finditer(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)(.)|([$-])|(.)", match[3]):
        if token[1]:
            assert not drawing, "a colour is defined after the first pixel"
            colours[int(token[1])] = tuple(round(int(token[i]) * 255 / 100) for i in (2, 3, 4))
        elif token[5]:
            colour = int(token[5])
        elif token[8]:
            x, y = 0, y + (6 if token[8] == "-" else 0)
        else:
            drawing = True
            count, code = (int(token[6]), token[7]) if token[6] else (1, token[9])
            bits = ord(code) - 0x3F
            for row in range(6):
                if bits >> row & 1:
                    assert y + row < height, "it draws below its own end"
                    shown[y + row, x : x + count] = colours[colour]
            x += count
    return Image.fromarray(shown)


def test_palette_first_moves_every_definition_to_the_front() -> None:
    lazy = '\x1bP0;0;0q"1;1;4;6#0;2;100;0;0~~#1;2;0;100;0~~-\x1b\\'
    assert sixel.palette_first(lazy) == (
        '\x1bP0;0;0q"1;1;4;6#0;2;100;0;0#1;2;0;100;0#0~~#1~~-\x1b\\'
    )


def test_palette_first_leaves_a_good_picture_alone() -> None:
    good = '\x1bP0;0;0q"1;1;4;6#0;2;100;0;0#1;2;0;100;0#0~~#1~~-\x1b\\'
    assert sixel.palette_first(good) is good


def test_a_band_of_one_colour_has_that_colour() -> None:
    plain = sixel.reduce_colours(Image.new("RGB", (40, 40), (0, 255, 255)), 64)
    assert decode_sixels(sixel.encode_band(plain, 0, 6, 64)).getcolors() == [(240, (0, 255, 255))]


@pytest.mark.parametrize("height", [19, 20, 60])
def test_a_band_shows_its_rows(height: int) -> None:
    image = Image.effect_mandelbrot((90, 80), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    image = ImageChops.add(image, noise(90, 80).point(lambda value: value // 4))
    reduced = sixel.reduce_colours(image, 64, dither=False)
    shown = decode_sixels(sixel.encode_band(reduced, 20, height, 64))
    expected = reduced.convert("RGB").crop((0, 20, 90, 20 + height))
    # Sixel colours are per cent.
    difference = np.asarray(shown, dtype=int) - np.asarray(expected, dtype=int)
    assert np.abs(difference).max() <= 2


def test_bands_cover_the_lines_and_are_few() -> None:
    for rows in range(1, 120):
        bands = sixel.band_lines(rows)
        assert len(bands) <= sixel.MAX_BANDS
        assert [line for top, height in bands for line in range(top, top + height)] == list(
            range(rows)
        )


def test_dithering_comes_nearer_to_a_gradient() -> None:
    gradient = Image.linear_gradient("L").convert("RGB")

    def blurred_error(dither: bool) -> float:
        reduced = sixel.reduce_colours(gradient, 8, dither=dither).convert("RGB")
        small = (32, 32)
        difference = ImageChops.difference(reduced.resize(small), gradient.resize(small))
        return float(sum(ImageStat.Stat(difference).mean))

    assert blurred_error(True) < blurred_error(False) / 2


# kitty


def test_kitty_sends_the_picture_in_small_pieces() -> None:
    image = noise(80, 60)
    pieces = kitty.encode_png(image)
    assert len(pieces) > 2
    assert all(len(piece) <= 4096 for piece in pieces)
    assert all(len(piece) % 4 == 0 for piece in pieces)
    again = Image.open(io.BytesIO(base64.b64decode("".join(pieces))))
    assert again.tobytes() == image.tobytes()
    sequences = list(kitty.transmission(pieces, 77, 8, 3))
    assert sequences[0].startswith("\x1b_Gi=77,f=100,q=2,m=1;")
    assert sequences[-2].startswith("\x1b_Gi=77,f=100,q=2,m=0;")
    assert sequences[-1] == "\x1b_Ga=p,U=1,i=77,c=8,r=3,q=2\x1b\\"


def test_kitty_frees_the_pixels_quietly() -> None:
    assert kitty.free(77) == "\x1b_Ga=d,d=I,i=77,q=2\x1b\\"


def test_kitty_ids_fit_into_a_colour_and_differ() -> None:
    ids = {kitty.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(0 < number < 1 << 24 for number in ids)


def test_kitty_placeholders_tell_picture_row_and_column() -> None:
    line = kitty.placeholder_line(0x010203, 1, 2)
    # The first three marks of the protocol's table stand for 0, 1 and 2.
    assert line == ("\x1b[0;38;2;1;2;3m\U0010eeee\u030d\u0305\U0010eeee\u030d\u030d\x1b[0m")


def test_tmux_gets_doubled_escapes() -> None:
    assert kitty.wrapped_for_tmux("\x1b_Gx\x1b\\") == "\x1bPtmux;\x1b\x1b_Gx\x1b\x1b\\\x1b\\"


# lines


def strips(band: Band, count: int, *, width: int = 4, before: int = 0) -> list[PictureStrip]:
    pixels = np.full((2 * count, width, 3), 200, dtype=np.uint8)
    return [
        PictureStrip(
            line,
            band,
            index,
            before=[Segment(" " * before, Style())] if before else [],
            after=[Segment("right", Style())],
            ground=Style(),
        )
        for index, line in enumerate(half_block_strips(pixels, TRUECOLOR))
    ]


def make_band(height: int, *, erases: bool = False) -> tuple[Band, list[Band]]:
    broken: list[Band] = []
    band = Band(0, height, "<picture>", erases=erases, repair=broken.append)
    return band, broken


def test_a_line_is_half_blocks_until_the_picture_was_sent() -> None:
    band, _ = make_band(2)
    first, last = strips(band, 2)
    assert "48;2;200;200;200" in first.render(TRUECOLOR)
    band.shown = True
    assert "48;2" not in first.render(TRUECOLOR)
    written = last.render(TRUECOLOR)
    assert "\x1b[1A<picture>" in written
    assert written.endswith("right")


def test_a_cut_line_is_half_blocks_and_so_is_its_whole_band() -> None:
    band, _ = make_band(2)
    first, last = strips(band, 2)
    band.shown = True
    left, _right = first.divide([3, first.cell_length])
    assert "48;2;200;200;200" in left.render(TRUECOLOR)
    assert "<picture>" not in last.render(TRUECOLOR)
    first.divide([first.cell_length])
    assert "<picture>" in last.render(TRUECOLOR)


def test_a_line_written_without_the_last_is_repaired() -> None:
    band, broken = make_band(3)
    first, _, last = strips(band, 3)
    band.shown = True
    first.render(TRUECOLOR)
    assert broken == [band]
    assert band.broken
    last.render(TRUECOLOR)
    assert not band.broken


def test_a_line_cropped_for_an_update_is_repaired() -> None:
    band, broken = make_band(1)
    (line,) = strips(band, 1)
    band.shown = True
    assert line.crop(0, line.cell_length) is line
    assert not broken
    assert "<picture>" not in line.crop(0, 2).render(TRUECOLOR)
    assert broken == [band]


def test_placeholders_need_no_erasing() -> None:
    band, _ = make_band(1, erases=True)
    (line,) = strips(band, 1, before=2)
    band.shown = True
    assert line.render(TRUECOLOR) == "  <picture>right"


def test_joined_lines_are_half_blocks() -> None:
    """Behind a dialog, Textual joins and dims what lies below."""
    band, _ = make_band(1)
    (line,) = strips(band, 1)
    band.shown = True
    assert "<picture>" not in Strip.join([line]).render(TRUECOLOR)


class Stamp(Strip):
    """A strip with a writing of its own."""

    def render(self, console: Console) -> str:
        return "<stamp>"


def test_joined_strips_keep_their_own_writing_where_they_are_cut_between() -> None:
    stamp = Stamp([Segment("abc")], 3)
    line = JoinedStrip([stamp, Strip([Segment("12")], 2), stamp])
    assert line.cell_length == 8
    assert line.text == "abc12abc"
    assert line.render(TRUECOLOR) == "<stamp>12<stamp>"
    assert [piece.render(TRUECOLOR) for piece in line.divide([3, 8])] == ["<stamp>", "12<stamp>"]
    assert [piece.render(TRUECOLOR) for piece in line.divide([8])] == ["<stamp>12<stamp>"]
    assert [piece.render(TRUECOLOR) for piece in line.divide([5])] == ["<stamp>12"]
    pieces = line.divide([2, 4, 8])
    assert [piece.render(TRUECOLOR) for piece in pieces] == ["ab", "c1", "2abc"]


# caches


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache: ByteCache[str] = ByteCache(10)
    cache.put("a", "A", 4)
    cache.put("b", "B", 4)
    assert cache.get("a") == "A"
    cache.put("c", "C", 4)
    assert cache.get("b") is None
    assert cache.get("a") == "A"
    assert cache.held == 8


def test_the_cache_keeps_one_thing_however_large() -> None:
    cache: ByteCache[str] = ByteCache(10)
    cache.put("a", "A", 4)
    cache.put("b", "B", 400)
    assert cache.get("b") == "B"
    assert cache.get("a") is None
    assert cache.held == 400
