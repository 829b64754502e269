"""Metrics of the look of a dream: colour, detail, clipping and strength of the dream minus its source.

All images are uint8 RGB (h, w, 3). Colour and detail are measured at 448x256, the working size of a 16:9 video.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from livedream.bench.photographs import load_photograph, resize_and_crop
from livedream.bench.temporal_stability import clipped_fraction
from livedream.capture.video import VideoSource
from livedream.dream.dreamer import Dreamer
from livedream.frame import Frame

SIZE = (448, 256)
"""(width, height) at which colour and detail are measured, and of still scenes."""
SCENES = ("astronaut", "chelsea", "coffee", "rocket")
"""The photographs that are dreamt as still scenes and as stills."""
VIDEO_FRAMES = 100
SCENE_FRAMES = 60
NOISE = 3.0
"""Standard deviation of the noise of a camera indoors, in levels of 255."""
_STILL_SIZE = (672, 384)
_FREQUENCIES = (0.02, 0.4)
"""Cycles per pixel between which the slope of the spectrum is fitted."""
_BINS = 24
_NOISE_FIELDS = 16


class Look(NamedTuple):
    """The metrics of one dream. Photographs themselves have chroma_over_luma 0.2 to 0.5 and slopes of -2.1 to -3.2."""

    chroma_over_luma: float
    slope: float
    clipped: float
    strength: float


def measure_look(dream: np.ndarray, source: np.ndarray) -> Look:
    """Return the metrics of `dream` relative to `source`, both of the same size."""
    small_dream, small_source = (cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA) for image in (dream, source))
    return Look(
        chroma_over_luma(small_dream, small_source),
        spectral_slope(small_dream, small_source),
        added_clipping(dream, source),
        strength(dream, source),
    )


def chroma_over_luma(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the root mean square of the chroma of dream minus source, divided by that of its luma.

    Luma is the mean of red, green and blue; chroma is their difference from it. Grey has 0; three independent channels,
    such as neon colours or noise, have the square root of 2. Without any luma the result is 0.
    """
    # This luma comes nearest to the prototype with which the looks were chosen: of the SqueezeNet presets of version
    # 0.1.0 on astronaut and chelsea, `live` has 0.84 and 0.90 (prototype: 0.90, 0.95) and `natural` 0.41 and 0.37
    # (0.39, 0.36). With the luma of Rec. 601 they are 0.78 and 0.83, 0.41 and 0.38.
    difference = _difference(dream, source)
    luma = difference.mean(axis=2)
    chroma = difference - luma[..., None]
    luma_power = np.square(luma).mean()
    return float(np.sqrt(np.square(chroma).mean() / luma_power)) if luma_power else 0.0


def spectral_slope(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the slope of the power spectrum of the luma of dream minus source, log-log, 0.02 to 0.4 cycles per pixel.

    The luma is multiplied by a Hann window. Its power is averaged over all directions, in bins that are equally wide on
    a logarithmic scale; a line is fitted to the bins by least squares. White noise has 0, photographs have about -2.
    The result is 0 if a bin has no power, as for a dream that equals its source.
    """
    luma = _difference(dream, source).mean(axis=2)
    height, width = luma.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.square(np.abs(np.fft.rfft2((luma - luma.mean()) * window)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    edges = np.geomspace(*_FREQUENCIES, _BINS + 1)
    bin_numbers = np.digitize(frequency, edges)
    # In a small image some of the lowest bins contain no frequency.
    bins = [bin_numbers == number for number in range(1, _BINS + 1) if (bin_numbers == number).any()]
    powers = [power[inside].mean() for inside in bins]
    if not all(powers):
        return 0.0
    slope, _ = np.polyfit(np.log([frequency[inside].mean() for inside in bins]), np.log(powers), 1)
    return float(slope)


def added_clipping(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the share of pixels with a channel at 0 or 255, minus that of the source."""
    return clipped_fraction(dream) - clipped_fraction(source)


def strength(dream: np.ndarray, source: np.ndarray) -> float:
    """Return the mean absolute difference in levels of 255."""
    return float(cv2.absdiff(dream, source).mean())


def _difference(dream: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.subtract(dream, source, dtype=np.float64)


# Scenes --------------------------------------------------------------------------------------------------------------


def look_of_video(dreamer: Dreamer, video: VideoSource) -> Look:
    """Return the look of the dream at frame VIDEO_FRAMES of `video`, or at its last frame if it is shorter."""
    dreamer.reset()
    for frame in islice(video, VIDEO_FRAMES):
        dream = dreamer(frame)
    return measure_look(dream.pixels, frame.pixels)


def look_of_scene(dreamer: Dreamer, name: str) -> Look:
    """Return the look of the dream after SCENE_FRAMES frames of a photograph with the noise of a camera."""
    dreamer.reset()
    scene = still_scene(resize_and_crop(load_photograph(name), SIZE), NOISE)
    for number, pixels in enumerate(islice(scene, SCENE_FRAMES)):
        dream = dreamer(Frame(pixels, Fraction(number, 30), number))
    return measure_look(dream.pixels, pixels)


def look_of_still(dreamer: Dreamer, name: str) -> Look:
    """Return the look of a photograph that is dreamt as a still."""
    image = resize_and_crop(load_photograph(name), _STILL_SIZE)
    return measure_look(dreamer(image), image)


def still_scene(image: np.ndarray, sigma: float) -> Iterator[np.ndarray]:
    """Yield `image` forever, each time with different noise, as from a camera.

    Args:
        image: uint8 RGB (h, w, 3).
        sigma: standard deviation of the noise in levels of 255; 0 for none.
    """
    random = np.random.default_rng(0)
    count = _NOISE_FIELDS if sigma else 0
    noise_fields = [np.round(random.normal(0, sigma, image.shape)).astype(np.int16) for _ in range(count)]
    number = 0
    while True:
        if not sigma:
            yield image
            continue
        # A few noise fields, each rolled by a random offset: as good as new ones, and ten times as fast.
        noise = np.roll(noise_fields[number % count], random.integers(image.shape[0]), axis=0)
        number += 1
        yield cv2.add(image, noise, dtype=cv2.CV_8U)
