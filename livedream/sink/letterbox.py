"""A picture of any size, and any shape of its pixels, made to fit what is given."""

from fractions import Fraction

import cv2
import numpy as np

from livedream.pixel_aspect import SQUARE


def letterbox(pixels: np.ndarray, size: tuple[int, int], pixel_aspect: Fraction = SQUARE) -> np.ndarray:
    """Return the picture as large as it fits into `size`, whole and undistorted, in the middle of black.

    pixels: uint8 RGB (h, w, 3). size: (width, height) in pixels, which are square. pixel_aspect: width of a pixel of
    `pixels` over its height. Returns uint8 RGB (height, width, 3); `pixels` itself when it fits as it is.
    """
    width, height = size
    was_height, was_width = pixels.shape[:2]
    if (was_width, was_height) == size and pixel_aspect == SQUARE:
        return pixels
    across = was_width * float(pixel_aspect)
    scale = min(width / across, height / was_height)
    inner = max(1, round(across * scale)), max(1, round(was_height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=interpolation)
    return fitted


def square_size(size: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """Return the size of a picture once its pixels are square: it grows in one way, and shrinks in none."""
    width, height = size
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def squared(pixels: np.ndarray, pixel_aspect: Fraction) -> np.ndarray:
    """Return the picture with square pixels: `pixels` itself when they are."""
    if pixel_aspect == SQUARE:
        return pixels
    size = square_size((pixels.shape[1], pixels.shape[0]), pixel_aspect)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
