"""The pictures that a kitty terminal holds for one view: sent once, freed when no longer seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

from unipic_tui.terminal import kitty
from unipic_tui.terminal.throttle import TerminalWriter


class KittyImages:
    """What was sent and not freed.

    Args:
        writer: writes to the terminal.
        in_tmux: wrap what is sent, so that tmux passes it on.
        keep: how many to hold; those seen last.
    """

    def __init__(self, writer: TerminalWriter, in_tmux: bool, keep: int = 1) -> None:
        self.keep = keep
        self._writer = writer
        self._wrap = in_tmux
        self._ids: OrderedDict[Hashable, int] = OrderedDict()

    def get(self, key: Hashable) -> int | None:
        """The id of a picture that the terminal holds."""
        return self._ids.get(key)

    async def send(
        self,
        key: Hashable,
        pieces: list[str],
        columns: int,
        rows: int,
        given_up: Callable[[], bool],
    ) -> int | None:
        """Give the terminal a picture.

        Args:
            key: to find it again.
            pieces: as `kitty.encode_png` makes them.
            columns, rows: the cells it will fill.
            given_up: asked between two parts; the rest is not sent once it says so.

        Returns:
            Its id, or None if it was given up.
        """
        picture = kitty.new_id()
        complete = False

        def sequences() -> Iterator[str]:
            nonlocal complete
            for sequence in kitty.transmission(pieces, picture, columns, rows):
                if given_up():
                    return
                yield self._sequence(sequence)
            complete = True

        async with self._writer.transmission():
            try:
                await self._writer.send(sequences())
            except BaseException:
                complete = False
                raise
            finally:
                if not complete:
                    self._writer.write(self._sequence(kitty.abandon(picture)), now=True)
        if not complete:
            return None
        self._ids[key] = picture
        return picture

    def seen(self, key: Hashable) -> None:
        """A picture is what is seen now: free those that were seen longest ago."""
        self._ids.move_to_end(key)
        while len(self._ids) > self.keep:
            self._free(self._ids.popitem(last=False)[1])

    def forget(self) -> None:
        """The terminal holds nothing any more, or shall be sent everything again."""
        while self._ids:
            self._free(self._ids.popitem()[1])

    def _free(self, picture: int) -> None:
        self._writer.write(self._sequence(kitty.free(picture)))

    def _sequence(self, sequence: str) -> str:
        return kitty.wrapped_for_tmux(sequence) if self._wrap else sequence
