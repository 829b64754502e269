"""Masks from files, and the live masks that settings ask for."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from livedream.dream.image.mask_edges import soften
from livedream.dream.image.octaves import Shape
from livedream.dream.objective.mask import Mask
from livedream.dream.objective.parser import parse
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
            product *= (
                soften(stretched, (mask.feather or 0) * scale, or_default(mask.strength, 1.0)).astype(np.float32) / 255
            )
        return product

    def of_frame(self, shape: Shape) -> np.ndarray:
        """Return the product for frames of `shape`, uint8 (h, w), 255 where the dream is fully visible. Cached."""
        if self._cached is None or self._cached.shape != shape:
            self._cached = (self.at(shape) * 255).round().astype(np.uint8)
        return self._cached


def wanted_masks(settings: DreamSettings) -> tuple[Mask, ...]:
    """Return the live masks for `settings`, with their feathers and strengths."""
    return _wanted_masks(settings.layers, settings.mask, settings.mask_feather, settings.mask_strength)


@lru_cache(maxsize=16)
def _wanted_masks(layers: str, chosen: str, feather: float, strength: float) -> tuple[Mask, ...]:
    masks = [mask for mask in parse(layers).all_masks if mask.live]
    if chosen != "all":
        masks.append(Mask(chosen, live=True))
    filled = (
        Mask(mask.name, True, or_default(mask.feather, feather), or_default(mask.strength, strength)) for mask in masks
    )
    return tuple(dict.fromkeys(filled))


def or_default(value: float | None, otherwise: float) -> float:
    """Return a parameter of a mask, or `otherwise` if it is not given."""
    return otherwise if value is None else value
