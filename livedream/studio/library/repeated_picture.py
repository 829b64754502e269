"""A picture as a live source."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from livedream.capture.source import Source
from livedream.frame import Frame
from livedream.image import read_still
from livedream.letterbox import letterbox

RATE = Fraction(25)
LARGEST = (1920, 1080)
"""A larger picture is shrunk to fit: it is composed again for each frame."""


class RepeatedPicture(Source):
    """Yields one picture at a constant rate, like a camera in front of it.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        pixel_aspect: width of a pixel over its height.
        name: what to call it.
    """

    live = True
    rate = RATE

    def __init__(self, pixels: np.ndarray, pixel_aspect: Fraction, name: str) -> None:
        height, width = pixels.shape[:2]
        share = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
        self.size = max(2, round(width * share)), max(2, round(height * share))
        self._pixels = letterbox(pixels, self.size)
        self.pixel_aspect = pixel_aspect
        self.name = name
        self._closed = threading.Event()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the picture in the file at `path`. Raises SourceError if it cannot be read."""
        still = read_still(path)
        return cls(still.pixels, still.pixel_aspect, path.name)

    def __iter__(self) -> Iterator[Frame]:
        began, index = time.monotonic(), -1
        while not self._closed.is_set():
            index = max(index + 1, int((time.monotonic() - began) * RATE))
            if self._closed.wait(max(0.0, began + float(index / RATE) - time.monotonic())):
                return
            yield Frame(self._pixels, Fraction(index) / RATE, index)

    def close(self) -> None:
        self._closed.set()
