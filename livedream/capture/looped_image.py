"""One image, repeated for as long as needed: a video in which nothing moves."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from livedream.capture.kind import is_image
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.frame import Frame


class LoopedImageSource(Source):
    """Yields one image again and again.

    Args:
        what: the path of the image.
        rate: frames per second.
        length: the number of frames, None for no limit.

    Raises:
        ArgumentError: it is not a picture.
        SourceError: it cannot be read.
    """

    live = False

    def __init__(self, what: str, rate: Fraction, length: int | None = None) -> None:
        with open_source(what) as source:
            if not is_image(Path(what)):
                raise ArgumentError(f"{what} is not a picture", "name a PNG, a JPEG, a WebP or another image file")
            self._pixels = next(iter(source)).pixels
            self.path, self.pixel_aspect = source.path, source.pixel_aspect
        self.name = what
        self.rate = rate
        self.length = length
        self.time_base = 1 / rate
        self.size = self._pixels.shape[1], self._pixels.shape[0]
        self._next = 0
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed and (self.length is None or self._next < self.length):
            self._next += 1
            yield Frame(self._pixels, (self._next - 1) / Fraction(self.rate or 1), self._next - 1)

    def close(self) -> None:
        self._closed = True
