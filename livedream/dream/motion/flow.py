"""Motion between two frames: optical flow, its confidence, and scene cuts."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from livedream.dream.image.octaves import Shape

_WINDOW = 25
"""Number of pixels over which an error is summed: a window of 5x5."""


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """Optical flow from the current frame back to the previous one."""

    vectors: np.ndarray
    """float32 (h, w, 2): pixel (x, y) of the current frame was at (x, y) + vector; in pixels of this map."""
    confidence: np.ndarray
    """float32 (h, w), 0..1: 1 where the warped previous frame looks like the current one, 0 where it was occluded."""
    still: bool = False
    """Whether nothing moves in the whole frame, except for camera noise."""

    def at(self, shape: Shape) -> "Flow":
        """Return the flow interpolated to `shape` (height, width), in pixels of that shape."""
        height, width = self.confidence.shape
        if (height, width) == shape:
            return self
        # OpenCV here and below: numpy takes 0.1 ms to broadcast one channel to two, and holds Python's lock meanwhile.
        stretched = cv2.multiply(self.vectors, np.array([shape[1] / width, shape[0] / height, 0, 0]))
        vectors = cv2.resize(stretched, shape[::-1], interpolation=cv2.INTER_LINEAR)
        return Flow(vectors, cv2.resize(self.confidence, shape[::-1], interpolation=cv2.INTER_LINEAR), self.still)


class Motion:
    """Estimates the flow of a stream, frame by frame.

    Source: T. Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (DIS), ECCV 2016. The
    flow goes from the current frame to the previous one, as a backward warp needs it; the other direction smears edges.
    """

    # Errors up to _NOISE levels are camera noise (sigma 3 gives differences of 3.4 on average, less at half size). The
    # confidence falls from there to 0 at _NOISE + _FADE.
    _NOISE = 6.0
    _FADE = 24.0
    # A scene was cut if the correlation of the frame with the warped previous frame is below this. On 500 frames of
    # three videos it was at least 0.81 within a scene, at most 0.31 at their five cuts, and 0.54 between two videos.
    _CUT = 0.65

    def __init__(self, shape: Shape, scale: float, previous: np.ndarray | None = None) -> None:
        """Prepare for a stream of frames.

        Args:
            shape: (height, width) of the frames that will come.
            scale: size of the flow map relative to the frames, at most 1; half the size takes a quarter of the time.
            previous: `previous` of another Motion, to continue from.
        """
        self.made_for = shape, scale
        # Below 32 pixels DIS (OpenCV 5.0) has no pyramid level left: it crashed with 16x150 and with 24x250.
        self._map_shape = max(int(shape[0] * scale), 32), max(int(shape[1] * scale), 32)
        self.previous = previous
        """uint8 (h, w): the last frame in grey, at the size of the flow map; None before the first."""
        height, width = self._map_shape
        self._grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)

    def follow(self, other: "Motion") -> None:
        """Continue from the last frame of `other`, which was made for another shape."""
        if other.previous is not None:
            self.previous = cv2.resize(other.previous, self._map_shape[::-1], interpolation=cv2.INTER_AREA)

    def __call__(self, pixels: np.ndarray) -> Flow | None:
        """Return the flow from `pixels`, uint8 RGB (h, w, 3), to the last frame; None for the first and after a cut."""
        return self.begin(pixels)()

    def begin(self, pixels: np.ndarray) -> Callable[[], Flow | None]:
        """Take the next frame, and return the function that estimates its flow.

        That function may run on any thread, at the same time as those of other frames.
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
        # OpenCV's stubs do not know that one map may hold x and y. Everything is done by OpenCV, in place: with numpy
        # it took half as long as the flow itself.
        warped = cv2.remap(  # type: ignore[call-overload]
            previous, cv2.add(self._grid, vectors), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        if self._is_cut(current, warped):
            return None
        still_error, error = _error(current, previous), _error(current, warped)
        # Flow estimated from noise makes a still scene swim: where no motion explains the frame as well, the flow is 0.
        still = np.less_equal(cv2.subtract(still_error, error), _WINDOW).view(np.uint8)
        cv2.copyTo(np.zeros_like(vectors), still, vectors)
        cv2.copyTo(still_error, still, error)
        is_still = cv2.countNonZero(still) == still.size and float(error.max()) < self._NOISE * _WINDOW
        confidence = np.multiply(error, -1 / (self._FADE * _WINDOW), out=still_error)
        confidence += 1 + self._NOISE / self._FADE
        return Flow(vectors, np.clip(confidence, 0, 1, out=confidence), is_still)

    def _is_cut(self, current: np.ndarray, warped: np.ndarray) -> bool:
        means, deviations = (np.ravel(each) for each in zip(*map(cv2.meanStdDev, (current, warped)), strict=True))
        energy = deviations.prod()
        # The mean of (a - b)^2 is that of a^2 and of b^2 less twice that of a * b.
        apart = cv2.norm(current, warped, cv2.NORM_L2SQR) / current.size
        covariance = (np.square(deviations).sum() + np.square(np.subtract(*means)) - apart) / 2
        # Two uniform frames (black, fog) have only noise to correlate, and no dream that could remain as a ghost.
        return bool(energy > 4 and covariance < self._CUT * energy)


def _error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the absolute difference of two grey images, summed over 5x5 pixels around each: float32 (h, w)."""
    return cv2.boxFilter(cv2.absdiff(a, b), cv2.CV_32F, (5, 5), normalize=False)
