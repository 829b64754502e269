"""Masks: where the source stays as it is."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from livedream.dream.octaves import Size
from livedream.picture import read_mask


class Masks:
    """Pictures that say how much of a dream is seen where: all of it where they are white, nothing where one is black.

    Raises SourceError for a file that cannot be read.
    """

    def __init__(self, files: Sequence[str] = ()) -> None:
        self._pictures = [read_mask(Path(name)) for name in files]
        self._of_stream: tuple[tuple[Size, Size], Tensor] | None = None

    def __bool__(self) -> bool:
        return bool(self._pictures)

    def at(self, size: Size) -> np.ndarray:
        """Return their product, stretched to `size` (height, width): float32 (h, w), 0..1."""
        product = np.ones(size, np.float32)
        for picture in self._pictures:
            way = cv2.INTER_AREA if picture.shape[0] > size[0] else cv2.INTER_LINEAR
            product *= cv2.resize(picture, size[::-1], interpolation=way).astype(np.float32) / 255
        return product

    def of_stream(self, frame: Size, working: Size, device: torch.device) -> Tensor:
        """Return it for frames that are dreamt at a `working` size: float32 (1, 1, h, w). Made once."""
        if self._of_stream is None or self._of_stream[0] != (frame, working):
            tensor = torch.from_numpy(shrink_mask(self.at(frame), working))[None, None].to(device)
            self._of_stream = (frame, working), tensor
        return self._of_stream[1]


def shrink_mask(mask: np.ndarray, size: Size) -> np.ndarray:
    """Return `mask`, (h, w), at a working `size` such that what is scaled up from there touches no pixel where it is 0.

    A working pixel shows as far as the middles of its neighbours: it has the least that the mask has there.
    """
    down, across = (max(1, 2 * math.ceil(full / small) + 1) for full, small in zip(mask.shape, size, strict=True))
    least = cv2.erode(mask, np.ones((down, across), np.uint8))
    return cv2.resize(least, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def blend(source: np.ndarray, dream: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `dream` where `mask`, float32 (h, w), is 1, and `source` where it is 0; both uint8 (h, w, 3)."""
    return cv2.blendLinear(source, dream, 1 - mask, mask)
