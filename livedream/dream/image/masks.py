"""Masks: how much of the dream is visible in each part of a frame."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from livedream.dream.image.mask_edges import Edge, full_mask, multiply, soften
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.mask import Mask
from livedream.dream.objective.parser import parse
from livedream.dream.stream.live_masks import MaskState, Search, follow
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.person import find_person_in_still, is_somebody
from livedream.dream.stream.timing import StageTimes
from livedream.frame import Frame
from livedream.image import read_mask
from livedream.settings import DreamSettings


class Masks:
    """Mask images from files. The dream is fully visible where all of them are white, and hidden where one is black.

    Raises:
        SourceError: a file cannot be read.
    """

    def __init__(self, masks: Sequence[Mask] = ()) -> None:
        """masks: live masks among them are ignored."""
        files = [mask for mask in masks if not mask.live]
        self._images = [(read_mask(Path(mask.name)), mask) for mask in files]
        self._cached: np.ndarray | None = None

    def __bool__(self) -> bool:
        return bool(self._images)

    def at(self, shape: Shape, scale: float = 1.0) -> np.ndarray:
        """Return the product of the masks at `shape` (height, width): float32 (h, w), 0..1.

        scale: `shape` relative to the frame, because feathers are in pixels of the frame.
        """
        product = np.ones(shape, np.float32)
        for image, mask in self._images:
            interpolation = cv2.INTER_AREA if image.shape[0] > shape[0] else cv2.INTER_LINEAR
            stretched = cv2.resize(image, shape[::-1], interpolation=interpolation)
            product *= soften(stretched, (mask.feather or 0) * scale, _or(mask.strength, 1.0)).astype(np.float32) / 255
        return product

    def of_frame(self, shape: Shape) -> np.ndarray:
        """Return the product for frames of `shape`, uint8 (h, w), 255 where the dream is fully visible. Cached."""
        if self._cached is None or self._cached.shape != shape:
            self._cached = (self.at(shape) * 255).round().astype(np.uint8)
        return self._cached


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


def wanted_masks(settings: DreamSettings) -> tuple[Mask, ...]:
    """Return the live masks for `settings`, with their feathers and strengths."""
    return _wanted_masks(settings.layers, settings.mask, settings.mask_feather, settings.mask_strength)


@lru_cache(maxsize=16)
def _wanted_masks(layers: str, chosen: str, feather: float, strength: float) -> tuple[Mask, ...]:
    masks = [mask for mask in parse(layers).all_masks if mask.live]
    if chosen != "all":
        masks.append(Mask(chosen, live=True))
    filled = (Mask(mask.name, True, _or(mask.feather, feather), _or(mask.strength, strength)) for mask in masks)
    return tuple(dict.fromkeys(filled))


def masks_of_frame(wanted: Sequence[Mask], state: MaskState, no_person: str) -> tuple[LiveMask, ...]:
    """Return the live masks of one frame.

    Args:
        wanted: what `wanted_masks` returned.
        state: of that frame.
        no_person: the control of that name.
    """
    masks = []
    for mask in wanted:
        presence, strength = state.presence(mask.name), _or(mask.strength, 1.0)
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


class StillMask:
    """The product of all masks of a still. A person is searched for once, at the full size."""

    def __init__(self, files: Masks, wanted: Sequence[Mask], pixels: np.ndarray, no_person: str) -> None:
        """Compute the masks.

        Args:
            files: masks from files.
            wanted: masks of a person, from `wanted_masks`.
            pixels: the image, uint8 RGB (h, w, 3).
            no_person: the control of that name.
        """
        self._files = files
        self._shape = pixels.shape[0], pixels.shape[1]
        self._live: list[np.ndarray] = []
        self.found_nobody = False
        """Whether a person was searched for and none was found."""
        if not wanted:
            return
        person = Search(find_person_in_still, pixels).result()
        self.found_nobody = not is_somebody(person)
        for mask in wanted:
            shown = person if mask.name == "person" else 1 - person
            if self.found_nobody:
                shown = np.full(self._shape, no_person == "all", np.float32)
            full = soften(np.rint(shown * 255).astype(np.uint8), mask.feather or 0, _or(mask.strength, 1.0))
            self._live.append(full.astype(np.float32) / 255)

    def at(self, shape: Shape) -> np.ndarray:
        """Return the mask at `shape` (height, width): float32 (h, w), 0..1."""
        product = self._files.at(shape, shape[0] / self._shape[0])
        for mask in self._live:
            product *= mask if shape == self._shape else cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA)
        return product

    def blend(self, source: np.ndarray, dream: np.ndarray) -> np.ndarray:
        """Return `dream` where the mask is 1 and `source` where it is 0, and a mix in between; all uint8 (h, w, 3)."""
        mask = self.at(self._shape)
        return cv2.blendLinear(source, dream, 1 - mask, mask)


def _scaled(mask: np.ndarray, gain: float) -> np.ndarray:
    return cv2.LUT(mask, np.rint(np.arange(256) * gain).astype(np.uint8))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
