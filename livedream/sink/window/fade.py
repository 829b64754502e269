"""How a window that has shown its source goes over to the dream."""

import dataclasses
import time
from collections.abc import Callable

import cv2

from livedream.frame import Frame

SECONDS = 1.0
"""How long it takes."""


class Fade:
    """Blends the frames of the first second with their sources. Does nothing until `begin`.

    clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._runs = False
        self._began: float | None = None

    def begin(self) -> None:
        """Begin with the next frame, which is shown as its source."""
        self._runs, self._began = True, None

    def apply(self, frame: Frame) -> Frame:
        """Return `frame` as it is to be shown now. One without its source is shown as it is."""
        if not self._runs:
            return frame
        now = self._clock()
        self._began = now if self._began is None else self._began
        share = (now - self._began) / SECONDS
        if share >= 1 or frame.source is None or frame.source.shape != frame.pixels.shape:
            self._runs = False
            return frame
        blended = cv2.addWeighted(frame.pixels, share, frame.source, 1 - share, 0.0)
        return dataclasses.replace(frame, pixels=blended)
