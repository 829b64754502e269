"""Keeps every picture of a film in the shape of the first."""

import logging
from fractions import Fraction

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from livedream.capture.decoding.orientation import Orientation
from livedream.capture.decoding.side_data import side_data
from livedream.letterbox import letterbox

log = logging.getLogger(__name__)

_FIXED = ("mov", "matroska", "avi", "mxf", "flv", "asf")
"""Containers that say the pixel aspect themselves, for the whole film, as players take it."""


class Shape:
    """Turns pictures upright and letterboxes those of another shape than the first.

    first: the first picture. name: of the film.
    """

    def __init__(self, first: VideoFrame, name: str) -> None:
        self._name = name
        self._matrix = _display_matrix(first)
        self._turn = _turn(self._matrix)
        aspect = aspect_of(first)
        transposed = self._turn is not None and self._turn.transposed
        self.size = (first.height, first.width) if transposed else (first.width, first.height)
        """(width, height), upright."""
        self.pixel_aspect = 1 / aspect if transposed else aspect
        """Width of a pixel by its height, upright."""
        self._seen = {(self.size, Fraction(1))}

    def fit(self, pixels: np.ndarray, picture: VideoFrame) -> np.ndarray:
        """Return the RGB of `picture`, (height, width, 3), upright and in the shape of the first picture."""
        matrix = _display_matrix(picture)
        # In a bitstream only key frames carry it, for themselves and those that follow.
        if matrix != self._matrix and (matrix is not None or picture.key_frame):
            self._matrix, self._turn = matrix, _turn(matrix)
        aspect = aspect_of(picture)
        if self._turn is not None:
            pixels = self._turn.upright(pixels)
            aspect = 1 / aspect if self._turn.transposed else aspect
        aspect /= self.pixel_aspect
        kind = (pixels.shape[1], pixels.shape[0]), aspect
        if kind not in self._seen:
            self._seen.add(kind)
            sides = f"{kind[0][0]}x{kind[0][1]}" + ("" if aspect == 1 else " with another pixel aspect")
            log.info("%s: frame of %s fitted into %dx%d", self._name, sides, *self.size)
        return letterbox(pixels, self.size, aspect)


class _Mark:
    """Attached to one picture only: PyAV 18 forgets an object with the first of the pictures that have it."""

    def __init__(self, aspect: Fraction) -> None:
        self.aspect = aspect


class Aspects:
    """Marks the pictures of a stream with their pixel aspect; see `aspect_of`.

    The decoder knows the aspect of what comes next while it still gives pictures of before: a new one holds from the
    next key frame on.

    stream: before anything is decoded.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._default = stream.sample_aspect_ratio or Fraction(1)
        self._fixed = stream.container.format.name.startswith(_FIXED)
        self._first: tuple[int, int, Fraction] | None = None
        self._now = self._default

    def mark(self, pictures: list[VideoFrame], aspect: Fraction | None) -> None:
        """Mark pictures that come from a decoder that now tells `aspect`."""
        found = aspect or self._default
        for picture in pictures:
            if self._first is None:
                self._first = picture.width, picture.height, found
                self._now = self._default if self._fixed else found
            elif picture.key_frame:
                self._now = self._of_key_frame(picture, found, self._first)
            picture.opaque = _Mark(self._now)

    def _of_key_frame(self, picture: VideoFrame, found: Fraction, first: tuple[int, int, Fraction]) -> Fraction:
        if not self._fixed:
            return found
        return self._default if (picture.width, picture.height) == first[:2] else self._default * found / first[2]


def aspect_of(picture: VideoFrame) -> Fraction:
    """Return the pixel aspect with which `Aspects` has marked the picture, 1 where it has not."""
    return picture.opaque.aspect if isinstance(picture.opaque, _Mark) else Fraction(1)


def _display_matrix(picture: VideoFrame) -> bytes | None:
    return side_data(picture, Type.DISPLAYMATRIX)


def _turn(matrix: bytes | None) -> Orientation | None:
    return None if matrix is None else Orientation(np.frombuffer(matrix, np.int32).reshape(3, 3))
