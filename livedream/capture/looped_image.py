"""One picture, held for as long as is wanted: a film in which nothing moves."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from livedream.capture.kind import is_image
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.suffixes import PICTURES_IN


class LoopedImageSource(Source):
    """Gives one picture again and again, `length` times or for ever, `rate` times a second.

    what: the path of a picture. Raises ArgumentError when it is none, SourceError when it cannot be read.
    """

    live = False

    def __init__(self, what: str, rate: Fraction, length: int | None = None) -> None:
        if not is_image(Path(what)):
            raise ArgumentError(f"{what} is no picture", f"name one of {', '.join(PICTURES_IN)}")
        with open_source(what) as source:
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
