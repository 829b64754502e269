"""The pixels of a window: a picture scaled to fit, centred on black."""

from fractions import Fraction

import cv2
import numpy as np

from livedream.letterbox import fitted_size
from livedream.pixel_aspect import SQUARE


class Canvas:
    """Composes pictures at the size of a window, into one array that is used again for each of them.

    OpenCV's windows scale with the nearest neighbour, and Qt surrounds a picture of another shape with #EFEFEF. A
    picture that has exactly the size of the window is shown pixel by pixel.
    """

    def __init__(self) -> None:
        self._pixels: np.ndarray = np.zeros((0, 0, 3), np.uint8)
        self._scaled: np.ndarray = np.zeros((0, 0, 3), np.uint8)

    def compose(self, picture: np.ndarray, size: tuple[int, int], pixel_aspect: Fraction = SQUARE) -> np.ndarray:
        """Return the picture as large as it fits into the window, undistorted.

        Args:
            picture: uint8 RGB (h, w, 3).
            size: (width, height) of the window in pixels.
            pixel_aspect: width of a pixel of the picture over its height; those of the window are square.

        Returns:
            uint8 BGR (height, width, 3), valid until the next call. The caller may draw on it.
        """
        width, height = size
        if self._pixels.shape[:2] != (height, width):
            self._pixels = np.zeros((height, width, 3), np.uint8)
        inner = fitted_size((picture.shape[1], picture.shape[0]), size, pixel_aspect)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        right, bottom = left + inner[0], top + inner[1]
        # Text may have been drawn on the bars.
        for bar in (self._pixels[:top], self._pixels[bottom:], self._pixels[:, :left], self._pixels[:, right:]):
            bar[...] = 0
        self._scale(picture, self._pixels[top:bottom, left:right])
        return self._pixels

    def _scale(self, picture: np.ndarray, target: np.ndarray) -> None:
        """Write `picture`, RGB, into `target`, BGR, in the size of that."""
        picture = _reduced(picture, target.shape)
        if picture.shape == target.shape:
            cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=target)
            return
        # The channels are swapped where the picture is smaller.
        size = target.shape[1], target.shape[0]
        if target.size < picture.size:
            self._scaled = cv2.resize(picture, size, dst=self._sized(target), interpolation=cv2.INTER_LINEAR)
            cv2.cvtColor(self._scaled, cv2.COLOR_RGB2BGR, dst=target)
        else:
            self._scaled = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=self._sized(picture))
            cv2.resize(self._scaled, size, dst=target, interpolation=cv2.INTER_LINEAR)

    def _sized(self, other: np.ndarray) -> np.ndarray:
        """Return an array for an intermediate picture of the size of `other`, the last one if it has that size."""
        return self._scaled if self._scaled.shape == other.shape else np.empty(other.shape, np.uint8)


def _reduced(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the picture smaller by whole factors, less than twice as high and wide as `shape`, or `picture` itself.

    Linear interpolation skips pixels from a factor of 2 on. Area interpolation by a factor that is no whole number
    takes ten times as long: 30 ms from 1920x1080 to 1280x720 on one core, and linear interpolation 2 ms.
    """
    down, across = max(1, picture.shape[0] // shape[0]), max(1, picture.shape[1] // shape[1])
    if down == across == 1:
        return picture
    height, width = picture.shape[0] // down, picture.shape[1] // across
    return cv2.resize(picture[: height * down, : width * across], (width, height), interpolation=cv2.INTER_AREA)
