"""A frame on its way through the dreamer's three steps: looked at, dreamt, composed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from livedream.dream.image.masks import LiveMask
from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import shrink
from livedream.dream.stream.live_masks import MaskState
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.timing import StageTimes
from livedream.frame import Frame
from livedream.settings import DreamSettings


@dataclass(frozen=True, eq=False, slots=True)
class AnalyzedFrame:
    """A frame that was looked at: all that is known of it without the network."""

    frame: Frame
    small: np.ndarray
    """uint8 (h, w, 3): the frame at the working size."""
    grey: np.ndarray | None
    """What the flow of the next frame leads back to, see Motion."""
    estimate: Callable[[], tuple[Flow | None, Flow | None]] | None
    """Waits for the flow and returns it, as it was seen and as the dream travels, while `flow`, `stood` and the masks
    are not known yet; None once they are.
    """
    flow: Flow | None
    """None where there is nothing to inherit from: at the beginning of a stream, and after a cut."""
    shapes: list[Shape]
    """The octaves, from the working size down."""
    stood: int
    """How many frames in a row, with this one, have shown no motion."""
    begins: bool
    """Whether all that was dreamt before is to be forgotten."""
    stages: StageTimes
    settings: DreamSettings
    """With which it was looked at: they say which masks it has."""
    masks: tuple[LiveMask, ...] = ()
    """The live masks through which its dream is seen."""
    mask_state: MaskState | None = None
    """What the live masks of the next frame are made from; None without any."""

    def at(self, shapes: list[Shape]) -> "AnalyzedFrame":
        """Return it at other sizes."""
        return (
            self
            if shapes[0] == self.shapes[0]
            else replace(self, small=shrink(self.frame.pixels, shapes[0]), shapes=shapes)
        )


@dataclass(frozen=True, eq=False, slots=True)
class DreamedFrame:
    """What was dreamt of a frame."""

    frame: Frame
    finish: Callable[[], np.ndarray]
    """Makes the frame that is shown, uint8 (h, w, 3): whatever the thread that dreams need not wait for."""
    stages: StageTimes
    effort: float = 1.0
    """How many times the usual steps it took; 0 for one that shows what was dreamt before."""
