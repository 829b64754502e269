"""Photographs to measure with: scikit-image's, of which only those are used that its wheel contains."""

import cv2
import numpy as np

from livedream.errors import ArgumentError

NAMES = (
    *("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "grass", "gravel", "hubble_deep_field", "retina"),
)


def photograph(name: str) -> np.ndarray:
    """Return one of NAMES, uint8 RGB (h, w, 3). Raises ArgumentError without scikit-image."""
    try:
        from skimage import data
    except ImportError as error:
        raise ArgumentError("measuring looks needs scikit-image", "pip install 'livedream[test]'") from error
    pixels = getattr(data, name)()
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])


def fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the middle of `picture`, scaled to fill `size` (width, height)."""
    width, height = size
    scale = max(width / picture.shape[1], height / picture.shape[0])
    wide, high = max(round(picture.shape[1] * scale), width), max(round(picture.shape[0] * scale), height)
    scaled = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (high - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])
