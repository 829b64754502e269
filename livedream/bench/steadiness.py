"""How steady a dream is, and how strong.

flicker: mean absolute difference, in levels of 255, between a frame and the one before it moved by the source's own
optical flow, over the pixels where the flow explains the source (an error under 10). The same of the source is what a
perfectly steady dream would have. After W.-S. Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018 (warp
error), without its occlusion network.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

_EXPLAINED = 10
_WHITE, _BLACK = 250, 5
SETTLED = 200
"""Still frames after which a dream has grown as far as it will: drift is counted from there."""


class Flicker(NamedTuple):
    dream: float
    source: float

    @property
    def ratio(self) -> float:
        return self.dream / self.source


def flicker(dreams: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> Flicker:
    """Return the flicker of `dreams` and of the frames they are of, all uint8 RGB (h, w, 3); at least two."""
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
    dream, source = np.mean(found, axis=0)
    return Flicker(float(dream), float(source))


def _error(now: np.ndarray, before: np.ndarray, places: np.ndarray) -> np.ndarray:
    # One map carries x and y, which OpenCV's stubs do not know.
    warped = cv2.remap(  # type: ignore[call-overload]
        before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.absdiff(now, warped).mean(axis=2)


class Drift(NamedTuple):
    """From still frame SETTLED to the last."""

    luminance: float
    """Change of the mean, in levels of 255."""
    clipped: float
    """Share of pixels at the end that are black or white and were not in the source."""


def drift(dream: Callable[[np.ndarray], np.ndarray], frames: Iterator[np.ndarray]) -> Drift:
    """Dream `frames`, more than SETTLED of a scene that stands still, and return how far the picture has moved."""
    begun: float | None = None
    source = picture = np.zeros((1, 1, 3), np.uint8)
    for number, source in enumerate(frames):
        picture = dream(source)
        if number == SETTLED:
            begun = _luminance(picture)
    if begun is None:
        raise ValueError(f"drift needs more than {SETTLED} frames")
    return Drift(_luminance(picture) - begun, _clipped(picture) - _clipped(source))


def _luminance(picture: np.ndarray) -> float:
    return float(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean())


def _clipped(picture: np.ndarray) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(((grey > _WHITE) | (grey < _BLACK)).mean())
