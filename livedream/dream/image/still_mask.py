"""The mask of a still: the product of masks from files and of a person who was found in the image."""

from collections.abc import Sequence

import cv2
import numpy as np

from livedream.dream.image.mask_edges import soften
from livedream.dream.image.masks import Masks, or_default
from livedream.dream.image.octaves import Shape
from livedream.dream.image.person import Search, find_person_in_still, is_somebody
from livedream.dream.objective.mask import Mask


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
            full = soften(np.rint(shown * 255).astype(np.uint8), mask.feather or 0, or_default(mask.strength, 1.0))
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
