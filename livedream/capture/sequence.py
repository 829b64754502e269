"""Frames from numbered pictures: a film in which each frame is a file."""

import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from livedream.capture.images import RATE
from livedream.capture.source import NUMBERED, Source
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.letterbox import letterbox
from livedream.picture import read_picture

log = logging.getLogger(__name__)


class SequenceSource(Source):
    """The pictures that `pattern` names, in the order of their numbers, 25 to the second.

    pattern: as for ffmpeg, `frames/%06d.png`: a path with one `%d` in the name of the file, or `%04d` for numbers of at
        least four digits. What is missing among the numbers is logged and closed up.

    Pixels are as `read_picture` gives them, a picture of another size is letterboxed into that of the first. Raises
    SourceError when there is no such picture, and when one cannot be read, named.
    """

    live = False
    rate = RATE
    time_base = 1 / RATE

    def __init__(self, pattern: str) -> None:
        self.name = pattern
        self.path = Path(pattern).parent
        numbers = _find(Path(pattern))
        self._pictures = [numbers[number] for number in sorted(numbers)]
        first, last = min(numbers), max(numbers)
        if missing := last - first + 1 - len(numbers):
            log.warning("%s: %d of the numbers from %d to %d are missing", pattern, missing, first, last)
        pixels = read_picture(self._pictures[0])
        self.size = pixels.shape[1], pixels.shape[0]
        self.length = len(self._pictures)
        self._next = 0
        self._closed = False

    @property
    def files(self) -> Sequence[Path]:
        return self._pictures

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._pictures) and not self._closed:
            index = self._next
            self._next += 1
            yield Frame(self._read(self._pictures[index]), Fraction(index) / RATE, index)

    def skip(self, count: int) -> None:
        self._next += count

    def close(self) -> None:
        self._closed = True

    def _read(self, path: Path) -> np.ndarray:
        pixels = read_picture(path)
        size = pixels.shape[1], pixels.shape[0]
        if size == self.size:
            return pixels
        log.info("%s: picture of %dx%d fitted into %dx%d", path, *size, *self.size)
        return letterbox(pixels, self.size)


def _find(pattern: Path) -> dict[int, Path]:
    """Return the pictures of a sequence by their numbers."""
    places = list(NUMBERED.finditer(pattern.name))
    if len(places) != 1:
        raise ArgumentError(f"{pattern} has a place for {len(places)} numbers", "name one: frames/%06d.png")
    (place,) = places
    digits = int(place[2] or 1) if place[1] else 1
    before, after = pattern.name[: place.start()], pattern.name[place.end() :]
    wanted = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    try:
        names = {path: wanted.fullmatch(path.name) for path in pattern.parent.iterdir()}
    except OSError as error:
        raise SourceError(f"{pattern.parent}: {error.strerror}", "check the name of the folder") from error
    found = {
        int(match[1]): path
        for path, match in names.items()
        if match and len(match[1]) >= digits and match[1] == f"{int(match[1]):0{digits}d}"
    }
    if not found:
        raise SourceError(f"no such picture: {pattern}", "check the name and the number of its digits")
    return found
