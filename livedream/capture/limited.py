"""The first seconds of a source that does not end by itself."""

from collections.abc import Iterator
from fractions import Fraction

from livedream.capture.source import Source
from livedream.capture.wrapped import WrappedSource
from livedream.frame import Frame


class LimitedSource(WrappedSource):
    """The frames of `source` within `seconds` of its first one. The rest is as in `source`; it is closed with this."""

    def __init__(self, source: Source, seconds: Fraction) -> None:
        super().__init__(source)
        self._seconds = seconds
        self._end: Fraction | None = None
        rate = None if source.live else source.rate
        self._length = None if rate is None else min(source.length or 10**9, -(-seconds * rate // 1))

    @property
    def source(self) -> Source:
        return self._source

    @property
    def length(self) -> int | None:  # type: ignore[override]  # a plain attribute of other sources
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            if self._end is None:
                self._end = frame.time + self._seconds
            if frame.time >= self._end:
                return
            yield frame

    def rewind(self) -> None:
        self._source.rewind()
        self._end = None
