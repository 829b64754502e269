"""Keeps every picture of a film in the shape of the first."""

import logging
from fractions import Fraction

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from livedream.capture.sidedata import side_data
from livedream.capture.turn import Turn
from livedream.letterbox import letterbox

log = logging.getLogger(__name__)


class Shape:
    """Turns pictures upright and letterboxes those of another shape than the first.

    first: the first picture. pixel_aspect: of its pixels, before it is turned. name: of the film.
    """

    def __init__(self, first: VideoFrame, pixel_aspect: Fraction, name: str) -> None:
        self._name = name
        self._matrix = _display_matrix(first)
        self._turn = _turn(self._matrix)
        self._first_aspect = aspect_of(first)
        transposed = self._turn is not None and self._turn.transposed
        self.size = (first.height, first.width) if transposed else (first.width, first.height)
        """(width, height), upright."""
        self.pixel_aspect = 1 / pixel_aspect if transposed else pixel_aspect
        """Of upright pictures."""
        self._stored_aspect = pixel_aspect
        self._seen = {(self.size, Fraction(1))}

    def fit(self, pixels: np.ndarray, picture: VideoFrame) -> np.ndarray:
        """Return the RGB of `picture`, (height, width, 3), upright and in the shape of the first picture."""
        matrix = _display_matrix(picture)
        if matrix != self._matrix:
            self._matrix, self._turn = matrix, _turn(matrix)
        aspect = self._stored_aspect * aspect_of(picture) / self._first_aspect
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


class Aspects:
    """Marks the pictures of a stream with the pixel aspect that its decoder found; see `aspect_of`.

    The decoder knows the aspect of what comes next while it still gives pictures of before: a new one holds from the
    next key frame on.

    fixed: whether the container says it, for all pictures of the size of the first.
    """

    def __init__(self, *, fixed: bool) -> None:
        self._fixed = fixed
        self._first: tuple[int, int, Fraction] | None = None
        self._now = Fraction(1)

    def mark(self, pictures: list[VideoFrame], aspect: Fraction | None) -> None:
        """Mark pictures that come from a decoder that now tells `aspect`."""
        found = aspect or Fraction(1)
        for picture in pictures:
            if self._first is None:
                self._first = picture.width, picture.height, found
                self._now = found
            elif picture.key_frame:
                same_size = (picture.width, picture.height) == self._first[:2]
                self._now = self._first[2] if self._fixed and same_size else found
            picture.opaque = self._now


def aspect_of(picture: VideoFrame) -> Fraction:
    """Return the pixel aspect with which `Aspects` has marked the picture, 1 where it has not."""
    return picture.opaque if isinstance(picture.opaque, Fraction) else Fraction(1)


def _display_matrix(picture: VideoFrame) -> bytes | None:
    return side_data(picture, Type.DISPLAYMATRIX)


def _turn(matrix: bytes | None) -> Turn | None:
    return None if matrix is None else Turn(np.frombuffer(matrix, np.int32).reshape(3, 3))
