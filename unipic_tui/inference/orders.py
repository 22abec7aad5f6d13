"""In which order the tokens of a picture appear."""

from __future__ import annotations

import torch
from torch import Tensor


def spread_order(rows: int, columns: int) -> Tensor:
    """The tokens of a grid in an order whose every beginning is spread evenly over the picture.

    It is the order of thresholds in ordered dithering (Bayer 1973): each fourth of the picture gets
    a token before any gets two, and so on within each. Even coverage also served masked image
    models better than chance did (Besnier et al. 2025, who use the Halton sequence).

    Returns:
        (rows · columns,) indices in raster order, the first to appear first.
    """
    down, across = torch.arange(rows)[:, None], torch.arange(columns)
    place = torch.zeros(rows, columns, dtype=torch.long)
    for _ in range(max(rows, columns).bit_length()):
        # Of four neighbours the upper left one comes first, then the one across from it; what
        # tells apart the nearest neighbours weighs most.
        place = 4 * place + 2 * ((down ^ across) & 1) + (down & 1)
        down, across = down >> 1, across >> 1
    return place.flatten().argsort()
