"""Masks of a frame: how much of the dream is seen where."""

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
    """Pictures that say how much of a dream is seen where: all of it where they are white, nothing where one is black.

    Raises SourceError for a file that cannot be read.
    """

    def __init__(self, masks: Sequence[Mask] = ()) -> None:
        """masks: those that are live are left out here."""
        files = [mask for mask in masks if not mask.live]
        self._pictures = [(read_mask(Path(mask.name)), mask) for mask in files]
        self._of_frames: np.ndarray | None = None

    def __bool__(self) -> bool:
        return bool(self._pictures)

    def at(self, shape: Shape, scale: float = 1.0) -> np.ndarray:
        """Return their product, stretched to `size` (height, width): float32 (h, w), 0..1.

        scale: that size over the one of the frame, for which the feathers are meant.
        """
        product = np.ones(shape, np.float32)
        for picture, mask in self._pictures:
            way = cv2.INTER_AREA if picture.shape[0] > shape[0] else cv2.INTER_LINEAR
            stretched = cv2.resize(picture, shape[::-1], interpolation=way)
            product *= soften(stretched, (mask.feather or 0) * scale, _or(mask.strength, 1.0)).astype(np.float32) / 255
        return product

    def of_frame(self, shape: Shape) -> np.ndarray:
        """Return it for frames of `size`, uint8 (h, w), 255 for all of the dream. Kept for the next frame."""
        if self._of_frames is None or self._of_frames.shape != shape:
            self._of_frames = (self.at(shape) * 255).round().astype(np.uint8)
        return self._of_frames


class LiveMask(NamedTuple):
    """A live mask of one frame."""

    coarse: np.ndarray
    """float32 (h, w), 0..1: how much of the dream shows. Any size, stretched over the frame."""
    feather: float
    """Pixels of the frame over which its edge is spread."""
    strength: float
    """0..1: of what it hides."""
    gain: float
    """0..1: of what it shows."""

    def full(self, small: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """Return it at the size of the frame, uint8 (h, w). small: the frame at a small size."""
        edge = Edge(self.coarse, small)
        if self.gain == 1:
            return full_mask(edge, pixels, self.feather, self.strength)
        return soften(_scaled(full_mask(edge, pixels, self.feather), self.gain), 0, self.strength)


def wanted_masks(settings: DreamSettings) -> tuple[Mask, ...]:
    """Return the live masks of a dream with `settings`, with the feathers and strengths that hold for them."""
    return _wanted_masks(settings.layers, settings.mask, settings.mask_feather, settings.mask_strength)


@lru_cache(maxsize=16)
def _wanted_masks(layers: str, chosen: str, feather: float, strength: float) -> tuple[Mask, ...]:
    masks = [mask for mask in parse(layers).all_masks if mask.live]
    if chosen != "all":
        masks.append(Mask(chosen, live=True))
    filled = (Mask(mask.name, True, _or(mask.feather, feather), _or(mask.strength, strength)) for mask in masks)
    return tuple(dict.fromkeys(filled))


def masks_of_frame(wanted: Sequence[Mask], state: MaskState, no_person: str) -> tuple[LiveMask, ...]:
    """Return the masks `wanted` (see `wanted_masks`) of the frame of `state`. no_person: as in the settings."""
    found = []
    for mask in wanted:
        presence, strength = state.presence(mask.name), _or(mask.strength, 1.0)
        if no_person == "all":
            strength, gain = strength * presence, 1.0
        else:
            gain = presence
        if strength:
            found.append(LiveMask(state.coarse(mask.name), mask.feather or 0, strength, gain))
    return tuple(found)


class StreamMasks:
    """The live masks of a stream, from frame to frame."""

    def __init__(self, state: MaskState | None = None) -> None:
        """state: of the last frame; None at the beginning of a stream."""
        self.state = state
        """What the masks of the next frame are made from; None without live masks."""

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
            frame: at its full size.
            small: the same at the working size, uint8 (h, w, 3).
            flow: from the frame to the one before; None at the beginning of a scene.
            settings: with which the frame is dreamt.
            begins: whether all that was before is to be forgotten.
            stages: where the time is noted that it takes.
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
        """Wait for the search that still runs, so that no thread is left behind."""
        if self.state is not None:
            self.state.finish()


def product(files: Masks, live: Sequence[LiveMask], small: np.ndarray, pixels: np.ndarray) -> np.ndarray | None:
    """Return the product of all masks of the frame `pixels`, uint8 (h, w), 255 for all of the dream; None for none."""
    masks = [files.of_frame(pixels.shape[:2])] if files else []
    masks += [mask.full(small, pixels) for mask in live]
    return multiply(masks) if masks else None


class StillMask:
    """All masks of one picture, `pixels`, uint8 (h, w, 3). A person is searched for once, at the full size."""

    def __init__(self, files: Masks, wanted: Sequence[Mask], pixels: np.ndarray, no_person: str) -> None:
        """wanted: masks of a person, see `wanted_masks`. no_person: as in the settings."""
        self._files = files
        self._shape = pixels.shape[0], pixels.shape[1]
        self._live: list[np.ndarray] = []
        self.found_nobody = False
        """Whether a person was searched for, and nobody is there."""
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
        """Return it at `size` (height, width), float32 (h, w), 0..1."""
        product = self._files.at(shape, shape[0] / self._shape[0])
        for mask in self._live:
            product *= mask if shape == self._shape else cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA)
        return product

    def blend(self, source: np.ndarray, dream: np.ndarray) -> np.ndarray:
        """Return `dream` where it is 1, and `source` where it is 0; both uint8 (h, w, 3)."""
        mask = self.at(self._shape)
        return cv2.blendLinear(source, dream, 1 - mask, mask)


def _scaled(mask: np.ndarray, gain: float) -> np.ndarray:
    return cv2.LUT(mask, np.rint(np.arange(256) * gain).astype(np.uint8))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
