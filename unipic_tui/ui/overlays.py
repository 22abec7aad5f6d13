"""Tokens drawn over a picture of half blocks: which are known, and which are chosen."""

from __future__ import annotations

import numpy as np

from unipic_tui.events import Progress
from unipic_tui.job_parts import Region

_DIMMED = 0.3
_UNKNOWN = np.array([[58, 60, 72], [44, 46, 56]], dtype=np.float32)
"""Two greys that alternate from token to token, so that each can be told from the next."""
_KNOWN = np.array([[86, 156, 214], [74, 138, 192]], dtype=np.float32)
_FRAME = np.array([255, 214, 64], dtype=np.float32)


def known_over(pixels: np.ndarray, progress: Progress) -> np.ndarray:
    """The picture where tokens are known, a chequered ground where they are not.

    Args:
        pixels: colours, (height, width, 3), uint8.
    """
    unknown = ~_known(pixels.shape[0], pixels.shape[1], progress)
    chequers = _chequers(pixels.shape[0], pixels.shape[1], progress.rows, progress.columns)
    covered: np.ndarray = pixels.copy()
    covered[unknown] = _UNKNOWN[chequers][unknown]
    return covered


def known_alone(pixels: np.ndarray, progress: Progress) -> np.ndarray:
    """The token grid without a picture: known tokens in one colour, the others in grey.

    Args:
        pixels: colours, (height, width, 3), uint8; only their size counts.
    """
    height, width = pixels.shape[:2]
    known = _known(height, width, progress)[..., None]
    chequers = _chequers(height, width, progress.rows, progress.columns)
    colours: np.ndarray = np.where(known, _KNOWN[chequers], _UNKNOWN[chequers])
    return colours.astype(np.uint8)


def region_over(pixels: np.ndarray, region: Region, rows: int, columns: int) -> np.ndarray:
    """The picture dimmed outside of a region, and the region framed.

    Args:
        pixels: colours, (height, width, 3), uint8.
        rows, columns: the token grid that covers the picture.
    """
    height, width = pixels.shape[:2]
    top, bottom = _span(region.y, region.height, rows, height)
    left, right = _span(region.x, region.width, columns, width)
    shown: np.ndarray = (pixels * _DIMMED).astype(np.uint8)
    inside = pixels[top:bottom, left:right].copy()
    # A frame needs room inside it, or a small region would be nothing but frame.
    if inside.shape[0] > 3 and inside.shape[1] > 3:
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            inside[edge] = _FRAME
    else:
        inside[...] = (inside * 0.4 + _FRAME * 0.6).astype(np.uint8)
    shown[top:bottom, left:right] = inside
    return shown


def _span(start: int, length: int, tokens: int, pixels: int) -> tuple[int, int]:
    """First and last pixel (excluded) that tokens cover, at least one."""
    first = start * pixels // tokens
    return first, max(first + 1, (start + length) * pixels // tokens)


def _known(height: int, width: int, progress: Progress) -> np.ndarray:
    grid = np.array(progress.known, dtype=bool).reshape(progress.rows, progress.columns)
    down, across = _token_indices(height, width, progress.rows, progress.columns)
    spread: np.ndarray = grid[down][:, across]
    return spread


def _chequers(height: int, width: int, rows: int, columns: int) -> np.ndarray:
    down, across = _token_indices(height, width, rows, columns)
    odd: np.ndarray = (down[:, None] + across[None, :]) % 2
    return odd


def _token_indices(
    height: int, width: int, rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(height) * rows // height, np.arange(width) * columns // width
