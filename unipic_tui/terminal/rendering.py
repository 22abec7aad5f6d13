"""Decoding, scaling and encoding of pictures: off the event loop, and only once."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import numpy as np
from PIL import Image
from rich.console import Console
from textual.strip import Strip

from unipic_tui.terminal import kitty, sixel
from unipic_tui.terminal.geometry import Box, Pair, Zoom, visible_part
from unipic_tui.terminal.halfblocks import half_block_pixels, half_block_strips
from unipic_tui.terminal.sources import PictureSource

_T = TypeVar("_T")

DECODED_BYTES = 96 << 20
ENCODED_BYTES = 48 << 20


class Lane:
    """A thread that does one piece of work after another; it never keeps the program alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: queue.SimpleQueue[tuple[Future[object], Callable[[], object]]] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """What ``work`` returns or raises; cancelled before its turn, it is never begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()
        future: Future[_T] = Future()
        self._work.put((future, work))  # type: ignore[arg-type]
        return await asyncio.wrap_future(future)

    def _loop(self) -> None:
        while True:
            future, work = self._work.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del future, work  # what they hold is large, and the next work may be long in coming


class ByteCache(Generic[_T]):
    """Keeps what was used last, up to so many bytes; for one thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._items: OrderedDict[Hashable, tuple[_T, int]] = OrderedDict()

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        return self._held

    def get(self, key: Hashable) -> _T | None:
        """What was kept under the key, if it still is."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: _T, size: int) -> None:
        """Keep it, in place of what was used longest ago."""
        replaced = self._items.pop(key, None)
        if replaced is not None:
            self._held -= replaced[1]
        self._items[key] = (value, size)
        self._held += size
        while self._held > self._limit and len(self._items) > 1:
            _, (_, freed) = self._items.popitem(last=False)
            self._held -= freed


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A part of a picture at the size it is shown, with its half blocks.

    Attributes:
        source: the picture it is of.
        identity: the source's, when the shot was taken.
        columns, rows: its size in cells.
        picture: the whole picture's size in pixels.
        box: the part of it.
        pixels: colours, two rows a line of cells, (2 x rows, columns, 3), uint8.
        strips: the half blocks.
    """

    source: PictureSource
    identity: Hashable
    columns: int
    rows: int
    picture: Pair
    box: Box
    pixels: np.ndarray
    strips: list[Strip]

    @property
    def key(self) -> Hashable:
        """Tells what is seen from every other shot."""
        return (self.identity, self.box, self.columns, self.rows)


@dataclass(frozen=True, slots=True)
class Look:
    """How a shot is encoded.

    Attributes:
        protocol: ``kitty`` or ``sixel``.
        cell: a cell's size in pixels.
        colours: at most so many; 0 for all.
        dither: mix colours dot by dot where none is right.
        bands: into how many parts a sixel picture is cut at most.
    """

    protocol: str
    cell: Pair
    colours: int
    dither: bool
    bands: int = sixel.MAX_BANDS


class Renderer:
    """Decodes, scales and encodes; all methods run in the lane ``views``."""

    def __init__(self) -> None:
        self.views = Lane("unipic-pictures")
        self.thumbnails = Lane("unipic-thumbnails")
        self._decoded: ByteCache[Image.Image] = ByteCache(DECODED_BYTES)
        self._encoded: ByteCache[list[str]] = ByteCache(ENCODED_BYTES)

    def shoot(
        self, source: PictureSource, area: Pair, cell: Pair, zoom: Zoom, console: Console
    ) -> Shot:
        """The part of a picture that a view of ``area`` cells shows.

        Raises:
            UnipicError: the picture cannot be read.
        """
        identity = source.identity()
        image = self._image(source, identity)
        box, (columns, rows) = visible_part(image.size, area, cell, zoom)
        pixels = half_block_pixels(image.crop(box), columns, rows)
        strips = half_block_strips(pixels, console)
        return Shot(source, identity, columns, rows, image.size, box, pixels, strips)

    def png(self, shot: Shot, look: Look) -> list[str]:
        """The shot as kitty wants it, no larger than the picture: the terminal enlarges."""
        pieces = self.kept(shot, look)
        if pieces is None:
            part = self._image(shot.source, shot.identity).crop(shot.box)
            size = _pixel_size(shot, look.cell)
            if part.width > size[0] or part.height > size[1]:
                part = part.resize(size, Image.Resampling.LANCZOS)
            if look.colours:
                part = sixel.reduce_colours(part, look.colours, dither=look.dither)
            pieces = kitty.encode_png(part)
            self.keep(shot, look, pieces)
        return pieces

    def scaled_for_sixels(self, shot: Shot, look: Look) -> Image.Image:
        """The shot in the terminal's pixels, with a palette."""
        part = self._image(shot.source, shot.identity).crop(shot.box)
        scaled = part.resize(_pixel_size(shot, look.cell), Image.Resampling.LANCZOS)
        return sixel.reduce_colours(scaled, look.colours, dither=look.dither)

    def kept(self, shot: Shot, look: Look) -> list[str] | None:
        """The shot's parts, encoded, if `keep` kept them."""
        return self._encoded.get((shot.key, look))

    def keep(self, shot: Shot, look: Look, parts: list[str]) -> None:
        """Keep the encoded parts of a shot that may be needed again."""
        if shot.source.lasting:
            self._encoded.put((shot.key, look), parts, sum(map(len, parts)))

    def _image(self, source: PictureSource, identity: Hashable) -> Image.Image:
        if not source.lasting:
            return source.load()
        image = self._decoded.get(identity)
        if image is None:
            image = source.load()
            self._decoded.put(identity, image, image.width * image.height * 3)
        return image


def _pixel_size(shot: Shot, cell: Pair) -> Pair:
    return shot.columns * cell[0], shot.rows * cell[1]


@cache
def renderer() -> Renderer:
    """The renderer of this process."""
    return Renderer()
