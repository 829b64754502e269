"""Where each pixel was in the frame before: optical flow, how far it can be trusted, and whether the scene was cut."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from livedream.dream.image.octaves import Shape

_WINDOW = 25
"""Pixels over which an error is summed up."""


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """The way from the current frame back to the previous one."""

    vectors: np.ndarray
    """float32 (h, w, 2): pixel (x, y) of the current frame was at (x, y) + vector. In pixels of this map."""
    confidence: np.ndarray
    """float32 (h, w), 0..1: 1 where the previous frame, so moved, looks like the current one; 0 where it was hidden."""
    still: bool = False
    """Whether the whole picture stands, but for a camera's noise."""

    def at(self, shape: Shape) -> "Flow":
        """Return it for pictures of `shape` (height, width): interpolated, and in their pixels."""
        height, width = self.confidence.shape
        if (height, width) == shape:
            return self
        # Here and below by OpenCV: numpy takes 0.1 ms where two channels meet one, and keeps other threads waiting.
        stretched = cv2.multiply(self.vectors, np.array([shape[1] / width, shape[0] / height, 0, 0]))
        vectors = cv2.resize(stretched, shape[::-1], interpolation=cv2.INTER_LINEAR)
        return Flow(vectors, cv2.resize(self.confidence, shape[::-1], interpolation=cv2.INTER_LINEAR), self.still)


class Motion:
    """Follows a stream of frames.

    Source of the flow: T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (DIS), ECCV 2016. It goes from
    the current frame to the previous one, which is what a backward warp needs; the other way smears edges.
    """

    # Errors up to _NOISE levels are a camera's noise (sigma 3 gives differences of 3.4 on average, less at half size);
    # at _NOISE + _FADE the previous frame says nothing about this place any more.
    _NOISE = 6.0
    _FADE = 24.0
    # Correlation between the frame and the warped previous one, under which the scene has been cut. Seen on 500 frames
    # of three films: within a scene never under 0.81, at their five cuts never over 0.31, between two films 0.54.
    _CUT = 0.65

    def __init__(self, shape: Shape, scale: float, previous: np.ndarray | None = None) -> None:
        """Prepare for a stream of frames.

        Args:
            shape: (height, width) of the frames that will come.
            scale: size of the flow map relative to the frames, at most 1; half the size takes a quarter of the time.
            previous: `previous` of another Motion, to continue from.
        """
        self.made_for = shape, scale
        # Under 32 pixels DIS (OpenCV 5.0) has no level of its pyramid left: it crashed with 16x150 and with 24x250.
        self._map_shape = max(int(shape[0] * scale), 32), max(int(shape[1] * scale), 32)
        self.previous = previous
        """The frame before, grey, at the size of the map; None before the first."""
        height, width = self._map_shape
        self._grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)

    def follow(self, other: "Motion") -> None:
        """Go on from the frame that `other`, of another shape, has seen last."""
        if other.previous is not None:
            self.previous = cv2.resize(other.previous, self._map_shape[::-1], interpolation=cv2.INTER_AREA)

    def __call__(self, pixels: np.ndarray) -> Flow | None:
        """Return the flow from `pixels`, uint8 RGB, to the frame before; None for the first one and after a cut."""
        return self.begin(pixels)()

    def begin(self, pixels: np.ndarray) -> Callable[[], Flow | None]:
        """Take the next frame, and return the function that estimates its flow.

        It may run on any thread, and beside those of other frames.
        """
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        current = cv2.resize(grey, self._map_shape[::-1], interpolation=cv2.INTER_AREA)
        previous, self.previous = self.previous, current
        return lambda: None if previous is None else self._estimate(current, previous)

    def _estimate(self, current: np.ndarray, previous: np.ndarray) -> Flow | None:
        # A new object for each frame costs 0.04 ms: at some sizes (32x40, 64x80) the result of DIS depends on what the
        # object was used for before (OpenCV 5.0), and a run would not repeat.
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        vectors = dis.calc(current, previous, np.zeros_like(self._grid))
        # One map carries x and y, which OpenCV's stubs do not know. All by OpenCV, and in place: by numpy what follows
        # took half as long as the flow itself.
        warped = cv2.remap(  # type: ignore[call-overload]
            previous, cv2.add(self._grid, vectors), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        if self._is_cut(current, warped):
            return None
        still_error, error = _error(current, previous), _error(current, warped)
        # Flow found in noise makes a still scene swim: where standing still explains the picture as well, it stands.
        still = np.less_equal(cv2.subtract(still_error, error), _WINDOW).view(np.uint8)
        cv2.copyTo(np.zeros_like(vectors), still, vectors)
        cv2.copyTo(still_error, still, error)
        stands = cv2.countNonZero(still) == still.size and float(error.max()) < self._NOISE * _WINDOW
        confidence = np.multiply(error, -1 / (self._FADE * _WINDOW), out=still_error)
        confidence += 1 + self._NOISE / self._FADE
        return Flow(vectors, np.clip(confidence, 0, 1, out=confidence), stands)

    def _is_cut(self, current: np.ndarray, warped: np.ndarray) -> bool:
        means, deviations = (np.ravel(each) for each in zip(*map(cv2.meanStdDev, (current, warped)), strict=True))
        energy = deviations.prod()
        # The mean of (a - b)^2 is that of a^2 and of b^2 less twice that of a * b.
        apart = cv2.norm(current, warped, cv2.NORM_L2SQR) / current.size
        covariance = (np.square(deviations).sum() + np.square(np.subtract(*means)) - apart) / 2
        # Two even pictures (black, fog) have nothing to correlate but noise, and no dream that could be a ghost.
        return bool(energy > 4 and covariance < self._CUT * energy)


def _error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the absolute difference of two grey pictures, each pixel the sum of its 5x5 neighbours, as float32."""
    return cv2.boxFilter(cv2.absdiff(a, b), cv2.CV_32F, (5, 5), normalize=False)
