"""Test photographs: those that the wheel of scikit-image contains."""

import cv2
import numpy as np

from livedream.errors import ArgumentError

NAMES = (
    *("astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "grass", "gravel", "hubble_deep_field", "retina"),
)


def load_photograph(name: str) -> np.ndarray:
    """Return the photograph `name`, one of NAMES, as uint8 RGB (h, w, 3).

    Raises:
        ArgumentError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise ArgumentError("measuring looks needs scikit-image", "pip install 'livedream[test]'") from error
    pixels = getattr(data, name)()
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])


def resize_and_crop(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the center of `image`, uint8 (h, w, 3), resized to fill `size` (width, height)."""
    width, height = size
    scale = max(width / image.shape[1], height / image.shape[0])
    full_width, full_height = max(round(image.shape[1] * scale), width), max(round(image.shape[0] * scale), height)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(image, (full_width, full_height), interpolation=interpolation)
    top, left = (full_height - height) // 2, (full_width - width) // 2
    return np.ascontiguousarray(resized[top : top + height, left : left + width])
