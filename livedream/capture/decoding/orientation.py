"""How a recording must be turned to stand upright."""

import numpy as np


class Orientation:
    """How a picture is turned and mirrored so that it stands upright.

    matrix: (3, 3), the display matrix of the file: x' = a*x + c*y, y' = b*x + d*y with y downwards (ISO/IEC 14496-12).
    """

    def __init__(self, matrix: np.ndarray) -> None:
        (a, b, _), (c, d, _), _ = matrix.tolist()
        self.transposed = abs(b) > abs(a)
        """Whether width and height change places."""
        self._mirrored = (c if self.transposed else a) < 0
        self._upside_down = (b if self.transposed else d) < 0

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Return the picture (height, width, 3) upright, contiguous."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self._mirrored:
            pixels = pixels[:, ::-1]
        if self._upside_down:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)
