"""Temporal stability: flicker of a dream that follows a moving video, and drift of the dream of a still scene.

Flicker is the mean absolute difference, in levels of 255, between a frame and the previous frame warped by the source's
own optical flow, over the pixels where the flow explains the source (an error under 10). The flicker of the source
itself is what a perfectly stable dream would have. After W.-S. Lai et al., "Learning Blind Video Temporal Consistency",
ECCV 2018 (warp error), without its occlusion network.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from livedream.bench.memory import resident_mb

_MAX_FLOW_ERROR = 10
"""Warp error of the source, in levels, up to which the flow explains a pixel."""
SETTLED = 200
"""Still frames after which a dream has settled: drift is measured from there."""
_MEMORY_SETTLED = 500
"""Still frames after which a run has allocated the memory that it needs: growth is measured from there."""
_FLICKER_INTERVAL = 10
"""Of a still scene, one frame in this many is compared with the previous one."""


class Flicker(NamedTuple):
    dream: float
    source: float


def flicker(dreams: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> Flicker | None:
    """Return the flicker of a dream and of its source.

    Args:
        dreams: consecutive dreamt frames, uint8 RGB (h, w, 3).
        sources: the frames that they were dreamt from, of the same shape.

    Returns:
        None if the flow explains no pixel, as in a video of cuts or of noise.
    """
    height, width = sources[0].shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    mean_errors = []
    for current in range(1, len(sources)):
        greys = [cv2.cvtColor(sources[index], cv2.COLOR_RGB2GRAY) for index in (current, current - 1)]
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        positions = grid + dis.calc(greys[0], greys[1], np.zeros_like(grid))
        errors = [_warp_error(frames[current], frames[current - 1], positions) for frames in (dreams, sources)]
        explained = errors[1] < _MAX_FLOW_ERROR
        if explained.any():
            mean_errors.append([error[explained].mean() for error in errors])
    return Flicker(*np.mean(mean_errors, axis=0).tolist()) if mean_errors else None


def _warp_error(current: np.ndarray, previous: np.ndarray, positions: np.ndarray) -> np.ndarray:
    # One map holds x and y, which OpenCV's stubs do not allow.
    warped = cv2.remap(  # type: ignore[call-overload]
        previous, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.absdiff(current, warped).mean(axis=2)


class Drift(NamedTuple):
    """The drift of the dream of a still scene.

    Luminance is the mean in levels of 255; `clipped` is the share of pixels with a channel at 0 or 255. Both are those
    of the dream minus those of its source, so that camera noise does not count as drift.
    """

    luminance_grown: float
    clipped_grown: float
    """The settled dream, at frame SETTLED: the reference of the next two."""
    luminance: float
    clipped: float
    """The largest distance from the reference in any later frame."""
    flicker: float
    """Mean absolute difference of consecutive frames from SETTLED on, where the flow is known to be zero. With camera
    noise it shows how much the dream moves."""
    flicker_source: float
    rss_growth: float | None
    """Growth of the memory of this process from frame 500 to the last frame, as a share; None for a shorter run."""


def drift(dream: Callable[[np.ndarray], np.ndarray], frames: Iterable[np.ndarray]) -> Drift:
    """Dream a still scene and measure how it drifts.

    Args:
        dream: the dreamer: takes and returns uint8 RGB (h, w, 3).
        frames: the scene, more than SETTLED + 1 frames.

    Raises:
        ValueError: there are too few frames.
    """
    reference = largest_drift = np.zeros(2)
    flickers = []
    settled_mb: float | None = None
    previous: tuple[np.ndarray, np.ndarray] | None = None
    index = -1
    for index, source in enumerate(frames):
        current = dream(source), source
        if index == _MEMORY_SETTLED:
            settled_mb = resident_mb()
        if index >= SETTLED:
            change = _levels(current[0]) - _levels(current[1])
            reference = change if index == SETTLED else reference
            largest_drift = np.where(abs(change - reference) > abs(largest_drift), change - reference, largest_drift)
            if previous is not None and (index - SETTLED) % _FLICKER_INTERVAL == 1:
                flickers.append([cv2.absdiff(*pair).mean() for pair in zip(current, previous, strict=True)])
        previous = current
    if not flickers:
        raise ValueError(f"drift needs more than {SETTLED + 1} frames, got {index + 1}")
    final_mb = resident_mb() if settled_mb else None
    growth = final_mb / settled_mb - 1 if final_mb and settled_mb else None
    dream_flicker, source_flicker = np.mean(flickers, axis=0).tolist()
    luminance_grown, clipped_grown = reference.tolist()
    luminance, clipped = largest_drift.tolist()
    return Drift(luminance_grown, clipped_grown, luminance, clipped, dream_flicker, source_flicker, growth)


def _levels(image: np.ndarray) -> np.ndarray:
    """Return the mean luminance and the share of clipped pixels, (2,)."""
    return np.array([cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0], clipped_fraction(image)])


def clipped_fraction(image: np.ndarray) -> float:
    """Return the share of the pixels of `image`, uint8 RGB (h, w, 3), that have a channel at 0 or 255."""
    not_clipped = cv2.countNonZero(cv2.inRange(image, (1, 1, 1), (254, 254, 254)))
    return 1 - not_clipped / (image.shape[0] * image.shape[1])
