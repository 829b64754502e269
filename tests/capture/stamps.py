"""Pictures that show when they were made: a clock in black and white squares, read back from what a camera sent."""

import statistics
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

COLUMNS, ROWS, SIDE = 8, 4, 16
SIZE = (COLUMNS * SIDE, ROWS * SIDE)
"""(width, height) in pixels."""


def stamp(milliseconds: int) -> np.ndarray:
    """Return a picture of the number, below 2**32, lowest bit first; RGB uint8."""
    bits = np.array([milliseconds >> bit & 1 for bit in range(COLUMNS * ROWS)], np.uint8).reshape(ROWS, COLUMNS)
    grey = np.kron(bits * 255, np.ones((SIDE, SIDE), np.uint8))
    return np.repeat(grey[:, :, None], 3, axis=2)


def read_stamp(pixels: np.ndarray) -> int:
    """Return the number that the picture shows."""
    squares = pixels[:, :, 0].reshape(ROWS, SIDE, COLUMNS, SIDE)[:, 4:-4, :, 4:-4].mean((1, 3))
    return sum(int(bright) << bit for bit, bright in enumerate((squares > 127).ravel()))


def drift(frames: Sequence[tuple[Fraction, np.ndarray]]) -> float:
    """Return by how many seconds the times of a film's frames and their pictures' clocks come apart, first to last.

    Of the first and the last twenty in the middle: on a busy machine one or the other picture is read late.
    """
    ahead = [float(Fraction(read_stamp(pixels), 1000) - time) for time, pixels in frames]
    return abs(statistics.median(ahead[:20]) - statistics.median(ahead[-20:]))
