"""A picture dreamt by itself: octaves from small to large, what was dreamt carried over.

Source: A. Mordvintsev et al., google/deepdream, dream.ipynb, `deepdream` (2015).
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.ascent import Ascent
from livedream.dream.compute.out_of_memory import first_line, is_out_of_memory
from livedream.dream.image.octaves import Shape, octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import preconditioner
from livedream.dream.image.tiles import LEAST_SIDE, tiles
from livedream.settings import DreamSettings
from livedream.steps import StepReport

_log = logging.getLogger(__name__)

Step = Callable[[Tensor, Shape, int, int], Tensor]
"""Takes a picture, float32 (1, 3, h, w), its size, the number of its octave, 0 the smallest, and that of the step in
it; returns the picture a step further."""

# The side for which such networks were trained: on less than that of a strip they see nothing.
_SHORTEST = 224
# Levels of 255 before black and white in which a step is weakened, the more the nearer: contrast grows without burning
# out. Of stills of 600x400 with blocks.10, 15 steps at each octave, pixels with a channel at 0 or 255 beyond the
# source's were 2.8 % (chelsea) and 7.2 % (coffee) in steps of 2 without this, and under 0.1 % in steps of 3 with it.
_SOFT = 64.0
# Levels of 255 next to black and white in which no octave begins where the picture itself does not.
_HEADROOM = 4.0
_MOST_OCTAVES = 100


def still_shapes(settings: DreamSettings, height: int, width: int, smallest: int) -> list[Shape]:
    """Return the sizes at which a picture of `height` x `width` is dreamt, from the largest to the smallest.

    smallest: the shortest side that the network takes.
    """
    # A tall strip made so low would be a thread.
    lowest = round(height * min(_SHORTEST / width, 1))
    shape = working_shape(height, width, max(settings.still_height, lowest), smallest)
    # However large the picture is, forms as large as it come from its smallest octave.
    return octave_shapes(shape, _MOST_OCTAVES, settings.octave_scale, max(smallest, settings.smallest_octave))


class StillWork:
    """How far the dream of a still is. A step costs what its octave has pixels.

    Of a still of 1280x720, 15 steps at each octave, a pixel took from 0.6 to 1.5 microseconds at all octaves. By the
    number of steps five sixths are done where one half of the work is.

    sizes: from the largest to the smallest. steps: how many at each of them.
    """

    def __init__(self, shapes: Sequence[Shape], steps: int) -> None:
        self._areas = [height * width for height, width in reversed(shapes)]
        self._steps = steps

    def after(self, octave: int, number: int, part: float = 1.0) -> StepReport:
        """Return how far it is after `part` of step `number`, from 0, at an octave; 0 is the smallest."""
        done = self._steps * sum(self._areas[:octave]) + (number + part) * self._areas[octave]
        return StepReport(
            "dreaming",
            done=octave * self._steps + number + int(part),
            total=len(self._areas) * self._steps,
            share=done / (self._steps * sum(self._areas)),
        )


def dream_still(
    picture: Tensor,
    shapes: Sequence[Shape],
    steps: int,
    step: Step,
    mask_at: Callable[[Shape], np.ndarray] | None = None,
) -> Iterator[Tensor]:
    """Dream, and give after each step what was dreamt so far: dream minus picture, at the size of the octave.

    picture: float32 RGB, (1, 3, h, w), 0..255, of the first of the sizes; not changed.
    sizes: from the largest to the smallest. steps: how many at each of them.
    mask_at: returns the mask at a size, float32 (h, w), 0 where the picture stays as it is; None for no mask.
    """
    detail = torch.zeros_like(picture)
    for octave, shape in enumerate(reversed(shapes)):
        ground = F.interpolate(picture, shape, mode="bilinear", antialias=True)
        dream = _within(ground + F.interpolate(detail, shape, mode="bilinear"), ground)
        mask = torch.from_numpy(mask_at(shape))[None, None].to(picture.device) if mask_at else None
        for number in range(steps):
            dream = _softened(dream, step(dream, shape, octave, number))
            detail = dream - ground
            if mask is not None:
                detail *= mask
                dream = ground + detail
            yield detail


class TiledStep:
    """The steps of a still, in tiles that get smaller where the device has not enough memory for them: a `Step`."""

    def __init__(
        self,
        settings: DreamSettings,
        shapes: Sequence[Shape],
        ready: Callable[[], Ascent],
        shift: Callable[[int, int, Shape], tuple[int, int]],
        tell: Callable[[StepReport], None],
    ) -> None:
        """Prepare for a still.

        Args:
            settings: how to dream.
            sizes: from the largest to the smallest.
            ready: returns what makes a step; another one once the numbers turned out not to be safe.
            shift: returns the random shift of a step, of the number of its octave, its own number and the size.
            tell: is told how far the dream is.
        """
        self._settings, self._count = settings, len(shapes)
        self._ready, self._shift, self._tell = ready, shift, tell
        # A goal that has its place in the picture knows no tiles.
        self._whole = ready().objective.needs_whole_image
        self._side = max(shapes[0]) if self._whole else settings.tile_size
        self._by = preconditioner(settings.natural_color, settings.coarseness)
        self._work = StillWork(shapes, settings.still_steps)

    def __call__(self, picture: Tensor, shape: Shape, octave: int, number: int) -> Tensor:
        share = share_of(self._count - 1 - octave, self._count)
        shift = self._shift(octave, number, shape)

        def tell(part: float) -> None:
            self._tell(self._work.after(octave, number, part))

        while True:
            parts = tiles(shape, self._side, np.random.default_rng((self._settings.seed, octave, number, 1)))
            try:
                step_size = self._settings.step_size
                picture = self._ready().step(picture, shape, shift, step_size, share, parts, self._by, tell)
            except RuntimeError as error:
                now = min(self._side, max(shape))
                smaller = max(now // 2, LEAST_SIDE)
                if not is_out_of_memory(error) or self._whole or smaller >= now:
                    raise
                _log.warning("the network sees no more than %d pixels at once: %s", smaller, first_line(error))
            else:
                tell(1.0)
                return picture
            # Out here: the error holds the tensors of the step that failed.
            self._side = smaller


def _within(dream: Tensor, picture: Tensor) -> Tensor:
    """Return `dream` kept off black and white where `picture` is: what was dreamt at a smaller size may go too far."""
    lowest, highest = picture.clamp(max=_HEADROOM), picture.clamp(min=255 - _HEADROOM)
    return torch.minimum(torch.maximum(dream, lowest), highest)


def _softened(before: Tensor, after: Tensor) -> Tensor:
    """Return `after` a step from `before`, both float32 and the first in 0..255, weakened towards black and white."""
    change = after - before
    room = torch.where(change > 0, 255 - before, before)
    return change.mul_(room.div_(_SOFT).clamp_(0, 1)).add_(before).clamp_(0, 255)
