"""Frames from numbered images: a video in which each frame is a file."""

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from livedream.capture.images import RATE
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.formats.frame_time import FrameTime, frame_time
from livedream.formats.image_file import open_frames
from livedream.frame import Frame
from livedream.image import Still, read_still
from livedream.letterbox import letterbox
from livedream.names import NumberedName

log = logging.getLogger(__name__)


class ImageSequenceSource(Source):
    """The images that `pattern` names, in the order of their numbers.

    Pixels come from `read_still`; an image of another size or pixel aspect is letterboxed into that of the first. If an
    image cannot be read, this is logged, counted in `lost`, and the one before repeats in its place.

    Args:
        pattern: as for ffmpeg, `frames/%06d.png`: a path with one `%d` in the file name, or `%04d` for numbers of at
            least four digits. Missing numbers are logged; the images after them follow without a gap.
        rate: frames per second. Without it, each PNG that livedream wrote is shown at the time stored in it, and other
            images at 25 per second.

    Raises:
        SourceError: there is no such image, or none can be read.
    """

    live = False
    rewinds = True

    def __init__(self, pattern: str, *, rate: Fraction | int | None = None) -> None:
        self.name = pattern
        self.path = Path(pattern).parent
        numbers = find_numbered(Path(pattern))
        self._numbers = sorted(numbers)
        self._paths = [numbers[number] for number in self._numbers]
        first, last = min(numbers), max(numbers)
        if missing := last - first + 1 - len(numbers):
            log.warning("%s: %d of the numbers from %d to %d are missing", pattern, missing, first, last)
        self._closed = False
        self._next = 0
        self._last: Still = self._first_readable()
        self.size = self._last.pixels.shape[1], self._last.pixels.shape[0]
        self.pixel_aspect = self._last.pixel_aspect
        self.length = len(self._paths)
        known = None if rate else _time_in(self._paths[0])
        self._first_time = known.time if known else None
        self._origin = self._first_time
        """The time in the PNGs that becomes time 0; None if their times are not used."""
        self.rate = Fraction(rate or (known and known.rate) or RATE)
        self.rate_is_assumed = not rate and known is None
        self.time_base = known.tick if known else 1 / self.rate
        self._step = max(1, round(1 / self.rate / self.time_base)) * self.time_base
        self._last_time = -self._step
        """The time of the last frame."""
        self._is_repeated = False

    @property
    def files(self) -> Sequence[Path]:
        return self._paths

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._paths) and not self._closed:
            index = self._next
            self._next += 1
            time, duration = self._take_time(index)
            yield Frame(self._pixels(self._paths[index]), time, index, duration=duration)

    def skip(self, count: int) -> None:
        for index in range(self._next, min(self._next + count, len(self._paths))):
            self._take_time(index)
        self._next += count

    def rewind(self) -> None:
        self._is_repeated = True
        self._next, self._origin, self._last_time = 0, self._first_time, -self._step

    def close(self) -> None:
        self._closed = True

    def _take_time(self, index: int) -> tuple[Fraction, Fraction | None]:
        """Return when a frame is shown, and for how long if known. Call it once for each frame, in order."""
        time, duration = self._last_time + self._step, None
        known = None if self._origin is None else _time_in(self._paths[index])
        if known is not None and self._origin is not None and known.tick == self.time_base:
            follows = index == 0 or self._numbers[index] == self._numbers[index - 1] + 1
            if follows and known.time - self._origin > self._last_time:
                time = known.time - self._origin
            else:  # numbers are missing, or the images come from two videos: join them
                self._origin = known.time - time
            duration = known.duration
        self._last_time = time
        return time, duration

    def _first_readable(self) -> Still:
        for path in self._paths:
            try:
                return read_still(path)
            except SourceError as error:
                if len(self._paths) == 1:
                    raise
                log.debug("%s", error)
        raise SourceError(
            f"none of the {len(self._paths)} pictures {self.name} can be read",
            "open one with another program to check",
        )

    def _pixels(self, path: Path) -> np.ndarray:
        try:
            self._last = read_still(path)
        except SourceError as error:
            if not self._is_repeated:
                self.lost += 1
                log.warning("%s; the image before repeats in its place", error)
        pixels = self._last.pixels
        size = pixels.shape[1], pixels.shape[0]
        if size != self.size:
            log.info("%s: image of %dx%d letterboxed into %dx%d", path, *size, *self.size)
        return letterbox(pixels, self.size, self._last.pixel_aspect / self.pixel_aspect)


def _time_in(path: Path) -> FrameTime | None:
    """Return the time stored in a PNG; None if there is none or it cannot be read."""
    try:
        with open_frames(path) as image:
            return frame_time(image.info)
    except SourceError:
        return None


def find_numbered(pattern: Path) -> dict[int, Path]:
    """Return the images of a sequence by their numbers; at least one. Raises ArgumentError, SourceError."""
    numbered = NumberedName.parse(pattern.name, str(pattern))
    try:
        numbers = [(numbered.number_in(path.name), path) for path in pattern.parent.iterdir()]
        # A folder or a dangling link counts as a missing image.
        paths = {number: path for number, path in numbers if number is not None and path.is_file()}
    except OSError as error:
        raise SourceError(f"{pattern.parent}: {error.strerror}", "check the name of the folder") from error
    if not paths:
        raise SourceError(f"no such picture: {pattern}", "check the name and the number of digits")
    return paths
