"""Keeps every frame of a video in the shape of the first."""

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
"""Containers whose own pixel aspect applies to the whole video, as in players."""


class Shape:
    """Rotates frames upright and letterboxes those of another shape than the first.

    Args:
        first: the first frame.
        name: of the video, for messages.
    """

    def __init__(self, first: VideoFrame, name: str) -> None:
        self._name = name
        self._matrix = _display_matrix(first)
        self._orientation = _orientation(self._matrix)
        aspect = aspect_of(first)
        transposed = self._orientation is not None and self._orientation.transposed
        self.size = (first.height, first.width) if transposed else (first.width, first.height)
        """(width, height), upright."""
        self.pixel_aspect = 1 / aspect if transposed else aspect
        """Width of a pixel over its height, upright."""
        self._known_shapes = {(self.size, Fraction(1))}

    def fit(self, pixels: np.ndarray, frame: VideoFrame) -> np.ndarray:
        """Return `pixels`, the RGB of a frame (height, width, 3), upright and in the shape of the first frame."""
        matrix = _display_matrix(frame)
        # In a bitstream only key frames carry the matrix, for themselves and the frames that follow.
        if matrix != self._matrix and (matrix is not None or frame.key_frame):
            self._matrix, self._orientation = matrix, _orientation(matrix)
        aspect = aspect_of(frame)
        if self._orientation is not None:
            pixels = self._orientation.upright(pixels)
            aspect = 1 / aspect if self._orientation.transposed else aspect
        aspect /= self.pixel_aspect
        shape = (pixels.shape[1], pixels.shape[0]), aspect
        if shape not in self._known_shapes:
            self._known_shapes.add(shape)
            sides = f"{shape[0][0]}x{shape[0][1]}" + ("" if aspect == 1 else " with another pixel aspect")
            log.info("%s: frame of %s letterboxed into %dx%d", self._name, sides, *self.size)
        return letterbox(pixels, self.size, aspect)


class _Mark:
    """Attached to a single frame: PyAV 18 releases a shared object with the first of its frames."""

    def __init__(self, aspect: Fraction) -> None:
        self.aspect = aspect


class Aspects:
    """Marks the frames of a stream with their pixel aspect; see `aspect_of`.

    The decoder reports a new aspect while it still outputs earlier frames: it applies from the next key frame on.

    Args:
        stream: before anything is decoded.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._default = stream.sample_aspect_ratio or Fraction(1)
        self._fixed = stream.container.format.name.startswith(_FIXED)
        self._first: tuple[int, int, Fraction] | None = None
        self._now = self._default

    def mark(self, frames: list[VideoFrame], aspect: Fraction | None) -> None:
        """Mark frames from a decoder that reports `aspect` at the moment."""
        reported = aspect or self._default
        for frame in frames:
            if self._first is None:
                self._first = frame.width, frame.height, reported
                self._now = self._default if self._fixed else reported
            elif frame.key_frame:
                self._now = self._of_key_frame(frame, reported, self._first)
            frame.opaque = _Mark(self._now)

    def _of_key_frame(self, frame: VideoFrame, reported: Fraction, first: tuple[int, int, Fraction]) -> Fraction:
        if not self._fixed:
            return reported
        return self._default if (frame.width, frame.height) == first[:2] else self._default * reported / first[2]


def aspect_of(frame: VideoFrame) -> Fraction:
    """Return the pixel aspect with which `Aspects` has marked a frame, 1 if it has not."""
    return frame.opaque.aspect if isinstance(frame.opaque, _Mark) else Fraction(1)


def _display_matrix(frame: VideoFrame) -> bytes | None:
    return side_data(frame, Type.DISPLAYMATRIX)


def _orientation(matrix: bytes | None) -> Orientation | None:
    return None if matrix is None else Orientation(np.frombuffer(matrix, np.int32).reshape(3, 3))
