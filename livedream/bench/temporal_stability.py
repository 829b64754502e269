"""How steady a dream is.

flicker: mean absolute difference, in levels of 255, between a frame and the one before it moved by the source's own
optical flow, over the pixels where the flow explains the source (an error under 10). The same of the source is what a
perfectly steady dream would have. After W.-S. Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018 (warp
error), without its occlusion network.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from livedream.bench.memory import resident_mb

_EXPLAINED = 10
SETTLED = 200
"""Still frames after which a dream has grown as far as it will: drift is looked for from there on."""
_FILLED = 500
"""Still frames after which a run has taken the memory that it needs: growth is counted from there."""
_PAIRS = 10
"""Every so many frames of a still scene one is compared with the one before it."""


class Flicker(NamedTuple):
    dream: float
    source: float


def flicker(dreams: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> Flicker | None:
    """Return the flicker of `dreams` and of the frames they are of, all uint8 RGB (h, w, 3).

    None where the flow explains nothing: a film of cuts, or of noise.
    """
    height, width = sources[0].shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    found = []
    for now in range(1, len(sources)):
        greys = [cv2.cvtColor(sources[number], cv2.COLOR_RGB2GRAY) for number in (now, now - 1)]
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        places = grid + dis.calc(greys[0], greys[1], np.zeros_like(grid))
        errors = [_error(frames[now], frames[now - 1], places) for frames in (dreams, sources)]
        explained = errors[1] < _EXPLAINED
        if explained.any():
            found.append([error[explained].mean() for error in errors])
    return Flicker(*np.mean(found, axis=0).tolist()) if found else None


def _error(now: np.ndarray, before: np.ndarray, places: np.ndarray) -> np.ndarray:
    # One map carries x and y, which OpenCV's stubs do not know.
    warped = cv2.remap(  # type: ignore[call-overload]
        before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.absdiff(now, warped).mean(axis=2)


class Drift(NamedTuple):
    """Of the dream of a scene that stands still.

    Clipped are the pixels of which a channel is 0 or 255. Both shares and luminance, the mean in levels of 255, are
    those of the dream less those of its source: a camera's noise is no drift.
    """

    luminance_grown: float
    clipped_grown: float
    """Of the settled dream, at frame SETTLED: its look, the reference of the two that follow."""
    luminance: float
    clipped: float
    """How far it gets from there at most, in any frame up to the last."""
    flicker: float
    """As above, from SETTLED on; the flow is known to be none. With a camera's noise it tells how much it swims."""
    flicker_source: float
    rss_growth: float | None
    """Of the memory of this process, from frame 500 to the last, as a share; None of a shorter run."""


def drift(dream: Callable[[np.ndarray], np.ndarray], frames: Iterable[np.ndarray]) -> Drift:
    """Dream `frames`, more than SETTLED + 1 of a scene that stands still, uint8 RGB (h, w, 3)."""
    grown = most = np.zeros(2)
    flickers = []
    filled: float | None = None
    before: tuple[np.ndarray, np.ndarray] | None = None
    number = -1
    for number, source in enumerate(frames):
        now = dream(source), source
        if number == _FILLED:
            filled = resident_mb()
        if number >= SETTLED:
            change = _levels(now[0]) - _levels(now[1])
            grown = change if number == SETTLED else grown
            most = np.where(abs(change - grown) > abs(most), change - grown, most)
            if before is not None and (number - SETTLED) % _PAIRS == 1:
                flickers.append([cv2.absdiff(*pair).mean() for pair in zip(now, before, strict=True)])
        before = now
    if not flickers:
        raise ValueError(f"drift needs more than {SETTLED + 1} frames, got {number + 1}")
    left = resident_mb() if filled else None
    growth = left / filled - 1 if left and filled else None
    dreams, sources = np.mean(flickers, axis=0).tolist()
    return Drift(float(grown[0]), float(grown[1]), float(most[0]), float(most[1]), dreams, sources, growth)


def _levels(picture: np.ndarray) -> np.ndarray:
    """Return the mean luminance, and the share of pixels that are clipped."""
    return np.array([cv2.mean(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[0], clipped(picture)])


def clipped(picture: np.ndarray) -> float:
    """Return the share of pixels of `picture`, uint8 RGB (h, w, 3), of which a channel is 0 or 255."""
    between = cv2.countNonZero(cv2.inRange(picture, (1, 1, 1), (254, 254, 254)))
    return 1 - between / (picture.shape[0] * picture.shape[1])
