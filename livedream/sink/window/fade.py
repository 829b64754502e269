"""Fades a window from its source to the dream."""

import dataclasses
import time
from collections.abc import Callable

import cv2

from livedream.frame import Frame

SECONDS = 1.0
"""The duration of the fade."""


class Fade:
    """Blends the frames of one second with their sources. Does nothing until `begin`.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running = False
        self._began: float | None = None

    def begin(self) -> None:
        """Start the fade with the next frame, which is shown as its source."""
        self._running, self._began = True, None

    def apply(self, frame: Frame) -> Frame:
        """Return `frame` as it should be shown now. A frame without its source is returned unchanged."""
        if not self._running:
            return frame
        now = self._clock()
        self._began = now if self._began is None else self._began
        share = (now - self._began) / SECONDS
        if share >= 1 or frame.source is None or frame.source.shape != frame.pixels.shape:
            self._running = False
            return frame
        blended = cv2.addWeighted(frame.pixels, share, frame.source, 1 - share, 0.0)
        return dataclasses.replace(frame, pixels=blended)
