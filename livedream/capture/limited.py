"""The first seconds of a source that does not end by itself."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from livedream.capture.source import Source
from livedream.frame import Frame


class LimitedSource(Source):
    """The frames of `source` until `seconds` have passed since its first one; otherwise like it, and closed with it."""

    def __init__(self, source: Source, seconds: Fraction) -> None:
        self._source = source
        self._seconds = seconds
        self._end: Fraction | None = None
        rate = None if source.live else source.rate
        self.length = None if rate is None else min(source.length or 10**9, -(-seconds * rate // 1))

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

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files

    def close(self) -> None:
        self._source.close()


def _of_source(name: str) -> Any:
    return property(lambda limited: getattr(limited._source, name))


# What a live source says of itself changes while it runs, so it is asked each time.
for _name in set(Source.__annotations__) - {"length"}:
    setattr(LimitedSource, _name, _of_source(_name))
