"""A synthetic camera that stamps each frame with its number and capture time, and a sink that reads the stamp and
measures latency.
"""

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
"""Width and height of a block in pixels. A bit is two blocks, one above the other: white above black is 1, black above
white is 0. A deep dream turns black into grey, but hardly ever makes the darker block the brighter one.
"""
MIN_SIZE = _BITS * _BLOCK, 4 * _BLOCK
"""Smallest (width, height) of a frame with a stamp, in pixels."""

_bit_values = 1 << np.arange(_BITS, dtype=np.int64)


class Stamp(NamedTuple):
    number: int
    """Number of the frame, from 0."""
    time: float
    """Time of capture in seconds of time.perf_counter, to the microsecond."""


def write_stamp(pixels: np.ndarray, stamp: Stamp) -> None:
    """Write `stamp` into the top left corner of `pixels`, uint8 (h, w, 3), at least MIN_SIZE."""
    for line, value in enumerate((stamp.number, round(stamp.time * 1e6))):
        bits = ((value & _bit_values) != 0).astype(np.uint8) * 255
        for row, blocks in ((2 * line, bits), (2 * line + 1, 255 - bits)):
            pixels[row * _BLOCK : (row + 1) * _BLOCK, : _BITS * _BLOCK] = np.repeat(blocks, _BLOCK)[None, :, None]


def read_stamp(pixels: np.ndarray) -> Stamp:
    """Return the stamp that `write_stamp` wrote, also from a dream of those pixels."""
    middle = _BLOCK // 2
    rows = pixels[middle : 4 * _BLOCK : _BLOCK, middle : _BITS * _BLOCK : _BLOCK].mean(axis=2)
    number, microseconds = (
        int(_bit_values[upper > lower].sum()) for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )
    return Stamp(number, microseconds / 1e6)


class StampedCamera(Source):
    """A live source that shows images in turn, each frame with a stamp.

    Args:
        images: uint8 RGB (h, w, 3), all of one size, at least MIN_SIZE.
        rate: frames per second.
        seconds: duration.

    Raises:
        ValueError: the images are too small for a stamp.
    """

    live = True

    def __init__(self, images: Sequence[np.ndarray], rate: int, seconds: float) -> None:
        height, width = images[0].shape[:2]
        if width < MIN_SIZE[0] or height < MIN_SIZE[1]:
            raise ValueError(f"a stamp needs at least {MIN_SIZE[0]}x{MIN_SIZE[1]} pixels, got {width}x{height}")
        self.name, self.size, self.rate = "stamped camera", (width, height), Fraction(rate)
        self._images = images
        self._count = round(rate * seconds)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        start = time.perf_counter()
        interval = float(1 / (self.rate or 1))
        for number in range(self._count):
            if self._stopped.wait(max(0.0, start + number * interval - time.perf_counter())):
                return
            pixels = self._images[number % len(self._images)].copy()
            write_stamp(pixels, Stamp(number, time.perf_counter()))
            yield Frame(pixels, Fraction(number) / (self.rate or 1), number)

    def close(self) -> None:
        self._stopped.set()


class LatencySink(Sink):
    """A live sink, as a window is, that reads the stamp of each frame and records its age."""

    name = "ages"
    live = True

    def __init__(self) -> None:
        self.ages: list[float] = []
        """Seconds from the capture of each frame to its arrival, in order."""
        self.arrivals: list[float] = []
        """Time of each arrival in seconds of time.perf_counter."""

    def write(self, frame: Frame) -> None:
        now = time.perf_counter()
        self.arrivals.append(now)
        self.ages.append(now - read_stamp(frame.pixels).time)

    def close(self) -> None:
        pass
