"""A picture of any size made to fit one that is given."""

import cv2
import numpy as np


def letterbox(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the picture as large as it fits into `size`, whole and undistorted, in the middle of black.

    pixels: uint8 RGB (h, w, 3). size: (width, height) in pixels. Returns uint8 RGB (height, width, 3); `pixels` itself
    when it has that size.
    """
    width, height = size
    was_height, was_width = pixels.shape[:2]
    if (was_width, was_height) == size:
        return pixels
    scale = min(width / was_width, height / was_height)
    inner = max(1, round(was_width * scale)), max(1, round(was_height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=interpolation)
    return fitted
