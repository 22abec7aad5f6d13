"""How a picture fits into cells, and which part of it a zoomed view shows."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]
"""Width and height: of pictures and cells in pixels, of areas in cells."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom excluded."""

MAX_ZOOM = 16.0


def fit_cells(picture: Pair, area: Pair, cell: Pair) -> Pair:
    """The largest whole number of cells with the picture's aspect ratio that fits.

    Args:
        picture: the picture's size in pixels.
        area: the room there is, in cells; both at least 1.
        cell: a cell's size in pixels.

    Returns:
        Columns and rows, each at least 1.
    """
    aspect = picture[0] * cell[1] / (picture[1] * cell[0])  # columns a row
    columns, rows = area
    if rows * aspect > columns:
        rows = min(area[1], max(1, round(columns / aspect)))
    # Columns are the finer of the two: they take up what rounding the rows left over.
    return max(1, min(columns, round(rows * aspect))), rows


@dataclass(frozen=True, slots=True)
class Zoom:
    """Where a view looks.

    Attributes:
        factor: how many times larger than fitted into the view, 1 to `MAX_ZOOM`.
        x, y: the centre of what is seen, as fractions of the picture's width and height.
    """

    factor: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def scaled(self, by: float) -> Zoom:
        """Nearer (above 1) or further away, the centre kept."""
        return Zoom(min(MAX_ZOOM, max(1.0, self.factor * by)), self.x, self.y)

    def moved(self, right: float, down: float) -> Zoom:
        """Moved by fractions of the view's width and height; never off the picture."""
        return Zoom(
            self.factor,
            min(1.0, max(0.0, self.x + right / self.factor)),
            min(1.0, max(0.0, self.y + down / self.factor)),
        )


FITTED = Zoom()


def visible_part(picture: Pair, area: Pair, cell: Pair, zoom: Zoom) -> tuple[Box, Pair]:
    """What a zoomed view shows, and how large.

    Args:
        picture: the picture's size in pixels.
        area: the room there is, in cells.
        cell: a cell's size in pixels.

    Returns:
        The part of the picture, and the columns and rows it takes.
    """
    width, height = picture
    if zoom.factor <= 1.0:
        return (0, 0, width, height), fit_cells(picture, area, cell)
    fitted = fit_cells(picture, area, cell)
    # Of the enlarged picture as much is seen as there is room for, in both directions.
    columns = min(area[0], round(fitted[0] * zoom.factor))
    rows = min(area[1], round(fitted[1] * zoom.factor))
    seen_width = max(1, min(width, round(width * columns / (fitted[0] * zoom.factor))))
    seen_height = max(1, min(height, round(height * rows / (fitted[1] * zoom.factor))))
    left = min(width - seen_width, max(0, round(zoom.x * width - seen_width / 2)))
    top = min(height - seen_height, max(0, round(zoom.y * height - seen_height / 2)))
    return (left, top, left + seen_width, top + seen_height), (columns, rows)
