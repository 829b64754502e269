"""A picture dreamt by itself: octaves from small to large, what was dreamt carried over.

Source: A. Mordvintsev et al., google/deepdream, dream.ipynb, `deepdream` (2015).
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.masks import Masks
from livedream.dream.octaves import Size, octave_sizes, working_size
from livedream.settings import DreamSettings

Step = Callable[[Tensor, Size, int, int], Tensor]
"""Takes a picture, float32 (1, 3, h, w), its size, the number of its octave, 0 the smallest, and that of the step in
it; returns the picture a step further."""

# The side for which such networks were trained: on less than that of a strip they see nothing.
_SHORTEST = 224


def still_sizes(settings: DreamSettings, height: int, width: int, smallest: int) -> list[Size]:
    """Return the sizes at which a picture of `height` x `width` is dreamt, from the largest to the smallest.

    smallest: the shortest side that the network takes.
    """
    # A tall strip made so low would be a thread.
    lowest = round(height * min(_SHORTEST / width, 1))
    size = working_size(height, width, max(settings.still_height, lowest), smallest)
    return octave_sizes(size, settings.octaves, settings.octave_scale, smallest)


def dream_still(picture: Tensor, sizes: Sequence[Size], steps: int, step: Step, masks: Masks) -> Iterator[Tensor]:
    """Dream, and give after each step what was dreamt so far: dream minus picture, at the size of the octave.

    picture: float32 RGB, (1, 3, h, w), 0..255, of the first of the sizes; not changed.
    sizes: from the largest to the smallest. steps: how many at each of them.
    """
    detail = torch.zeros_like(picture)
    for octave, size in enumerate(reversed(sizes)):
        ground = F.interpolate(picture, size, mode="bilinear", antialias=True)
        dream = ground + F.interpolate(detail, size, mode="bilinear")
        mask = torch.from_numpy(masks.at(size))[None, None].to(picture.device) if masks else None
        for number in range(steps):
            dream = step(dream, size, octave, number).clamp_(0, 255)
            detail = dream - ground
            if mask is not None:
                detail *= mask
                dream = ground + detail
            yield detail
