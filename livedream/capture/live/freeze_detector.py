"""Detects a camera that repeats one image: some drivers repeat the last one after it is unplugged."""

from collections.abc import Callable

import numpy as np

FROZEN_SECONDS = 1.5
"""How long an image may repeat. Images of a sensor have noise: no two of them are equal."""
STEP = 15
"""The distance of the rows and columns that are compared."""


class FreezeDetector:
    """Notices that the same image comes again and again (opencv/opencv#5221, #14044).

    An image that persists after the camera has been reopened is not reported again: it is a still image, as virtual
    cameras show them.

    Args:
        clock: a monotonic clock, in nanoseconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._since = 0
        self._last = b""
        self._forgiven = b""

    def look(self, pixels: np.ndarray) -> bool:
        """Examine the next image (height, width, 3); return whether the camera is frozen."""
        now = self._clock()
        sample = pixels[::STEP, ::STEP].tobytes()
        if sample != self._last:
            self._last, self._since = sample, now
            return False
        if sample == self._forgiven or now - self._since < FROZEN_SECONDS * 1e9:
            return False
        self._forgiven = sample
        return True
