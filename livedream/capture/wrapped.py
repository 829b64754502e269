"""A source that is another one, but for what its class changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livedream.capture.source import Source


class WrappedSource(Source):
    """`source` in all that it says of itself, and closed with it. A subclass gives its frames."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files

    def close(self) -> None:
        self._source.close()


def _of_source(name: str) -> Any:
    return property(lambda wrapped: getattr(wrapped._source, name))


# What a live source says of itself changes while it runs, so it is asked each time.
for _name in Source.__annotations__:
    setattr(WrappedSource, _name, _of_source(_name))
