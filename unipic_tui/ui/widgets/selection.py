"""A rectangle of tokens that is being chosen."""

from __future__ import annotations

from unipic_tui.job_parts import Region


class Selection:
    """Moves and grows a rectangle within a token grid.

    It starts in the middle, half as wide and high as the grid.

    Args:
        rows, columns: the grid, each at least 1.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        width, height = max(1, columns // 2), max(1, rows // 2)
        self.region = Region((columns - width) // 2, (rows - height) // 2, width, height)

    def move(self, right: int, down: int) -> None:
        """Move it by tokens, as far as the grid goes."""
        region = self.region
        x = min(max(0, region.x + right), self.columns - region.width)
        y = min(max(0, region.y + down), self.rows - region.height)
        self.region = Region(x, y, region.width, region.height)

    def grow(self, right: int, down: int) -> None:
        """Move its lower right corner by tokens; it keeps at least one."""
        region = self.region
        width = min(max(1, region.width + right), self.columns - region.x)
        height = min(max(1, region.height + down), self.rows - region.y)
        self.region = Region(region.x, region.y, width, height)

    def span(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Make it reach from one token to another, both included.

        Args:
            start, end: column and row; outside of the grid, the nearest token counts.
        """
        (left, right) = sorted(min(max(0, at), self.columns - 1) for at in (start[0], end[0]))
        (top, bottom) = sorted(min(max(0, at), self.rows - 1) for at in (start[1], end[1]))
        self.region = Region(left, top, right - left + 1, bottom - top + 1)
