"""A camera that nobody owns, whose pixels say which frame they are and of when; and who reads that back."""

import threading
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from livedream.capture.source import Source
from livedream.frame import Frame
from livedream.sink.sink import Sink

_BITS = 48
_BLOCK = 8
"""A bit is two squares of so many pixels, one above the other: white on black is 1, black on white is 0. A deep dream
turns black into grey, but hardly the brighter one into the darker.
"""
SMALLEST = _BITS * _BLOCK, 4 * _BLOCK
"""(width, height) that a frame needs at least, in pixels."""

_places = 1 << np.arange(_BITS, dtype=np.int64)


class Stamp(NamedTuple):
    number: int
    moment: float
    """Seconds, to the microsecond, by time.perf_counter."""


def write_stamp(pixels: np.ndarray, stamp: Stamp) -> None:
    """Write `stamp` into the upper left corner of `pixels`, uint8 (h, w, 3), at least SMALLEST."""
    for row, number in enumerate((stamp.number, round(stamp.moment * 1e6))):
        bits = ((number & _places) != 0).astype(np.uint8) * 255
        for place, squares in ((2 * row, bits), (2 * row + 1, 255 - bits)):
            pixels[place * _BLOCK : (place + 1) * _BLOCK, : _BITS * _BLOCK] = np.repeat(squares, _BLOCK)[None, :, None]


def read_stamp(pixels: np.ndarray) -> Stamp:
    """Return what `write_stamp` wrote."""
    middle = _BLOCK // 2
    lines = pixels[middle : 4 * _BLOCK : _BLOCK, middle : _BITS * _BLOCK : _BLOCK].mean(axis=2)
    index, microseconds = (
        int(_places[upper > lower].sum()) for upper, lower in zip(lines[::2], lines[1::2], strict=True)
    )
    return Stamp(index, microseconds / 1e6)


class StampedCamera(Source):
    """Shows `pictures`, uint8 (h, w, 3), in turn, at `rate` frames per second, for `seconds`."""

    live = True

    def __init__(self, pictures: Sequence[np.ndarray], rate: int, seconds: float) -> None:
        height, width = pictures[0].shape[:2]
        if width < SMALLEST[0] or height < SMALLEST[1]:
            raise ValueError(f"a stamp needs {SMALLEST[0]}x{SMALLEST[1]} pixels, got {width}x{height}")
        self.name, self.size, self.rate = "stamped camera", (width, height), Fraction(rate)
        self._pictures = pictures
        self._count = round(rate * seconds)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        began = time.perf_counter()
        step = float(1 / (self.rate or 1))
        for index in range(self._count):
            if self._stopped.wait(max(0.0, began + index * step - time.perf_counter())):
                return
            pixels = self._pictures[index % len(self._pictures)].copy()
            write_stamp(pixels, Stamp(index, time.perf_counter()))
            yield Frame(pixels, Fraction(index) / (self.rate or 1), index)

    def close(self) -> None:
        self._stopped.set()


class AgeSink(Sink):
    """Reads from each frame how old it is, as a window would show it."""

    name = "ages"
    live = True

    def __init__(self) -> None:
        self.ages: list[float] = []
        """Seconds, of each frame in order."""
        self.arrived: list[float] = []
        """When each came, by time.perf_counter."""

    def write(self, frame: Frame) -> None:
        now = time.perf_counter()
        self.arrived.append(now)
        self.ages.append(now - read_stamp(frame.pixels).moment)

    def close(self) -> None:
        pass
