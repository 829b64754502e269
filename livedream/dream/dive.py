"""The endless dive: a picture that grows about its middle for ever, and is dreamt again at each frame.

Nothing blurs away: what an enlargement loses in detail the next step puts back, at the full size of the frame and not
at a working height. Enlarging is by Lanczos' filter over 8x8 pixels, on float32, so that no frame is rounded.

Source: A. Mordvintsev et al., google/deepdream, dream.ipynb, the last cells (2015): dream, zoom by 5 %, again.
"""

import cv2
import numpy as np

from livedream.dream.choice import network_for
from livedream.dream.compute.forking import use_torch
from livedream.dream.dreamer import Dreamer
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.masks import wanted_masks
from livedream.dream.image.octaves import octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import preconditioner
from livedream.dream.image.resize import from_pixels, shrink, to_pixels
from livedream.dream.objective.validation import check_names
from livedream.dream.stream.zoom import zoom_matrix
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.steps import OnStep

# Share of what brightness and contrast of each colour are off those of the photograph that is put right at each frame.
# Without it each step adds contrast, until all is black, white and pure colours. What is dreamt in a photograph with
# less contrast than _SPREAD is pale.
_STEADY = 0.1
_SPREAD = 50


class Dive:
    """Makes the frames of a dive: called with a frame, it returns the next one.

    settings: zoom, rotate, and all that a Dreamer does at each frame of a video. drift: by how many pixels, to the
    right and down, the picture moves from frame to frame. on_step: called while the network is loaded.

    The first frame that it is called with is where the dive begins; all others only say that another one is wanted.
    Errors are those of a Dreamer.
    """

    def __init__(
        self, settings: DreamSettings, drift: tuple[float, float] = (0, 0), *, on_step: OnStep | None = None
    ) -> None:
        check_names(settings)
        self._settings = settings
        self._drift = drift
        dreamer = Dreamer(settings)
        dreamer.on_step = on_step
        self._ascent = dreamer.ascent_for(settings)
        if self._ascent.masks or wanted_masks(settings):
            raise ArgumentError(
                "a dive leaves its picture behind, with all that a mask would keep",
                "leave out mask:" if self._ascent.objective.all_masks else "choose a preset without a mask",
            )
        self._picture: np.ndarray | None = None
        self._count = 0

    @property
    def description(self) -> str:
        """What dreams: device, precision, network and objective."""
        network = self._ascent.network
        numbers = str(network.dtype).removeprefix("torch.")
        return f"{network.mean.device.type} {numbers}, {network.name}, {self._ascent.objective}"

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
        self._map = zoom_matrix(shape, settings.zoom, settings.rotate, self._drift)
        picture = shrink(pixels, shape).astype(np.float32)
        self._looks = picture.mean((0, 1)), np.maximum(picture.std((0, 1)), _SPREAD)
        return picture

    def _enlarge(self, picture: np.ndarray) -> np.ndarray:
        how = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(picture, self._map, picture.shape[1::-1], flags=how, borderMode=cv2.BORDER_REFLECT_101)

    def _dream(self, picture: np.ndarray) -> np.ndarray:
        settings = self._settings
        dream = from_pixels(self._steady(picture)).to(self._ascent.network.mean.device)
        by = preconditioner(settings.natural_color, settings.coarseness)
        for step in range(settings.steps):
            number = (self._count * settings.steps + step) % len(self._shapes)
            octave = self._shapes[number]
            shift = draw_shift(settings.seed, self._count, step, settings.jitter, octave)
            share = share_of(number, len(self._shapes))
            dream = self._ascent.step(dream, octave, shift, settings.step_size, share, by=by)
        return to_pixels(dream.clamp_(0, 255).cpu())

    def _steady(self, picture: np.ndarray) -> np.ndarray:
        mean, spread = picture.mean((0, 1)), picture.std((0, 1))
        wanted_mean, wanted_spread = self._looks
        factor = 1 + _STEADY * (wanted_spread / np.maximum(spread, 1) - 1)
        return (picture - mean) * factor + mean + _STEADY * (wanted_mean - mean)
