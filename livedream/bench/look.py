"""How a dream looks, in numbers: colour, detail, clipping and strength of what was dreamt, which is dream minus source.

All pictures are uint8 RGB (h, w, 3). Colour and detail are measured at 448x256, the working size of a film of 16:9.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from livedream.bench.photographs import fit, photograph
from livedream.bench.temporal_stability import clipped
from livedream.capture.video import VideoSource
from livedream.dream.dreamer import Dreamer
from livedream.frame import Frame

SIZE = (448, 256)
"""(width, height) at which colour and detail are measured, and at which still scenes are dreamt."""
SCENES = ("astronaut", "chelsea", "coffee", "rocket")
"""The photographs that are dreamt as still scenes and as stills."""
FILM_FRAMES = 100
SCENE_FRAMES = 60
NOISE = 3.0
"""Sigma of a camera's noise indoors, in levels of 255."""
_STILL_SIZE = (672, 384)
_FREQUENCIES = (0.02, 0.4)
"""Cycles a pixel between which the slope of the spectrum is fitted."""
_BINS = 24


class Look(NamedTuple):
    """The numbers of one dream. Photographs themselves have chroma_over_luma 0.2 to 0.5 and slopes of -2.1 to -3.2."""

    chroma_over_luma: float
    slope: float
    clipped: float
    strength: float


def look(dream: np.ndarray, source: np.ndarray) -> Look:
    """Return how `dream` looks beside `source`, both of the same size."""
    small, ground = (cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA) for picture in (dream, source))
    return Look(
        chroma_over_luma(small, ground),
        spectral_slope(small, ground),
        clipped_share(dream, source),
        strength(dream, source),
    )


def chroma_over_luma(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the root mean square of the chroma of what was dreamt over that of its luma; 0 without any luma.

    Luma is the mean of red, green and blue, chroma what the three differ from it by. 0 is grey; three independent
    channels, as neon as noise, have the square root of 2.
    """
    # With this luma the numbers come nearest to those of the prototype by which the look was chosen: of the SqueezeNet
    # presets of version 0.1.0 on astronaut and chelsea, `live` has 0.84 and 0.90 (there 0.90, 0.95) and `natural` 0.41
    # and 0.37 (0.39, 0.36). With Rec. 601's they are 0.78 and 0.83, 0.41 and 0.38.
    dreamt = _dreamt(dream, source)
    luma = dreamt.mean(axis=2)
    chroma = dreamt - luma[..., None]
    below = np.square(luma).mean()
    return float(np.sqrt(np.square(chroma).mean() / below)) if below else 0.0


def spectral_slope(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the slope of the power spectrum of the luma of what was dreamt, log-log, 0.02 to 0.4 cycles a pixel.

    Under a Hann window, averaged over all directions in bins of equal width in the logarithm; least squares over the
    bins. White noise has 0, photographs have about -2. 0 where nothing was dreamt too.
    """
    luma = _dreamt(dream, source).mean(axis=2)
    height, width = luma.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.square(np.abs(np.fft.rfft2((luma - luma.mean()) * window)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    edges = np.geomspace(*_FREQUENCIES, _BINS + 1)
    bins = np.digitize(frequency, edges)
    # A small picture has no frequency in some of the lowest bins.
    places = [bins == number for number in range(1, _BINS + 1) if (bins == number).any()]
    powers = [power[place].mean() for place in places]
    if not all(powers):
        return 0.0
    slope, _ = np.polyfit(np.log([frequency[place].mean() for place in places]), np.log(powers), 1)
    return float(slope)


def clipped_share(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the share of pixels with a channel at 0 or 255, less that of the source."""
    return clipped(dream) - clipped(source)


def strength(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the mean absolute difference in levels of 255."""
    return float(cv2.absdiff(dream, source).mean())


def _dreamt(dream: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.subtract(dream, source, dtype=np.float64)


# Scenes --------------------------------------------------------------------------------------------------------------


def look_of_film(dreamer: Dreamer, film: VideoSource) -> Look:
    """Return how `dreamer` looks at frame FILM_FRAMES of `film`, or at the last one of a shorter film."""
    dreamer.reset()
    for frame in islice(film, FILM_FRAMES):
        dream = dreamer(frame)
    return look(dream.pixels, frame.pixels)


def look_of_scene(dreamer: Dreamer, name: str) -> Look:
    """Return how `dreamer` looks after SCENE_FRAMES of a photograph before a camera: a still scene with its noise."""
    dreamer.reset()
    for number, pixels in enumerate(islice(still_scene(fit(photograph(name), SIZE), NOISE), SCENE_FRAMES)):
        dream = dreamer(Frame(pixels, Fraction(number, 30), number))
    return look(dream.pixels, pixels)


def look_of_still(dreamer: Dreamer, name: str) -> Look:
    """Return how `dreamer` looks with a photograph dreamt as a still."""
    picture = fit(photograph(name), _STILL_SIZE)
    return look(dreamer(picture), picture)


def still_scene(picture: np.ndarray, sigma: float) -> Iterator[np.ndarray]:
    """Give `picture` again and again, each time with other noise, as a camera does; sigma in levels of 255."""
    random = np.random.default_rng(0)
    noises = [np.round(random.normal(0, sigma, picture.shape)).astype(np.int16) for _ in range(16 if sigma else 0)]
    number = 0
    while True:
        if not sigma:
            yield picture
            continue
        # Sixteen noises, each rolled to another place: as good as new ones and ten times as fast.
        noise = np.roll(noises[number % 16], random.integers(picture.shape[0]), axis=0)
        number += 1
        yield cv2.add(picture, noise, dtype=cv2.CV_8U)
