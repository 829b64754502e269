"""Frames from numbered pictures: a film in which each frame is a file."""

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from livedream.capture.images import RATE
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.frame_time import FrameTime, frame_time
from livedream.image import Still, read_still
from livedream.image_file import open_frames
from livedream.letterbox import letterbox
from livedream.names import NumberedName

log = logging.getLogger(__name__)


class ImageSequenceSource(Source):
    """The pictures that `pattern` names, in the order of their numbers.

    pattern: as for ffmpeg, `frames/%06d.png`: a path with one `%d` in the name of the file, or `%04d` for numbers of at
        least four digits. What is missing among the numbers is logged and closed up.
    rate: frames per second. Without it each PNG that livedream made is shown when the frame was that it holds, and all
        others follow one another 25 times a second.

    Pixels are as `read_still` gives them, a picture of another size or shape is letterboxed into that of the first. One
    that cannot be read is logged, counted in `lost`, and the one before stands in for it. Raises SourceError when there
    is no such picture, or none that can be read.
    """

    live = False
    rewinds = True

    def __init__(self, pattern: str, *, rate: Fraction | int | None = None) -> None:
        self.name = pattern
        self.path = Path(pattern).parent
        numbers = find_numbered(Path(pattern))
        self._numbers = sorted(numbers)
        self._pictures = [numbers[number] for number in self._numbers]
        first, last = min(numbers), max(numbers)
        if missing := last - first + 1 - len(numbers):
            log.warning("%s: %d of the numbers from %d to %d are missing", pattern, missing, first, last)
        self._closed = False
        self._next = 0
        self._last: Still = self._first_readable()
        self.size = self._last.pixels.shape[1], self._last.pixels.shape[0]
        self.pixel_aspect = self._last.pixel_aspect
        self.length = len(self._pictures)
        known = None if rate else _time_in(self._pictures[0])
        self._first_time = known.time if known else None
        self._origin = self._first_time
        """What the PNGs call time 0; None when their own times do not count."""
        self.rate = Fraction(rate or (known and known.rate) or RATE)
        self.rate_is_assumed = not rate and known is None
        self.time_base = known.tick if known else 1 / self.rate
        self._step = max(1, round(1 / self.rate / self.time_base)) * self.time_base
        self._shown = -self._step
        """The time of the last frame."""
        self._is_repeated = False

    @property
    def files(self) -> Sequence[Path]:
        return self._pictures

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._pictures) and not self._closed:
            index = self._next
            self._next += 1
            time, duration = self._take_time(index)
            yield Frame(self._pixels(self._pictures[index]), time, index, duration=duration)

    def skip(self, count: int) -> None:
        for index in range(self._next, min(self._next + count, len(self._pictures))):
            self._take_time(index)
        self._next += count

    def rewind(self) -> None:
        self._is_repeated = True
        self._next, self._origin, self._shown = 0, self._first_time, -self._step

    def close(self) -> None:
        self._closed = True

    def _take_time(self, index: int) -> tuple[Fraction, Fraction | None]:
        """Return when a frame is shown, and for how long where that is known. Call it once for each, in order."""
        time, duration = self._shown + self._step, None
        known = None if self._origin is None else _time_in(self._pictures[index])
        if known is not None and self._origin is not None and known.tick == self.time_base:
            follows = index == 0 or self._numbers[index] == self._numbers[index - 1] + 1
            if follows and known.time - self._origin > self._shown:
                time = known.time - self._origin
            else:  # numbers are missing, or of two films: they are joined
                self._origin = known.time - time
            duration = known.duration
        self._shown = time
        return time, duration

    def _first_readable(self) -> Still:
        for path in self._pictures:
            try:
                return read_still(path)
            except SourceError as error:
                if len(self._pictures) == 1:
                    raise
                log.debug("%s", error)
        raise SourceError(
            f"none of the {len(self._pictures)} pictures {self.name} can be read",
            "open one with another program to check",
        )

    def _pixels(self, path: Path) -> np.ndarray:
        try:
            self._last = read_still(path)
        except SourceError as error:
            if not self._is_repeated:
                self.lost += 1
                log.warning("%s; its neighbour stands in for it", error)
        pixels = self._last.pixels
        size = pixels.shape[1], pixels.shape[0]
        if size != self.size:
            log.info("%s: picture of %dx%d fitted into %dx%d", path, *size, *self.size)
        return letterbox(pixels, self.size, self._last.pixel_aspect / self.pixel_aspect)


def _time_in(path: Path) -> FrameTime | None:
    """Return what a PNG says about its time; None when it says nothing, or cannot be read."""
    try:
        with open_frames(path) as image:
            return frame_time(image.info)
    except SourceError:
        return None


def find_numbered(pattern: Path) -> dict[int, Path]:
    """Return the pictures of a sequence by their numbers; at least one. Raises ArgumentError, SourceError."""
    numbered = NumberedName.parse(pattern.name, str(pattern))
    try:
        numbers = [(numbered.number_in(path.name), path) for path in pattern.parent.iterdir()]
        # A folder, or a link to nothing, is a picture that is missing.
        found = {number: path for number, path in numbers if number is not None and path.is_file()}
    except OSError as error:
        raise SourceError(f"{pattern.parent}: {error.strerror}", "check the name of the folder") from error
    if not found:
        raise SourceError(f"no such picture: {pattern}", "check the name and the number of its digits")
    return found
