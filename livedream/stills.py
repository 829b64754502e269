"""Photographs in a stream: each frame is dreamt by itself."""

from collections.abc import Callable

import numpy as np

from livedream.frame import Frame
from livedream.steps import OnStep


class StillFrames:
    """Dreams each frame by itself, as a photograph: a stream dreamer for a source whose frames are `stills`.

    Args:
        dream: dreams one photograph, RGB uint8 of shape (height, width, 3), such as a `Dreamer`. Where it has an
            attribute `on_step`, each step is reported to `on_step` of this object.
    """

    def __init__(self, dream: Callable[[np.ndarray], np.ndarray]) -> None:
        self.on_step: OnStep | None = None
        """Called after each step of a photograph, which can take minutes. What it raises ends the dream."""
        self._dream = dream

    def __call__(self, frame: Frame) -> Frame:
        """Return `frame` with its dream for pixels."""
        reports_steps = hasattr(self._dream, "on_step")
        if reports_steps:
            self._dream.on_step = self.on_step  # type: ignore[attr-defined]  # looked up in the line above
        try:
            return frame.with_pixels(self._dream(frame.pixels))
        finally:
            if reports_steps:
                self._dream.on_step = None  # type: ignore[attr-defined]
