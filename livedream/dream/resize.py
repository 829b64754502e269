"""From a frame to the working size, and from the working size back to the frame."""

import cv2
import numpy as np

from livedream.dream.octaves import Size


def shrink(pixels: np.ndarray, size: Size) -> np.ndarray:
    """Return `pixels`, uint8 (h, w, 3), at `size` (height, width), each new pixel the mean of those it covers."""
    if pixels.shape[:2] == size:
        return pixels
    smaller = size[0] <= pixels.shape[0] and size[1] <= pixels.shape[1]
    return cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def compose(pixels: np.ndarray, residual: np.ndarray, strength: float) -> np.ndarray:
    """Return `pixels` with the dream added at their full size, so that no detail of the source is lost.

    pixels: uint8 (h, w, 3); not changed.
    residual: int16 (working height, working width, 3), dream minus frame; brought to the size of `pixels` here.
    strength: how much of it is added; 0 returns `pixels` as they are.
    """
    if strength == 0:
        return pixels
    if strength != 1:
        residual = cv2.multiply(residual, np.full(4, strength))
    grown = cv2.resize(residual, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.add(pixels, grown, dtype=cv2.CV_8U)
