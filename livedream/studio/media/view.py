"""What part of a frame a page shows, and how large."""

from dataclasses import dataclass

import cv2
import numpy as np

from livedream.frame import Frame

SMALLEST = 16
"""The least width that a page may ask for, in pixels."""


@dataclass(frozen=True, slots=True)
class View:
    """How a page looks at the dream.

    Args:
        split: the share of the width, from the left, that shows the picture before the dream; 0 to 1.
        width: the greatest width in pixels; None for no limit.
    """

    split: float = 0.0
    width: int | None = None


def render(frame: Frame, view: View) -> np.ndarray:
    """Return the picture of a frame in a view, with even width and height as video encoders need it.

    Args:
        frame: dreamt, with the picture before the dream where the view splits.
        view: see View.

    Returns:
        RGB, uint8, shape (height, width, 3). It may be the array of the frame itself: do not write into it.
    """
    size = view_size(frame.size, view.width)
    edge = round(min(max(view.split, 0.0), 1.0) * size[0]) if frame.source is not None else 0
    if frame.source is None or edge == 0:
        return _scaled(frame.pixels, size)
    source = _scaled(frame.source, size)
    if edge == size[0]:
        return source
    dream = _scaled(frame.pixels, size)
    return np.concatenate((source[:, :edge], dream[:, edge:]), axis=1)


def view_size(size: tuple[int, int], limit: int | None) -> tuple[int, int]:
    """Return the (width, height) of a picture of `size` that is at most `limit` pixels wide, both even, at least 2."""
    width, height = size
    if limit is not None and width > limit:
        width, height = max(limit, SMALLEST), round(height * max(limit, SMALLEST) / width)
    return max(2, width - width % 2), max(2, height - height % 2)


def _scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return `pixels` in a size. An odd row or column too much is cut off: scaling by one pixel would blur."""
    height, width = pixels.shape[:2]
    if 0 <= width - size[0] <= 1 and 0 <= height - size[1] <= 1:
        return pixels[: size[1], : size[0]]
    shrinks = size[0] * size[1] < width * height
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
