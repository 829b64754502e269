"""The live masks of each frame of a stream: how much of its dream is visible in each part."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.mask_edges import Edge, full_mask, multiply, soften
from livedream.dream.image.masks import Masks, or_default, wanted_masks
from livedream.dream.motion.flow import Flow
from livedream.dream.objective.mask import Mask
from livedream.dream.stream.live_masks import MaskState, follow
from livedream.frame import Frame
from livedream.settings import DreamSettings


class LiveMask(NamedTuple):
    """A live mask of one frame."""

    coarse: np.ndarray
    """float32 (h, w), 0..1: how much of the dream is visible. Of any size, stretched over the frame."""
    feather: float
    """Width of the blurred edge, in pixels of the frame."""
    strength: float
    """0..1: factor of what the mask hides."""
    gain: float
    """0..1: factor of what the mask shows."""

    def full(self, small: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """Return the mask at the size of the frame, uint8 (h, w). small: the frame at a small size."""
        edge = Edge(self.coarse, small)
        if self.gain == 1:
            return full_mask(edge, pixels, self.feather, self.strength)
        return soften(_scaled(full_mask(edge, pixels, self.feather), self.gain), 0, self.strength)


def masks_of_frame(wanted: Sequence[Mask], state: MaskState, no_person: str) -> tuple[LiveMask, ...]:
    """Return the live masks of one frame.

    Args:
        wanted: what `wanted_masks` returned.
        state: of that frame.
        no_person: the control of that name.
    """
    masks = []
    for mask in wanted:
        presence, strength = state.presence(mask.name), or_default(mask.strength, 1.0)
        if no_person == "all":
            strength, gain = strength * presence, 1.0
        else:
            gain = presence
        if strength:
            masks.append(LiveMask(state.coarse(mask.name), mask.feather or 0, strength, gain))
    return tuple(masks)


class StreamMasks:
    """The live masks of a stream, computed from frame to frame."""

    def __init__(self, state: MaskState | None = None) -> None:
        """state: of the previous frame; None at the beginning of a stream."""
        self.state = state
        """State from which the masks of the next frame are computed; None without live masks."""

    def of(
        self,
        frame: Frame,
        small: np.ndarray,
        flow: Flow | None,
        settings: DreamSettings,
        begins: bool,
        stages: StageTimes,
    ) -> tuple[LiveMask, ...]:
        """Return the live masks of the next frame.

        Args:
            frame: the frame.
            small: the same frame at the working size, uint8 RGB (h, w, 3).
            flow: from this frame to the previous one; None at the beginning of a scene.
            settings: the settings with which the frame is dreamt.
            begins: whether to forget all frames before it.
            stages: receives the duration.
        """
        wanted = wanted_masks(settings)
        if begins or not wanted:
            self.finish()
            self.state = None
        if not wanted:
            return ()
        with stages.measure("mask"):
            kinds = {mask.name for mask in wanted}
            self.state = follow(self.state, small, flow, float(frame.time), kinds, settings.motion_seconds)
            return masks_of_frame(wanted, self.state, settings.no_person)

    def finish(self) -> None:
        """Wait for the search that may still run, so that no thread remains."""
        if self.state is not None:
            self.state.finish()


def product(files: Masks, live: Sequence[LiveMask], small: np.ndarray, pixels: np.ndarray) -> np.ndarray | None:
    """Return the product of all masks of a frame, or None without any.

    Args:
        files: masks from files.
        live: live masks of this frame.
        small: the frame at the working size, uint8 RGB (h, w, 3).
        pixels: the frame at its full size.

    Returns:
        uint8 (h, w), 255 where the dream is fully visible.
    """
    masks = [files.of_frame(pixels.shape[:2])] if files else []
    masks += [mask.full(small, pixels) for mask in live]
    return multiply(masks) if masks else None


def _scaled(mask: np.ndarray, gain: float) -> np.ndarray:
    return cv2.LUT(mask, np.rint(np.arange(256) * gain).astype(np.uint8))
