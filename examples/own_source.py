"""Use livedream without a camera or a network: a source of your own, and any function from frame to frame.

python examples/own_source.py [OUTPUT]
"""

import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import livedream

RATE = Fraction(25)


class Plasma(livedream.Source):
    """Computes a moving pattern, two seconds of it."""

    name = "plasma"
    size = (320, 180)
    rate = RATE
    live = False  # it waits until a frame is wanted, as a file does
    length = 50

    def __iter__(self) -> Iterator[livedream.Frame]:
        y, x = np.mgrid[0:180, 0:320] / 20
        for index in range(50):
            waves = [np.sin(x + index / 8), np.sin(y - index / 11), np.sin((x + y) / 2 + index / 5)]
            pixels = (128 + 100 * np.stack(waves, axis=2)).astype(np.uint8)
            yield livedream.Frame(pixels, time=index / RATE, index=index)

    def close(self) -> None:
        pass  # there is nothing to close


def mirror(frame: livedream.Frame) -> livedream.Frame:
    return frame.with_pixels(np.maximum(frame.pixels, frame.pixels[:, ::-1]))


report = livedream.run(Plasma(), mirror, sys.argv[1] if sys.argv[1:] else "plasma.mp4")
print(f"{report.dreamt} frames at {report.dreamt / report.seconds:.0f} per second")
