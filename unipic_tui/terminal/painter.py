"""Gets one picture onto a canvas: half blocks at once, then what the terminal's protocol can do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from PIL.Image import Image
from textual.strip import Strip

from unipic_tui.errors import UnipicError
from unipic_tui.terminal import kitty, sixel
from unipic_tui.terminal.canvas import Canvas
from unipic_tui.terminal.capabilities import cell_size, in_tmux, terminal_answers
from unipic_tui.terminal.geometry import FITTED, Pair, Zoom, fit_cells
from unipic_tui.terminal.halfblocks import half_block_strips
from unipic_tui.terminal.kitty_images import KittyImages
from unipic_tui.terminal.rendering import Look, Shot, renderer
from unipic_tui.terminal.sources import ImageSource, PictureSource
from unipic_tui.terminal.strips import Band
from unipic_tui.terminal.throttle import writer_of

_T = TypeVar("_T")

_UNNOTICED = 4_096
"""Bytes that no line takes long for."""
_FEW_COLOURS = 64
"""For a slow line: half the bytes of 256."""
_NOT_SHOWN = "Pictures are turned off."


Overlay = Callable[[np.ndarray], np.ndarray]
"""Draws over the pixels of half blocks: (height, width, 3), uint8, to the same."""


@dataclass(frozen=True, slots=True)
class PaintRequest:
    """What to show.

    Attributes:
        source: the picture; ``None`` for none.
        protocol: ``kitty``, ``sixel``, ``blocks`` or ``none``.
        zoom: the part of it.
        overlay: drawn over the picture, or over black where there is none. It makes the picture
            one of half blocks on every terminal, because it changes with every key.
        shape: width and height that the overlay has without a picture, in any unit; only their
            ratio counts.
        note: a line of text below the picture.
    """

    source: PictureSource | None = None
    protocol: str = "blocks"
    zoom: Zoom = FITTED
    overlay: Overlay | None = None
    shape: Pair | None = None
    note: str = ""


class Painter:
    """Fulfils the latest request; of wishes that come while one is being fulfilled, only the last.

    Everything that takes time happens in the renderer's thread, and what is sent is sent in parts
    that leave room for typing.

    Args:
        canvas: where to paint, mounted.
        shown: called with the picture's size in pixels when a picture is there as well as it can.
        keep: how many pictures a kitty terminal may hold for this painter.
    """

    def __init__(self, canvas: Canvas, shown: Callable[[Pair], None], keep: int = 1) -> None:
        self._canvas = canvas
        self._shown = shown
        self._writer = writer_of(canvas.app)
        self._kitty_images = KittyImages(self._writer, in_tmux(), keep)
        self._request = PaintRequest()
        self._shot: Shot | None = None
        self._wake = asyncio.Event()
        self._version = 0

    def ask(self, request: PaintRequest, *, give_up: bool = True) -> None:
        """Have something painted.

        Args:
            request: what.
            give_up: leave unfinished what is being painted now, instead of finishing it first.
        """
        self._request = request
        if give_up:
            self._version += 1
        self._wake.set()

    def free(self) -> None:
        """Have the terminal forget the pictures."""
        self._kitty_images.forget()
        for band in self._canvas.bands:
            if band.erases:  # placeholders of pictures that are no more
                band.shown = False

    def forget_sent(self) -> None:
        """The whole screen will be written again: on a slow line, with half blocks at first."""
        if self._writer.slow:
            for band in self._canvas.bands:
                band.shown = band.shown and band.erases

    async def run(self) -> None:
        """Paint until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._canvas.size or not self._canvas.is_on_screen:
                continue
            try:
                await self._paint(self._request, self._version)
            except UnipicError as error:
                self._shot = None
                self._canvas.say(error.message)

    async def _paint(self, request: PaintRequest, version: int) -> None:
        if request.protocol == "none":
            self._canvas.say(_NOT_SHOWN if request.source else "")
            return
        if request.source is None:
            await self._paint_alone(request, version)
            return
        cell = cell_size()
        console = self._canvas.app.console
        shot = await self._run(
            partial(
                renderer().shoot, request.source, self._room(request), cell, request.zoom, console
            )
        )
        if self._outdated(version):
            return
        if overlay := request.overlay:
            strips = await self._run(lambda: half_block_strips(overlay(shot.pixels), console))
            await self._show(shot, strips, [], version, request.note)
        elif self._writer.slow and not shot.source.lasting:
            # Several previews of half blocks tell more than one that is sharp.
            await self._show(shot, shot.strips, [], version)
        elif request.protocol == "kitty" and max(shot.columns, shot.rows) <= kitty.MAX_LINES:
            await self._paint_kitty(shot, cell, version)
        elif request.protocol == "sixel":
            await self._paint_sixels(shot, cell, version)
        else:
            await self._show(shot, shot.strips, [], version)
        if not self._outdated(version):
            self._shown(shot.picture)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await renderer().views.run(work)

    def _outdated(self, version: int) -> bool:
        return version != self._version

    def _room(self, request: PaintRequest) -> Pair:
        """Cells for the picture; a line is left for the note."""
        width, height = self._canvas.size
        limit = terminal_answers().sixel_width
        if request.protocol == "sixel" and limit and request.overlay is None:
            width = max(1, min(width, limit // cell_size()[0]))
        return width, max(1, height - 1 if request.note else height)

    async def _show(
        self,
        shot: Shot | None,
        strips: Sequence[Strip],
        bands: list[Band],
        version: int,
        note: str = "",
    ) -> None:
        """Have the lines written that change, as many at a time as the line carries."""
        self._shot = shot
        self._canvas.show(strips, bands, note)
        unsent: list[int] = []
        size = 0
        changed = self._canvas.changed_lines()
        for y, weight in changed:
            unsent.append(y)
            size += weight
            if size < self._writer.part and y != changed[-1][0]:
                continue
            for line in unsent:
                self._canvas.write(line, 1)
            await self._displayed()
            if self._outdated(version):
                return
            if size > _UNNOTICED:
                await self._writer.settle(size)
            unsent, size = [], 0

    async def _paint_alone(self, request: PaintRequest, version: int) -> None:
        overlay = request.overlay
        if overlay is None or request.shape is None:
            self._shot = None
            self._canvas.say("")
            return
        columns, rows = fit_cells(request.shape, self._room(request), cell_size())
        console = self._canvas.app.console

        def draw() -> list[Strip]:
            return half_block_strips(overlay(np.zeros((2 * rows, columns, 3), np.uint8)), console)

        await self._show(None, await self._run(draw), [], version)

    async def _paint_kitty(self, shot: Shot, cell: Pair, version: int) -> None:
        picture = self._kitty_images.get(shot.key)
        if picture is None:
            # A palette makes a quarter of the bytes.
            look = Look("kitty", cell, 256 if self._writer.slow else 0, dither=False)
            encode = partial(renderer().png, shot, look)
            async with self._meanwhile(encode) as encoding:
                if not self._replaces_preview(shot):
                    await self._show(shot, shot.strips, [], version)
                pieces = await encoding
            if self._outdated(version):
                return
            picture = await self._kitty_images.send(
                shot.key, pieces, shot.columns, shot.rows, lambda: self._outdated(version)
            )
            if picture is None:
                return
        bands = []
        for row in range(shot.rows):
            cells = kitty.placeholder_line(picture, row, shot.columns)
            bands.append(self._canvas.band(row, 1, cells, erases=True))
            bands[-1].shown = True
        await self._show(shot, shot.strips, bands, version)
        self._kitty_images.seen(shot.key)

    @contextlib.asynccontextmanager
    async def _meanwhile(self, work: Callable[[], _T]) -> AsyncIterator[asyncio.Task[_T]]:
        """Has work begun now whose result is needed a little later, or not at all."""
        task = asyncio.create_task(self._run(work))
        try:
            yield task
        finally:
            task.cancel()

    def _replaces_preview(self, shot: Shot) -> bool:
        """Whether a preview of the same size is there, which may stay until this one is sent."""
        before = self._shot
        return (
            before is not None
            and isinstance(before.source, ImageSource)
            and (before.columns, before.rows) == (shot.columns, shot.rows)
            and bool(self._canvas.bands)
        )

    async def _paint_sixels(self, shot: Shot, cell: Pair, version: int) -> None:
        colours = terminal_answers().colours
        if self._writer.slow:
            colours = min(colours, _FEW_COLOURS)
        beside = [canvas for canvas in self._canvas.screen.query(Canvas) if canvas.is_on_screen]
        look = Look(
            "sixel",
            cell,
            colours,
            dither=shot.source.lasting and not self._writer.slow,
            bands=sixel.MAX_BANDS // max(1, len(beside)),
        )
        bands = [
            self._canvas.band(top, height, "", erases=False)
            for top, height in sixel.band_lines(shot.rows, look.bands)
        ]
        async with self._meanwhile(partial(_begun, shot, look)) as beginning:
            await self._show(shot, shot.strips, bands, version)
            kept, image = await beginning
        if self._outdated(version):
            return
        unsent: list[Band] = []
        for index, band in enumerate(bands):
            if kept is not None:
                band.sequence = kept[index]
            elif image is not None:
                top, height = band.top * cell[1], band.height * cell[1]
                encode = partial(sixel.encode_band, image, top, height, colours)
                band.sequence = await self._run(encode)
            if self._outdated(version):
                return
            unsent.append(band)
            if sum(len(band.sequence) for band in unsent) >= self._writer.part or band is bands[-1]:
                await self._send(unsent)
                unsent = []
        sequences = [band.sequence for band in bands]
        await self._run(partial(renderer().keep, shot, look, sequences))

    async def _send(self, bands: list[Band]) -> None:
        for band in bands:
            band.shown = True
            self._canvas.write_band(band)
        await self._displayed()
        await self._writer.settle(sum(len(band.sequence) for band in bands))

    async def _displayed(self) -> None:
        """Wait until what was changed has been written."""
        written = asyncio.Event()
        self._canvas.call_after_refresh(written.set)
        with contextlib.suppress(TimeoutError):  # a screen that is not seen is not written
            await asyncio.wait_for(written.wait(), 1.0)


def _begun(shot: Shot, look: Look) -> tuple[list[str] | None, Image | None]:
    """The bands as they were made before, or what to make them from."""
    kept = renderer().kept(shot, look)
    return kept, None if kept else renderer().scaled_for_sixels(shot, look)
