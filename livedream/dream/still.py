"""Stills: an image is dreamt by itself, octave by octave from small to large.

Source: A. Mordvintsev et al., google/deepdream, dream.ipynb, `deepdream` (2015).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.backend.cpu import to_device, to_int16_array
from livedream.dream.compute.out_of_memory import first_line, is_out_of_memory
from livedream.dream.engine import Engine
from livedream.dream.image.masks import wanted_masks
from livedream.dream.image.octaves import Shape, octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import preconditioner
from livedream.dream.image.resize import compose, shrink
from livedream.dream.image.still_mask import StillMask
from livedream.dream.image.tiles import LEAST_SIDE, tiles
from livedream.dream.objective.network_choice import network_for
from livedream.dream.stream.working_shapes import WorkingShapes, too_little_memory
from livedream.settings import DreamSettings
from livedream.steps import StepReport

_log = logging.getLogger(__name__)

Step = Callable[[Tensor, Shape, int, int], Tensor]
"""Takes an image, float32 (1, 3, h, w), its (height, width), the index of its octave, 0 for the smallest, and the index
of the step in that octave. Returns the image after one step."""

# Side of the images on which the networks were trained: they recognise nothing in a strip that is much narrower.
_SHORTEST = 224
# Distance from black and white, in levels of 255, within which a step is weakened in proportion: contrast grows without
# clipping. Measured on stills of 600x400 with blocks.10 and 15 steps per octave: pixels with a channel at 0 or 255,
# beyond those of the source, were 2.8 % (chelsea) and 7.2 % (coffee) with steps of 2 and no weakening, and under 0.1 %
# with steps of 3 and this value.
_SOFT = 64.0
# Levels of 255 next to black and white in which no octave begins unless the image itself does.
_HEADROOM = 4.0
_MOST_OCTAVES = 100


def still_shapes(settings: DreamSettings, height: int, width: int, smallest: int) -> list[Shape]:
    """Return the shapes at which an image of `height` x `width` is dreamt, from the largest to the smallest.

    smallest: shortest side that the network accepts.
    """
    # At the height asked for, a tall strip would be a few pixels wide.
    lowest = round(height * min(_SHORTEST / width, 1))
    shape = working_shape(height, width, max(settings.still_height, lowest), smallest)
    # The smallest octave does not depend on the size of the image, so large images get large forms.
    return octave_shapes(shape, _MOST_OCTAVES, settings.octave_scale, max(smallest, settings.smallest_octave))


class StillDreamer:
    """Dreams stills with the settings of an engine."""

    def __init__(self, engine: Engine, shapes: WorkingShapes) -> None:
        """shapes: told the shape of each still, for the working size of the dreamer."""
        self._engine = engine
        self._shapes = shapes
        self._warned_about_motion = False

    def octaves(self, height: int, width: int) -> list[Shape]:
        """Return the octaves of an image of `height` x `width`, from the largest to the smallest."""
        settings = self._engine.settings
        shapes = still_shapes(settings, height, width, network_for(settings).smallest)
        self._shapes.current = shapes[0]
        return shapes

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return the dream of `pixels`, uint8 RGB (h, w, 3), in the same size.

        Raises DeviceError when the device has not enough memory.
        """
        mask = self.mask(pixels)
        detail = deque(self.steps(pixels, mask), maxlen=1).pop()
        if not detail.any() and not (mask is not None and mask.found_nobody):
            _log.warning("nothing was dreamt: %s is zero for this image", self._engine.ascent.objective)
        return self.compose(pixels, detail, mask)

    def mask(self, pixels: np.ndarray) -> StillMask | None:
        """Return the product of all masks of an image; None without any."""
        settings = self._engine.settings
        wanted = wanted_masks(settings)
        moving = [mask.name for mask in wanted if not mask.of_person]
        if moving and not self._warned_about_motion:
            self._warned_about_motion = True
            names = f"mask{'s' if len(moving) > 1 else ''} {' and '.join(moving)}"
            _log.warning("a still has no motion: ignoring the %s", names)
        of_person = [mask for mask in wanted if mask.of_person]
        files = self._engine.ascent.masks
        if not files and not of_person:
            return None
        mask = StillMask(files, of_person, pixels, settings.no_person)
        if mask.found_nobody:
            _log.warning("no person was found in the image: %s of it is dreamt", settings.no_person)
        return mask

    def steps(self, pixels: np.ndarray, mask: StillMask | None) -> Iterator[Tensor]:
        """Dream `pixels`, and yield what was added after each step; see `dream_still`."""
        settings, shapes = self._engine.settings, self.octaves(*pixels.shape[:2])
        step = TiledStep(self._engine, shapes)
        try:
            image = to_device(shrink(pixels, shapes[0]), self._engine.device)
            yield from dream_still(image, shapes, settings.still_steps, step, mask.at if mask else None)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            remedy = "choose a smaller still_height"
            raise too_little_memory(settings, self._shapes.current, first_line(error), remedy) from error

    def compose(self, pixels: np.ndarray, detail: Tensor, mask: StillMask | None) -> np.ndarray:
        """Return `pixels` with `detail`, which `steps` yielded, added at their full size."""
        residual = to_int16_array(detail)
        self._engine.count_dropped(int(self._engine.ascent.take_dropped()))
        dream = compose(pixels, residual, self._engine.settings.strength)
        return mask.blend(pixels, dream) if mask else dream


def dream_still(
    image: Tensor,
    shapes: Sequence[Shape],
    steps: int,
    step: Step,
    mask_at: Callable[[Shape], np.ndarray] | None = None,
) -> Iterator[Tensor]:
    """Dream an image, and yield after each step what was added: dream minus image, at the shape of the octave.

    Args:
        image: float32 RGB (1, 3, h, w), 0..255, at the first of `shapes`; not changed.
        shapes: (height, width) of the octaves, from the largest to the smallest.
        steps: number of steps at each octave.
        step: makes one step.
        mask_at: returns the mask at a shape, float32 (h, w), 0 where the image stays unchanged; None for no mask.
    """
    detail = torch.zeros_like(image)
    for octave, shape in enumerate(reversed(shapes)):
        base = F.interpolate(image, shape, mode="bilinear", antialias=True)
        dream = _within(base + F.interpolate(detail, shape, mode="bilinear"), base)
        mask = torch.from_numpy(mask_at(shape))[None, None].to(image.device) if mask_at else None
        for number in range(steps):
            dream = _softened(dream, step(dream, shape, octave, number))
            detail = dream - base
            if mask is not None:
                detail *= mask
                dream = base + detail
            yield detail


class TiledStep:
    """The `Step` of a still, in tiles that get smaller when the device has not enough memory for them."""

    def __init__(self, engine: Engine, shapes: Sequence[Shape]) -> None:
        """shapes: of the octaves, from the largest to the smallest."""
        settings = engine.settings
        self._engine, self._settings, self._count = engine, settings, len(shapes)
        # An objective with a fixed position in the image cannot be evaluated in tiles.
        self._needs_whole_image = engine.ascent.objective.needs_whole_image
        self._side = max(shapes[0]) if self._needs_whole_image else settings.tile_size
        self._by = preconditioner(settings.natural_color, settings.coarseness)
        self._progress = StillProgress(shapes, settings.still_steps)

    def __call__(self, image: Tensor, shape: Shape, octave: int, number: int) -> Tensor:
        share = share_of(self._count - 1 - octave, self._count)
        shift = self._engine.draw_shift(octave, number, shape)

        def report(part: float) -> None:
            self._engine.report(self._progress.after(octave, number, part))

        while True:
            parts = tiles(shape, self._side, np.random.default_rng((self._settings.seed, octave, number, 1)))
            try:
                step_size = self._settings.step_size
                image = self._engine.ascent.step(image, shape, shift, step_size, share, parts, self._by, report)
            except RuntimeError as error:
                side = min(self._side, max(shape))
                smaller = max(side // 2, LEAST_SIDE)
                if not is_out_of_memory(error) or self._needs_whole_image or smaller >= side:
                    raise
                _log.warning(
                    "not enough memory: continuing with tiles of at most %d pixels: %s", smaller, first_line(error)
                )
            else:
                report(1.0)
                return image
            # Outside the except block: the error holds the tensors of the step that failed.
            self._side = smaller


class StillProgress:
    """Computes how much of a still is done. The cost of a step is proportional to the pixels of its octave.

    In a still of 1280x720 with 15 steps per octave, a pixel took between 0.6 and 1.5 microseconds at all octaves. By
    the number of steps, five sixths would be done when half of the work is.
    """

    def __init__(self, shapes: Sequence[Shape], steps: int) -> None:
        """shapes: of the octaves, from the largest to the smallest. steps: number of steps at each of them."""
        self._areas = [height * width for height, width in reversed(shapes)]
        self._steps = steps

    def after(self, octave: int, number: int, part: float = 1.0) -> StepReport:
        """Return the progress after `part` of step `number`, from 0, of an octave; 0 is the smallest octave."""
        done = self._steps * sum(self._areas[:octave]) + (number + part) * self._areas[octave]
        return StepReport(
            "dreaming",
            done=octave * self._steps + number + int(part),
            total=len(self._areas) * self._steps,
            share=done / (self._steps * sum(self._areas)),
        )


def _within(dream: Tensor, image: Tensor) -> Tensor:
    """Return `dream` kept off black and white where `image` is: the detail of a smaller octave may exceed the range."""
    lowest, highest = image.clamp(max=_HEADROOM), image.clamp(min=255 - _HEADROOM)
    return torch.minimum(torch.maximum(dream, lowest), highest)


def _softened(before: Tensor, after: Tensor) -> Tensor:
    """Return `before` plus the change to `after`, weakened near black and white. `before` is in 0..255."""
    change = after - before
    room = torch.where(change > 0, 255 - before, before)
    return change.mul_(room.div_(_SOFT).clamp_(0, 1)).add_(before).clamp_(0, 255)
