"""Fits an image of any shape into a given size, undistorted."""

from fractions import Fraction

import cv2
import numpy as np


def letterbox(pixels: np.ndarray, size: tuple[int, int], aspect: Fraction = Fraction(1)) -> np.ndarray:
    """Return the whole image as large as it fits into `size`, undistorted, centred on black.

    Args:
        pixels: uint8 RGB (h, w, 3).
        size: The (width, height) of the result in pixels.
        aspect: The width of a pixel of `pixels` divided by that of a pixel of the result, both of height 1. For an
            image with pixels of 64:45 in a video with pixels of 16:15 it is 4:3.

    Returns:
        uint8 RGB (height, width, 3); `pixels` itself if it already has that size and shape.
    """
    height, width = pixels.shape[:2]
    if (width, height) == size and aspect == 1:
        return pixels
    inner = fitted_size((width, height), size, aspect)
    shrinks = inner[0] * inner[1] < width * height
    scaled = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if inner == size:
        return scaled
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    fitted = np.zeros((size[1], size[0], 3), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = scaled
    return fitted


def fitted_size(image_size: tuple[int, int], size: tuple[int, int], aspect: Fraction = Fraction(1)) -> tuple[int, int]:
    """Return the (width, height) of an image that is made as large as it fits into `size`.

    A bar of one pixel would be due only to rounding, so such an image fills the size.

    Args:
        image_size: (width, height) of the image in pixels.
        size: (width, height) into which it must fit.
        aspect: See `letterbox`.
    """
    shape = image_size[0] * aspect, Fraction(image_size[1])
    scale = min(size[0] / shape[0], size[1] / shape[1])
    width, height = (max(1, round(side * scale)) for side in shape)
    return (
        size[0] if size[0] - width <= 1 else width,
        size[1] if size[1] - height <= 1 else height,
    )
