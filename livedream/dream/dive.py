"""The dive: an endless zoom into an image that is dreamt again at each frame.

The image stays sharp, because each step replaces the detail that the enlargement loses, at the full size of the frame
instead of a working height. A Lanczos filter over 8x8 pixels enlarges it, in float32, so that no frame is rounded.

Source: A. Mordvintsev et al., google/deepdream, dream.ipynb, the last cells (2015): dream, zoom by 5 %, again.
"""

import cv2
import numpy as np

from livedream.dream.compute.forking import use_torch
from livedream.dream.compute.precision import Compute
from livedream.dream.engine import Engine
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.masks import wanted_masks
from livedream.dream.image.octaves import octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import preconditioner
from livedream.dream.image.resize import from_pixels, shrink, to_pixels
from livedream.dream.motion.zoom import zoom_matrix
from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.validation import check_names
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.steps import OnStep

# Share by which mean and contrast of each colour channel are moved back to those of the first image at each frame.
# Without it each step adds contrast, until only black, white and pure colours remain.
_STEADY = 0.1
# Least contrast to aim at, as a standard deviation in levels of 255: the dream of a pale image would stay pale.
_SPREAD = 50


class Dive:
    """Makes the frames of a dive.

    A call with a `Frame` returns the next frame of the dive. The first call determines the image where the dive begins;
    of later frames only time and index count.

    Args:
        settings: zoom and rotation per frame, and everything that a Dreamer does with a frame of a video.
        drift: pixels per frame by which the image moves to the right and down.
        on_step: called while the network is loaded.

    Raises:
        ArgumentError: the settings have a mask.
        All errors of a Dreamer.
    """

    def __init__(
        self, settings: DreamSettings, drift: tuple[float, float] = (0, 0), *, on_step: OnStep | None = None
    ) -> None:
        check_names(settings)
        self._settings = settings
        self._drift = drift
        self._ascent = Engine(settings, on_step).ascent
        if self._ascent.masks or wanted_masks(settings):
            raise ArgumentError(
                "a dive takes no mask: it leaves its first image behind",
                "leave out mask:" if self._ascent.objective.all_masks else "choose a preset without a mask",
            )
        self._picture: np.ndarray | None = None
        self._count = 0

    @property
    def description(self) -> str:
        """Device, precision, network and objective."""
        network = self._ascent.network
        return f"{Compute(network.mean.device, network.dtype)}, {network.name}, {self._ascent.objective}"

    def __call__(self, frame: Frame) -> Frame:
        use_torch()
        if self._picture is None:
            picture = self._begin(frame.pixels)
        else:
            picture = self._dream(self._enlarge(self._picture))
            self._count += 1
        self._picture = picture
        return frame.with_pixels(picture.round().astype(np.uint8))

    def _begin(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        smallest = network_for(settings).smallest
        height, width = pixels.shape[:2]
        shape = working_shape(height, width, settings.still_height, smallest)
        self._shapes = octave_shapes(shape, settings.octaves, settings.octave_scale, smallest)
        self._zoom = zoom_matrix(shape, settings.zoom, settings.rotate, self._drift)
        picture = shrink(pixels, shape).astype(np.float32)
        self._target = picture.mean((0, 1)), np.maximum(picture.std((0, 1)), _SPREAD)
        return picture

    def _enlarge(self, image: np.ndarray) -> np.ndarray:
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, self._zoom, image.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)

    def _dream(self, image: np.ndarray) -> np.ndarray:
        """Return `image`, float32 (h, w, 3), after the steps of one frame."""
        settings = self._settings
        dream = from_pixels(self._steady(image)).to(self._ascent.network.mean.device)
        by = preconditioner(settings.natural_color, settings.coarseness)
        for step in range(settings.steps):
            number = (self._count * settings.steps + step) % len(self._shapes)
            octave = self._shapes[number]
            shift = draw_shift(settings.seed, self._count, step, settings.jitter, octave)
            share = share_of(number, len(self._shapes))
            dream = self._ascent.step(dream, octave, shift, settings.step_size, share, by=by)
        return to_pixels(dream.clamp_(0, 255).cpu())

    def _steady(self, image: np.ndarray) -> np.ndarray:
        """Return `image` with mean and contrast closer to those of the first image."""
        mean, spread = image.mean((0, 1)), image.std((0, 1))
        wanted_mean, wanted_spread = self._target
        factor = 1 + _STEADY * (wanted_spread / np.maximum(spread, 1) - 1)
        return (image - mean) * factor + mean + _STEADY * (wanted_mean - mean)
