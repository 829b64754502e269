"""Rotation and mirroring by the display matrix of a recording."""

import numpy as np


class Orientation:
    """Rotates and mirrors frames so that they are upright.

    Args:
        matrix: (3, 3), the display matrix of the file: x' = a*x + c*y, y' = b*x + d*y, y downwards (ISO/IEC 14496-12).
    """

    def __init__(self, matrix: np.ndarray) -> None:
        (a, b, _), (c, d, _), _ = matrix.tolist()
        self.transposed = abs(b) > abs(a)
        """Whether width and height are exchanged."""
        self._mirrored = (c if self.transposed else a) < 0
        self._upside_down = (b if self.transposed else d) < 0

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Return a frame (height, width, 3) upright, as a contiguous array."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self._mirrored:
            pixels = pixels[:, ::-1]
        if self._upside_down:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)
