"""A frame between the three steps of the dreamer: analyzed, dreamt, composed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import shrink
from livedream.dream.motion.flow import Flow
from livedream.dream.stream.frame_masks import LiveMask
from livedream.dream.stream.live_masks import MaskState
from livedream.frame import Frame
from livedream.settings import DreamSettings


@dataclass(frozen=True, eq=False, slots=True)
class AnalyzedFrame:
    """A frame and everything that is known about it without the network."""

    frame: Frame
    small: np.ndarray
    """uint8 RGB (h, w, 3): the frame at the working size."""
    grey: np.ndarray | None
    """uint8 (h, w): the frame at the size of the flow map; the flow of the next frame leads back to it."""
    estimate: Callable[[], tuple[Flow | None, Flow | None]] | None
    """Waits for the flow and returns it twice, as measured and with the zoom of the dream. None once `flow`,
    `still_count` and the masks are known.
    """
    flow: Flow | None
    """From this frame to the previous one. None at the beginning of a stream and after a cut."""
    shapes: list[Shape]
    """(height, width) of the octaves, from the working size down."""
    still_count: int
    """Number of consecutive frames without motion, up to this one."""
    begins: bool
    """Whether to forget everything that was dreamt before."""
    stages: StageTimes
    settings: DreamSettings
    """The settings with which it was analyzed; they decide about its masks."""
    masks: tuple[LiveMask, ...] = ()
    """The live masks through which its dream is seen."""
    mask_state: MaskState | None = None
    """The state from which the live masks of the next frame are made; None without live masks."""

    def at(self, shapes: list[Shape]) -> "AnalyzedFrame":
        """Return the frame with other octaves."""
        if shapes[0] == self.shapes[0]:
            return self
        return replace(self, small=shrink(self.frame.pixels, shapes[0]), shapes=shapes)


@dataclass(frozen=True, eq=False, slots=True)
class DreamedFrame:
    """A frame and its dream, not composed yet."""

    frame: Frame
    finish: Callable[[], np.ndarray]
    """Composes the frame, uint8 RGB (h, w, 3), on a thread other than the one that dreams."""
    stages: StageTimes
    effort: float = 1.0
    """Steps relative to those of the settings; 0 for a frame that shows the previous dream."""
